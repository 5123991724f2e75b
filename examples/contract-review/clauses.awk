# The contract's index, as a JSON array. Fails when there is no clause to review.
# awk -f text.awk -f clauses.awk contract.txt

function opened() {
    count++
    number[count] = clause
    heading[count] = title
    date[count] = dated
    opened_at[count] = NR
}

function sentence(text, from,    parts) {
    word_count[count] += split(text, parts, " ")
}

END {
    if (count == 0) {
        print "no clause found in the contract" > "/dev/stderr"
        exit 1
    }
    printf "["
    for (i = 1; i <= count; i++)
        printf "%s\n  {\"clause\": %s, \"title\": %s, \"date\": %s, \"line\": %d, \"words\": %d}", \
            (i > 1 ? "," : ""), json(number[i]), json(heading[i]), json(date[i]), opened_at[i], word_count[i]
    print "\n]"
}
