"""What a package carries, for programs that look for known faults: a CycloneDX document.

Here live the document, a pure function of the libraries, and how these are found: by the lock,
and by what each library says of itself. Nothing of the build is in it, so it is the same each time.
"""

from __future__ import annotations

import email
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tools.packages.notices import licence_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SPECIFICATION: Final = "1.6"
_LOCKED: Final = re.compile(
    r"^([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})$", re.MULTILINE
)
# Of what a library tells of the parts that were compiled into it (PEP 770).
_TOLD: Final = ("type", "name", "version", "purl", "hashes", "licenses")


class UnlockedError(Exception):
    """The libraries are not those that the lock names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One library: the file that its authors published, and what is inside of it."""

    name: str
    version: str
    sha256: str
    licence: dict[str, Any]
    """In CycloneDX' form."""
    inside: tuple[dict[str, Any], ...] = field(default=())
    """Components that it was compiled with, as its authors list them."""


def locked(text: str) -> dict[str, tuple[str, str]]:
    """Return the version and the hash of each library that the text of a lock names."""
    return {name: (version, digest) for name, version, digest in _LOCKED.findall(text)}


def libraries(lock: str, site: Path) -> list[Library]:
    """Return the libraries in a folder, by name; `lock` is the text of the lock they came from.

    Raises UnlockedError if the folder holds others than the lock.
    """
    wanted = locked(lock)
    found: dict[str, Library] = {}
    for info in site.glob("*.dist-info"):
        metadata = email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))
        name = re.sub(r"[-_.]+", "-", str(metadata["Name"])).lower()
        version, digest = wanted.get(name, ("", ""))
        if metadata["Version"] != version:
            raise UnlockedError(f"{info.name} is not in the lock")
        inside = [
            {key: part[key] for key in _TOLD if key in part}
            for told in sorted(info.glob("sboms/*.json"))
            for part in json.loads(told.read_bytes()).get("components", [])
        ]
        found[name] = Library(
            name=name,
            version=version,
            sha256=digest,
            licence=_licence(metadata),
            inside=tuple(inside),
        )
    if missing := wanted.keys() - found.keys():
        raise UnlockedError(f"{min(missing)} is in the lock and not in the package")
    return [found[name] for name in sorted(found)]


def bill_of_materials(
    carried: Iterable[Library], *, package: str, version: str, author: str, when: int
) -> str:
    """Return the document, as JSON; `when` is the date of the package, in seconds since 1970."""
    root = f"pkg:generic/{package}@{version}"
    components = [_component(library) for library in carried]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "authors": [{"name": author}],
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": package,
                "version": version,
                "licenses": [{"expression": "MIT"}],
                "purl": root,
            },
        },
        "components": components,
        "dependencies": [
            {"ref": root, "dependsOn": [one["bom-ref"] for one in components]},
            *({"ref": one["bom-ref"]} for one in components),
        ],
    }
    # The format wants a number for each document; the same document has the same one.
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    document = {"$schema": _SCHEMA, "serialNumber": f"urn:uuid:{number}", **document}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


_SCHEMA: Final = f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json"


def _component(library: Library) -> dict[str, Any]:
    """Return a library as the document has it."""
    purl = f"pkg:pypi/{library.name}@{library.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": library.name,
        "version": library.version,
        "licenses": [library.licence],
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": library.sha256}],
    }
    if library.inside:
        component["components"] = list(library.inside)
    return component


def _licence(metadata: email.message.Message) -> dict[str, Any]:
    """Return a library's licence: as an expression where it states one, else by its name."""
    if expression := metadata["License-Expression"]:
        return {"expression": str(expression)}
    return {"license": {"name": licence_of(metadata) or "unknown"}}
