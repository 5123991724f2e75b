# The topics of the notes, each once.

BEGIN { FS = " *[|] *" }
/^#/ || NF < 2 { next }
!seen[$1]++ { print $1 }
