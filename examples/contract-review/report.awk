# The review as plain text. Reads what a step is given: {"task": ..., "context": {step: output}}.
# awk -f report.awk < step-input.json
#
# The JSON is flattened: value["context.traps.0.line"] is a scalar, size["context.traps"] the length
# of an array, and keys["context"] the names in an object, parted by SUBSEP.

{ document = document $0 "\n" }

END {
    at = 1
    read_value("in")
    if (!("in.context.traps" in size)) fail("the step was given no traps")
    heading(value["in.task"] == "" ? "Contract review" : value["in.task"])
    print_traps("automatic", "Takes effect by itself, or by silence")
    print_traps("notice-window", "Needs a notice inside a period")
    print_traps("limit", "Ends a right or a duty")
    print_traps("option", "One side decides alone")
    print_periods("true", "Blanks to fill in before anyone signs")
    print_periods("false", "Periods already fixed")
    print_outcome("review", "Review", "no approval was given")
    print_outcome("send_notice", "Notice", "none was sent")
}

function heading(text) {
    print text
    gsub(/./, "=", text)
    print text
}

function print_traps(class, about,    i, path) {
    printf "\n%s\n", about
    for (i = 0; i < size["in.context.traps"]; i++) {
        path = "in.context.traps." i
        if (value[path ".class"] != class) continue
        printf "\n  %s\n", cited(path)
        wrap(value[path ".text"], "    ", "    ")
    }
}

function print_periods(blank, about,    i, path) {
    printf "\n%s\n\n", about
    for (i = 0; i < size["in.context.dates"]; i++) {
        path = "in.context.dates." i
        if (value[path ".blank"] == blank) wrap(cited(path) ": " value[path ".text"], "  ", "    ")
    }
}

function print_outcome(step, label, otherwise,    path, names, count, i, text) {
    path = "in.context." step
    if (value[path] != "") text = value[path]
    count = split(keys[path], names, SUBSEP)
    for (i = 1; i <= count; i++)
        if (value[path "." names[i]] != "")
            text = text (text == "" ? "" : ", ") names[i] " " value[path "." names[i]]
    sub(/[ \n]+$/, "", text)
    printf "\n%s: %s\n", label, (text == "" ? otherwise : text)
}

function cited(path) {
    return value[path ".clause"] value[path ".paragraph"] ", line " value[path ".line"]
}

function wrap(text, first, others,    words, count, i, line) {
    count = split(text, words, " ")
    line = first words[1]
    for (i = 2; i <= count; i++) {
        if (length(line) + 1 + length(words[i]) > 88) {
            print line
            line = others words[i]
        } else line = line " " words[i]
    }
    print line
}

# Reading JSON: each function starts at `at` in `document` and leaves `at` past what it read.

function read_value(path,    c) {
    c = next_char()
    if (c == "{") read_object(path)
    else if (c == "[") read_array(path)
    else if (c == "\"") read_output(path)
    else if (match(substr(document, at), /^[-+.a-zA-Z0-9]+/)) {
        value[path] = substr(document, at, RLENGTH)
        if (value[path] == "null") value[path] = ""
        at += RLENGTH
    } else fail("the step was given something that is not JSON, at character " at)
}

# A step that prints JSON may arrive as a text that holds it.
function read_output(path,    text, outer, outer_at) {
    text = read_text()
    if (text !~ /^[ \n]*[\[{]/) {
        value[path] = text
        return
    }
    outer = document
    outer_at = at
    document = text
    at = 1
    read_value(path)
    document = outer
    at = outer_at
}

function read_object(path,    name) {
    at++
    while (next_char() != "}") {
        name = read_text()
        keys[path] = keys[path] (keys[path] == "" ? "" : SUBSEP) name
        if (next_char() != ":") fail("`:` expected at character " at)
        at++
        read_value(path "." name)
        if (next_char() == ",") at++
        else if (next_char() != "}") fail("`,` or `}` expected at character " at)
    }
    at++
}

function read_array(path) {
    at++
    size[path] = 0
    while (next_char() != "]") {
        read_value(path "." size[path])
        size[path]++
        if (next_char() == ",") at++
        else if (next_char() != "]") fail("`,` or `]` expected at character " at)
    }
    at++
}

function read_text(    out, c) {
    if (next_char() != "\"") fail("a text expected at character " at)
    at++
    while (match(substr(document, at), /^[^"\\]+/) || substr(document, at, 1) == "\\") {
        if (substr(document, at, 1) != "\\") {
            out = out substr(document, at, RLENGTH)
            at += RLENGTH
            continue
        }
        c = substr(document, at + 1, 1)
        at += 2
        if (c == "n") c = "\n"
        else if (c ~ /[bfrt]/) c = " "
        else if (c == "u") {
            c = "?" # Only what must be escaped is escaped, and none of that is printable.
            at += 4
        }
        out = out c
    }
    if (substr(document, at, 1) != "\"") fail("a text does not end")
    at++
    return out
}

function next_char() {
    while (substr(document, at, 1) ~ /[ \t\r\n]/) at++
    return substr(document, at, 1)
}

function fail(message) {
    print "report.awk: " message > "/dev/stderr"
    exit 1
}
