"""Which step of a fault script a request meets."""

from __future__ import annotations

from qlogship.sandbox import faults
from qlogship.sandbox.faults import Action, Drop, Hang, LoseReply, Pass, Script, Status, Step


def _names(script: Script, *operations: str, file: bytes | None = None) -> list[str]:
    names = []
    for operation in operations:
        action, script = faults.take(script, operation, file)
        names.append(action.name)
    return names


def test_empty() -> None:
    """Without a script everything passes."""
    assert faults.take(Script(), "upload") == (Pass(), Script())


def test_order_and_times() -> None:
    """Steps are used up in order, each as often as it says; then everything passes."""
    script = Script((Step("upload", 2, Drop()), Step("upload", 1, LoseReply())))
    assert _names(script, *["upload"] * 4) == ["drop", "drop", "lose_reply", "pass"]


def test_operation() -> None:
    """A step is for its own operation, and `any` is for all."""
    script = Script((Step("clear", 1, Drop()), Step("any", 2, Hang())))
    assert _names(script, "login", "clear", "upload", "upload") == ["hang", "drop", "hang", "pass"]


def test_for_ever() -> None:
    """A step without a number of times is never used up."""
    script = Script((Step("any", None, Status(503)),))
    assert _names(script, *["upload"] * 5) == ["status"] * 5


def test_too_large() -> None:
    """`too_large` counts for files above its limit, and lets the others go on to later steps."""
    script = Script((Step("upload", None, faults.TooLarge(3)), Step("upload", 1, Drop())))
    assert faults.looks_inside(script, "upload")
    assert _names(script, "upload", file=b"1234") == ["too_large"]
    assert _names(script, "upload", "upload", file=b"123") == ["drop", "pass"]


def test_refuse_containing() -> None:
    """`refuse_containing` counts for files with the bytes in them."""
    script = Script((Step("upload", None, faults.RefuseContaining(b"|1.7|")),))
    assert _names(script, "upload", file=b"1|1.7|q") == ["refuse_containing"]
    assert _names(script, "upload", file=b"1|11.7|q") == ["pass"]


def test_looks_inside() -> None:
    """The file is needed only when the next step for the operation looks into it."""
    script = Script((Step("upload", 1, Drop()), Step("upload", None, faults.TooLarge(3))))
    assert not faults.looks_inside(script, "upload")
    _, script = faults.take(script, "upload")
    assert faults.looks_inside(script, "upload")
    assert not faults.looks_inside(script, "login")


def test_applies() -> None:
    """An action says whether the work is done behind it."""
    done: list[Action] = [
        Pass(),
        LoseReply(),
        faults.HalfReply(),
        faults.Trickle(),
        faults.Delay(1.0),
    ]
    undone: list[Action] = [
        Drop(),
        Hang(),
        Status(500),
        faults.Html(),
        faults.Redirect(),
        faults.TooLarge(1),
    ]
    assert all(faults.applies(action) for action in done)
    assert not any(faults.applies(action) for action in undone)
    assert all(faults.applies(a) for a in (Status(500, apply=True), Hang(apply=True)))


def test_on_record() -> None:
    """What goes on record is the status, or words where there was no proper answer."""
    assert faults.on_record(Pass()) == "200"
    assert faults.on_record(Status(503)) == "503"
    assert faults.on_record(faults.TooLarge(1)) == "413"
    assert faults.on_record(LoseReply()) == "reply lost"
