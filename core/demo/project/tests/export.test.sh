printf '1987-11-03T04:10:00Z\tlamp\tLit\n' >"$LAMPBOOK_FILE"
expect "an entry becomes a row" "INSERT INTO entries (at, kind, text) VALUES ('1987-11-03T04:10:00Z', 'lamp', 'Lit');" \
    "$(archive | sed -n 2p)"
