# Reads a contract and hands on its parts. Used beside a program: awk -f text.awk -f traps.awk.
#
# A clause opens with a line `<number>  <title> (<date>)` and ends with `(End of clause)`. Its
# paragraphs are parted by blank lines and indented by four spaces a level.
#
# The program beside this one defines two functions:
#   opened()              a clause has opened; see `clause`, `title` and `dated`
#   sentence(text, from)  one sentence of `clause`; it starts at offset `from` of its paragraph
# and may ask line_at(offset) for a line number, and `place` for the paragraph, such as `(d)(1)`.

/^[0-9]+\.[0-9]+-[0-9]+  / { end_paragraph(); open_clause(); next }
/^\(End of clause\)/       { end_paragraph(); clause = ""; next }
/^[ \t]*$/                 { end_paragraph(); next }
clause != ""               { add_line($0) }
END                        { end_paragraph() }

function open_clause() {
    clause = $1
    title = substr($0, length($1) + 3)
    dated = ""
    if (match(title, / \([A-Z][A-Z][A-Z] [0-9]+\)$/)) {
        dated = substr(title, RSTART + 2, RLENGTH - 3)
        title = substr(title, 1, RSTART - 1)
    }
    place = ""
    opened()
}

function add_line(line) {
    match(line, /^ */)
    line = substr(line, RLENGTH + 1)
    if (paragraph == "") line = set_place(line, int(RLENGTH / 4))
    else paragraph = paragraph " "
    marks++
    mark[marks] = length(paragraph) + 1
    mark_line[marks] = NR
    paragraph = paragraph line
}

# Takes the label off a paragraph's first line; a label stands under those of the levels above.
function set_place(line, level,    i, label) {
    if (match(line, /^\([a-z0-9]+\) /)) {
        label = substr(line, 1, RLENGTH - 1)
        line = substr(line, RLENGTH + 1)
    }
    labels[level] = label
    place = ""
    for (i = 0; i <= level; i++) place = place labels[i]
    return line
}

# A sentence ends at a full stop before a capital, unless the stop follows one (`U.S. Department`).
function end_paragraph(    from, next_at, stop) {
    from = next_at = 1
    while (match(substr(paragraph, next_at), /\.["]? ["(A-Z]/)) {
        stop = next_at + RSTART - 1
        next_at = stop + 1
        if (substr(paragraph, stop - 1, 1) ~ /[A-Z]/) continue
        next_at = stop + RLENGTH - 1
        sentence(substr(paragraph, from, next_at - 1 - from), from)
        from = next_at
    }
    if (from <= length(paragraph)) sentence(substr(paragraph, from), from)
    paragraph = ""
    marks = 0
}

function line_at(offset,    i) {
    for (i = marks; i > 1 && mark[i] > offset; i--) ;
    return mark_line[i]
}

# One text as JSON. Control characters have no place in a contract and become spaces.
function json(text,    i, c, out) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\"" || c == "\\") c = "\\" c
        else if (c ~ /[[:cntrl:]]/) c = " "
        out = out c
    }
    return "\"" out "\""
}
