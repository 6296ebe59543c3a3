n_migrations=$(ls db/migrations | awk 'END { print NR }')
expect "the schema is as new as the migrations" "-- version: $n_migrations" "$(sed -n 2p db/schema.sql)"
