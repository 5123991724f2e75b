# Clauses in which something happens by itself, or one side decides alone.

function trap(clause) {
    if (clause ~ /automatically/) return "takes effect by itself"
    if (clause ~ /sole discretion/) return "one side decides alone"
    if (clause ~ /waived/) return "a right is lost by waiting"
    return ""
}

trap($0) != "" {
    split($0, part, /\. /)
    traps[++count] = part[1] ". " part[2] ": " trap($0)
    print traps[count]
}
