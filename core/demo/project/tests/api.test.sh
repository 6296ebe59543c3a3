. tests/expect.sh

sh server/api.sh POST /entries bird "Puffin" >/dev/null
sh server/api.sh POST /entries ship "Barque, two masts" >/dev/null

expect "a logbook is read in the order in which it was written" "Puffin
Barque, two masts" "$(sh server/api.sh GET /entries | sed -n 's/.*"text": "\(.*\)"}.*/\1/p')"

expect "sea serpents are not kept" '{"error": "a kind is one of ship, bird, weather, lamp"}' \
    "$(sh server/api.sh POST /entries serpent "Large")"
