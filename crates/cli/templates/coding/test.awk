# Compares the slug of each first column with the second, and fails if one differs.

BEGIN { FS = "|" }
slug($1) != $2 {
    print "line " NR ": `" $1 "` became `" slug($1) "`, not `" $2 "`"
    failed++
}
END {
    if (failed) exit 1
    print NR " cases passed"
}
