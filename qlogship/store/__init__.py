"""All state in one SQLite file: archive, cursor, ledger; every SQL statement is in here."""
