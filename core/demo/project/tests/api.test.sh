api POST /entries bird "Puffin" >/dev/null
api POST /entries ship "Barque, two masts" >/dev/null

expect "a logbook is read in the order it was written" "Puffin
Barque, two masts" "$(api GET /entries | texts)"

expect "sea serpents are not kept" '{"error": "kind must be one of ship, bird, weather, lamp"}' \
    "$(api POST /entries serpent "Large")"
