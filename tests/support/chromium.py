"""A real browser without a window, spoken to over a pipe (the Chrome DevTools Protocol)."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

PROGRAM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
_PATIENCE: Final = 30.0
# The browser reads from descriptor 3 and writes to 4.
_LAUNCH: Final = """
import os, sys
read, write = (os.dup(os.dup(os.dup(int(number)))) for number in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
# The contrast of all text that is seen, against the first ground behind it (WCAG 2, 1.4.3).
_CONTRAST: Final = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  let least = 21;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("title, desc")) continue;
    const style = getComputedStyle(element);
    const ink = rgba(element.closest("svg") ? style.fill : style.color);
    let ground = element;
    while (ground && rgba(getComputedStyle(ground).backgroundColor)[3] < 255)
      ground = ground.parentElement;
    const [a, b] = [light(ink), light(rgba(getComputedStyle(ground).backgroundColor))];
    least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return least;
})()"""
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


@dataclass
class Visit:
    """What showing a page came to.

    `width` is what its content takes, in CSS pixels, `contrast` the least of all text.
    """

    width: int = 0
    contrast: float = 0.0
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class Chromium:
    """Start the browser; use it in a `with`."""

    def __init__(self) -> None:
        assert PROGRAM is not None
        self._profile = tempfile.mkdtemp(prefix="qlogship-chromium-")
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _LAUNCH,
                str(to_read),
                str(to_write),
                PROGRAM,
                *_OPTIONS,
                f"--user-data-dir={self._profile}",
            ],
            pass_fds=(to_read, to_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)
        shutil.rmtree(self._profile, ignore_errors=True)

    def visit(self, page: Path, *, width: int, dark: bool = False) -> Visit:
        """Show a file; return how it went."""
        session = self._open(page, width=width, dark=dark)
        visit = Visit(int(self.evaluate(session, "document.documentElement.scrollWidth")))
        visit.contrast = float(self.evaluate(session, _CONTRAST))
        for event in self._events:
            method, facts = event["method"], event["params"]
            if method == "Network.requestWillBeSent":
                visit.requests.append(facts["request"]["url"])
            elif method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"} or (
                method == "Log.entryAdded"
            ):
                visit.complaints.append(json.dumps(facts))
        return visit

    def picture(self, page: Path, *, width: int, dark: bool = False) -> bytes:
        """Show a file; return all of it as PNG."""
        session = self._open(page, width=width, dark=dark)
        shot = self._call(
            "Page.captureScreenshot", session, format="png", captureBeyondViewport=True
        )
        return base64.b64decode(shot["data"])

    def evaluate(self, session: str, expression: str) -> Any:  # noqa: ANN401 -- it is JSON
        """Return what an expression is on the page."""
        done = self._call("Runtime.evaluate", session, expression=expression, returnByValue=True)
        return done["result"]["value"]

    def _open(self, page: Path, *, width: int, dark: bool) -> str:
        target = self._call("Target.createTarget", None, url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", None, targetId=target, flatten=True)
        session = str(attached["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable", session)
        self._call(
            "Emulation.setDeviceMetricsOverride",
            session,
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=width < 720,
        )
        looks = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", session, features=[looks])
        self._events.clear()
        self._call("Page.navigate", session, url=page.absolute().as_uri())
        deadline = time.monotonic() + _PATIENCE
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._take(deadline)
        return session

    def _call(self, method: str, session: str | None, **parameters: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = self._take(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _take(self, deadline: float) -> dict[str, Any]:
        """Wait for a message; keep it if it is an event."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], deadline - time.monotonic())
            piece = os.read(self._read, 1 << 16) if ready else b""
            assert piece, "the browser does not answer"
            self._buffer += piece
        head, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(head)
        if "method" in message:
            self._events.append(message)
        return message
