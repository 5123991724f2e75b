# Every period, with the clause it stands in.

{
    split($0, part, /\./)
    rest = $0
    while (match(rest, /[0-9]+ days/)) {
        print part[1] ": " substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
    }
}
