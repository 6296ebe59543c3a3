# Turns the logbook into JSON, in the order it was written.

BEGIN { FS = "\t"; printf "[" }

{
    printf "%s\n  {\"at\": \"%s\", \"kind\": \"%s\", \"text\": \"%s\"}", (NR > 1 ? "," : ""), $1, $2, escaped($3)
}

END { print "\n]" }

# Quotes and backslashes get a backslash. Splits at the quotes because no two awks agree on backslashes in gsub.
function escaped(text,    parts, n, i, out) {
    gsub(/\\/, "&&", text)
    n = split(text, parts, "\"")
    out = parts[1]
    for (i = 2; i <= n; i++) out = out "\\\"" parts[i]
    return out
}
