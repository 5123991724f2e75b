# Claims that name no source.

BEGIN { FS = " *[|] *" }
/^#/ || NF < 2 { next }
$3 == "" { print $1 ": " $2 }
