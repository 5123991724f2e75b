# Turns a title into the last part of an address.

function slug(title) {
    title = tolower(title)
    gsub(/[^a-z0-9]+/, "-", title)
    sub(/^-/, "", title)
    sub(/-$/, "", title)
    return title
}
