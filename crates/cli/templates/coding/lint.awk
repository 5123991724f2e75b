# Names lines that are too long or end in blanks, and fails if there is one.

length($0) > 100 { complain("is longer than 100 characters") }
/[ \t]$/ { complain("ends in blanks") }

function complain(what) {
    print FILENAME ":" FNR " " what
    failed++
}

END {
    if (failed) exit 1
    print NR " lines are clean"
}
