# Runs one test, with a logbook of its own:  sh tests/expect.sh tests/api.test.sh

LAMPBOOK_FILE=$(mktemp)
LAMPBOOK_NOW=1987-11-03T04:10:00Z
export LAMPBOOK_FILE LAMPBOOK_NOW
trap 'rm -f "$LAMPBOOK_FILE"' EXIT

api() { sh server/api.sh "$@"; }

archive() { awk -f db/export.awk "$LAMPBOOK_FILE"; }

# Reads JSON entries and writes their texts, one a line, as JSON has them.
texts() { sed -n 's/.*"text": "\(.*\)"}.*/\1/p'; }

# Ends the test unless two texts are the same: what it is about, expected, actual.
expect() {
    [ "$2" = "$3" ] && return
    printf '%s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
    exit 1
}

. "$1"
