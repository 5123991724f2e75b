# What is known by topic, and what still needs a source.

BEGIN { FS = " *[|] *" }
/^#/ || NF < 2 { next }
$3 == "" {
    doubts = doubts "\n  " $2
    next
}
!seen[$1]++ { topic[++topics] = $1 }
{ known[$1] = known[$1] "\n  " $2 "\n      " $3 }

END {
    for (i = 1; i <= topics; i++) print topic[i] known[topic[i]] "\n"
    if (doubts != "") print "needs a source" doubts
}
