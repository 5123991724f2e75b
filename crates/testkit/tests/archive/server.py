"""An S3 server of another maker's, moto, on a free port of this machine; prints the port.

It ends with whoever started it: when standard input closes. Uploads go one at a time: moto looks whether a name is taken and takes it in two steps, which S3 does in one.
"""

import os
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

app = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()


def one_upload_at_a_time(environ, start_response):
    if environ["REQUEST_METHOD"] != "PUT":
        return app(environ, start_response)
    with turn:
        return list(app(environ, start_response))


def end_with_whoever_started_it():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_whoever_started_it, daemon=True).start()
server = make_server("127.0.0.1", 0, one_upload_at_a_time, threaded=True)
print(server.port, flush=True)
server.serve_forever()
