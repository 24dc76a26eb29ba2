"""A state database in memory."""

from __future__ import annotations

import sqlite3

from qlogship.state.database import bring_up_to_date


def state_in_memory() -> sqlite3.Connection:
    """Return a state database that lives in memory, and that nothing was written to yet."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    bring_up_to_date(connection, ":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
