-- The archive as it is today. Each migration also updates this file and its version.
-- version: 1

CREATE TABLE entries (
    id   INTEGER PRIMARY KEY,
    at   TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('ship', 'bird', 'weather', 'lamp')),
    text TEXT NOT NULL
);

CREATE INDEX entries_by_time ON entries (at);
