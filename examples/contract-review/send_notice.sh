#!/bin/sh
# Sends a notice that the contract will not be extended. Sent, it cannot be called back.
# NOTICE_MAILER names the program that sends it: it gets the notice on stdin.
set -eu
: "${NOTICE_MAILER:?set it to the program that sends mail}"

"$NOTICE_MAILER" <<'NOTICE'
Notice under clauses 52.217-8 and 52.217-9: the term of this contract will not be extended,
and no option under those clauses will be exercised.
NOTICE
echo "notice handed to $NOTICE_MAILER"
