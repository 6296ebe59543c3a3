#!/bin/sh
# Runs every test in this directory. Each is a file `*.test.sh` and passes if it exits with 0.
set -u
cd "$(dirname "$0")/.." || exit 1

n_failed=0
for test in tests/*.test.sh; do
    if output=$(sh tests/expect.sh "$test" 2>&1); then
        echo "pass  $test"
    else
        echo "FAIL  $test"
        printf '%s\n' "$output" | sed 's/^/      /'
        n_failed=$((n_failed + 1))
    fi
done

[ "$n_failed" -eq 0 ] || echo "$n_failed failed"
[ "$n_failed" -eq 0 ]
