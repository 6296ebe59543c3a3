# For tests: a logbook of their own, and one way to say what is expected.

LAMPBOOK_FILE=$(mktemp)
LAMPBOOK_NOW=1987-11-03T04:10:00Z
export LAMPBOOK_FILE LAMPBOOK_NOW
trap 'rm -f "$LAMPBOOK_FILE"' EXIT

# Ends the test unless two texts are the same: what it is about, expected, actual.
expect() {
    [ "$2" = "$3" ] && return
    printf '%s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
    exit 1
}
