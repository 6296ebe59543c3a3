# Runs one test, with its own logbook:  sh tests/expect.sh tests/api.test.sh

LAMPBOOK_FILE=$(mktemp)
LAMPBOOK_NOW=1987-11-03T04:10:00Z
export LAMPBOOK_FILE LAMPBOOK_NOW
trap 'rm -f "$LAMPBOOK_FILE"' EXIT

api() { sh server/api.sh "$@"; }

archive() { awk -f db/export.awk "$LAMPBOOK_FILE"; }

# Reads JSON entries and prints their texts, one per line, escaped as in JSON.
texts() { sed -n 's/.*"text": "\(.*\)"}.*/\1/p'; }

# Fails the test unless two texts are equal: expect DESCRIPTION EXPECTED ACTUAL
expect() {
    [ "$2" = "$3" ] && return
    printf '%s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
    exit 1
}

. "$1"
