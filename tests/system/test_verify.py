"""`qlogship verify`, as a person types it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from qlogship.errors import ExitCode
from qlogship.state.database import FILE_NAME
from tests.support.books import Books, whole

if TYPE_CHECKING:
    from tests.support.installation import Installation

AT = 1_795_500_000


def test_it_names_damage_and_ends_with_3(installation: Installation) -> None:
    """What is whole is OK; a bit that flipped is named, with its records and what to type."""
    with Books(installation.state) as books:
        books.upload(books.archive(whole("one", AT)))
        books.archive(whole("two", AT + 60))
        books.stand()
    done = installation.call("verify")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert done.stdout.startswith("OK: all is as it was written: 6 records in 2 chunks, 1 upload.")

    with closing(sqlite3.connect(installation.state / FILE_NAME)) as db, db:
        db.execute("UPDATE chunk SET data = replace(data, 'two', 'twp') WHERE first_seq = 4")

    done = installation.call("verify")
    assert done.returncode == ExitCode.IN_DOUBT
    assert done.stdout.startswith("DAMAGED: records 4 to 6 (")
    assert "in no upload" in done.stdout
    assert "`qlogship import /log/1`" in done.stdout
    document = json.loads(installation.call("verify", "--json").stdout)
    assert not document["ok"]
    assert [one["first_record"] for one in document["damaged"]] == [4]


def test_rows_that_changed_are_read_from_their_copies(installation: Installation) -> None:
    """A row that is not as it was written is told of; what is printed is as it was."""
    with Books(installation.state) as books:
        books.upload(books.archive(whole("one", AT)))
        books.stand()
    with closing(sqlite3.connect(installation.state / FILE_NAME)) as db, db:
        db.execute("UPDATE upload SET calls = 7")

    done = installation.call("verify")
    assert done.returncode == ExitCode.IN_DOUBT
    assert "1 row of the state database changed by themselves, in upload" in done.stdout
    shown = json.loads(installation.call("uploads", "--json").stdout)
    assert [row["calls"] for row in shown] == [1]
