"""The bare loop to compare with: read a file, post it piece by piece with httpx."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

if __name__ == "__main__":
    url, path = sys.argv[1:]
    with httpx.Client() as client, Path(path).open("rb") as file:
        while piece := file.read(900_000):
            client.post(
                f"{url}/api/reports/asterisk/upload",
                files={"logs": ("queue_log", piece, "application/octet-stream")},
                headers={"Authorization": "Bearer bench"},
            ).raise_for_status()
