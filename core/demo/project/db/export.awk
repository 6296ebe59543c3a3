# Turns the logbook into SQL for the archive:  awk -f db/export.awk entries.tsv
# The floppy with the result leaves on the Thursday boat.

BEGIN { FS = "\t"; print "BEGIN;" }

{
    printf "INSERT INTO entries (at, kind, text) VALUES ('%s', '%s', '%s');\n", $1, $2, $3
}

END { print "COMMIT;" }
