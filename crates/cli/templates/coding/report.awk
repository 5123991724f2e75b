# One line a case.

BEGIN { FS = "|" }
{ printf "%-22s -> %s\n", $1, slug($1) }
