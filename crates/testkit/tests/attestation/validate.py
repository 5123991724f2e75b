"""Judges an attestation and a bill of materials with the public libraries, and nothing of ours.

usage: validate.py ENVELOPE VERIFIER_KEY BOM

Prints what it found as one JSON object. Any disagreement is an exception.
"""

import base64
import json
import sys

import google.protobuf.json_format as pb_json
import in_toto_attestation.v1.statement_pb2 as spb
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey


def key_of(verifier):
    """A C2SP verifier key, `name+id+base64(1 ‖ public key)`, as that library knows keys."""
    name, number, packed = verifier.split("+", 2)
    packed = base64.b64decode(packed, validate=True)
    assert len(packed) == 33 and packed[0] == 1, "an Ed25519 key"
    return SSlibKey(f"{name}+{number}", "ed25519", "ed25519", {"public": packed[1:].hex()})


def check_envelope(path, key):
    with open(path, "rb") as file:
        envelope = Envelope.from_dict(json.load(file))
    assert envelope.payload_type == "application/vnd.in-toto+json"
    assert list(envelope.verify([key], 1)) == [key.keyid]
    flipped = bytearray(envelope.payload)
    flipped[len(flipped) // 2] ^= 1
    try:
        Envelope(bytes(flipped), envelope.payload_type, envelope.signatures).verify([key], 1)
        raise AssertionError("a changed payload verifies")
    except VerificationError:
        pass
    return envelope.payload


def check_statement(payload):
    # Unknown fields are errors here: every key is one of in-toto's own, or inside the predicate.
    parsed = pb_json.Parse(payload, spb.Statement(), ignore_unknown_fields=False)
    Statement.copy_from_pb(parsed).validate()
    return json.loads(payload)


def check_bom(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    error = JsonStrictValidator(version).validate_str(text)
    assert error is None, error
    bad = json.loads(text)
    bad["serialNumber"] = "no number"
    assert JsonStrictValidator(version).validate_str(json.dumps(bad)) is not None, "anything passes"
    return json.loads(text)


def main():
    envelope, verifier, bom = sys.argv[1:]
    statement = check_statement(check_envelope(envelope, key_of(verifier)))
    parts = check_bom(bom)["components"]
    kinds = sorted({part["type"] for part in parts})
    print(json.dumps({"subjects": len(statement["subject"]), "kinds": kinds, "parts": len(parts)}))


main()
