# Sentences by which a contract goes on, ends or changes, as a JSON array.
# awk -f text.awk -f traps.awk contract.txt
#
# Each has the first class that fits:
#   automatic      takes effect by itself, or by one side's silence
#   notice-window  asks for a notice inside a period
#   limit          ends a right or a duty
#   option         lets one side decide alone

BEGIN { printf "[" }

function opened() { }

function sentence(text, from,    class) {
    class = class_of(tolower(text))
    if (class == "") return
    printf "%s\n  {\"clause\": %s, \"paragraph\": %s, \"line\": %d, \"class\": %s, \"text\": %s}", \
        (count++ ? "," : ""), json(clause), json(place), line_at(from), json(class), json(text)
}

function class_of(text) {
    if (text ~ /automatic|fails to notify|considered to include|shall occur (by|on|at)|will be adjusted|shall apply to this contract|shall continue performance/)
        return "automatic"
    if (text ~ /notice|notif/ && text ~ /within|no later than|at least|promptly/)
        return "notice-window"
    if (text ~ /shall not exceed|no later than|not over|up to [0-9]+|until the expiration|any deliveries under this contract after|under this contract beyond/)
        return "limit"
    if (text ~ /may (extend|exercise|terminate|increase|require)|may be exercised|option clause|does not commit/)
        return "option"
    return ""
}

END { print "\n]" }
