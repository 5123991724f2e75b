# Frames its lines.

{
    line[NR] = $0
    if (length($0) > width) width = length($0)
}

END {
    for (i = 0; i < width + 4; i++) edge = edge "*"
    print edge
    for (i = 1; i <= NR; i++) printf "* %-" width "s *\n", line[i]
    print edge
}
