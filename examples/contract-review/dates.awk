# Every period in the contract, and every blank where one belongs, as a JSON array.
# awk -f text.awk -f dates.awk contract.txt

BEGIN {
    UNIT = "(calendar |business |working )?(day|month|year)s?"
    PERIOD = "[0-9]+ " UNIT
    # A blank may carry its unit, and the drafter's instruction in brackets.
    BLANK = "__+( " UNIT "| \\(months\\) \\(years\\))?( \\[[^]]*\\])?"
    printf "["
}

function opened() { }

function sentence(text, from,    at, found) {
    at = 1
    while (match(substr(text, at), BLANK "|" PERIOD)) {
        found = substr(text, at + RSTART - 1, RLENGTH)
        print_period(found, line_at(from + at + RSTART - 2))
        at += RSTART + RLENGTH - 1
    }
}

function print_period(text, line) {
    printf "%s\n  {\"clause\": %s, \"paragraph\": %s, \"line\": %d, \"blank\": %s, \"text\": %s}", \
        (count++ ? "," : ""), json(clause), json(place), line, (text ~ /^_/ ? "true" : "false"), json(text)
}

END { print "\n]" }
