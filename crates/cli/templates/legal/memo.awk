# Ends the list of traps with what to do.

END {
    if (count) print "\n" count " clauses to talk about before anyone signs."
    else print "\nNothing stands out. A person has to read it all the same."
}
