# Number and title of each clause; fails when there is none.

/^[0-9]+\. / {
    split($0, part, /\. /)
    print part[1] " " part[2]
    found++
}
END { if (!found) exit 1 }
