#!/bin/sh
# The whole server: a CGI script, so that any web server can run it, and so can you.
#
#   sh server/api.sh GET  /entries
#   sh server/api.sh POST /entries bird "Puffin, alone, unimpressed"
#
# Entries live in one file, one line each: time, kind and text, separated by tabs. Lines never change:
# what has been seen has been seen.
set -eu

here=$(dirname "$0")
logbook=${LAMPBOOK_FILE:-$here/../entries.tsv}

method=${1:-${REQUEST_METHOD:-GET}}
path=${2:-${PATH_INFO:-/entries}}

# Prints the status if a web server is listening.
status() {
    [ -z "${GATEWAY_INTERFACE:-}" ] || printf 'Status: %s\r\nContent-Type: application/json\r\n\r\n' "$1"
}

refuse() {
    status "$1"
    printf '{"error": "%s"}\n' "$2"
    exit 1
}

list() {
    status "200 OK"
    [ -f "$logbook" ] || : >"$logbook"
    awk -f "$here/json.awk" "$logbook"
}

# A tab or newline in the text would start a second entry, so they become spaces.
add() {
    kind=$1
    text=$(printf '%s' "$2" | tr '\t\n\r' '   ')
    case $kind in
    ship | bird | weather | lamp) ;;
    *) refuse "400 Bad Request" "kind must be one of ship, bird, weather, lamp" ;;
    esac
    now=${LAMPBOOK_NOW:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}
    printf '%s\t%s\t%s\n' "$now" "$kind" "$text" >>"$logbook"
    status "201 Created"
    printf '{"at": "%s"}\n' "$now"
}

case "$method $path" in
"GET /entries") list ;;
"POST /entries") add "${3:-}" "${4:-}" ;;
*) refuse "404 Not Found" "there is nothing at this address but the sea" ;;
esac
