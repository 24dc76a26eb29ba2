"""All state in one SQLite file: opening it, who may write, how commands read it."""
