"""The copyright file of the .deb: qlogship's own licence, and those of the libraries in it."""

from __future__ import annotations

import email
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

# Texts that every Debian has, and that its policy wants to be pointed at.
_ON_EVERY_DEBIAN: Final = {"Apache-2.0", "MPL-2.0"}
_FULL_APACHE: Final = re.compile(r"Apache License\s+Version 2\.0, January 2004")
_NAMES: Final = {
    "License :: OSI Approved :: MIT License": "MIT",
    "MIT License": "MIT",
    "ISC License": "ISC",
}
_HEAD: Final = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: qlogship
Comment:
 The Python libraries below {place} are the
 files that their authors published, by version and hash; each has its licence
 in its *.dist-info folder there, too.
"""


class NoLicenceError(Exception):
    """Something that would be passed on without the terms under which it may be."""


def copyright_file(own: str, site: Path, place: Path) -> str:
    """Return the copyright file, in Debian's machine-readable form.

    `own` is the text of qlogship's licence, `site` the folder with the libraries as they are
    packaged, `place` the same as installed. Raises NoLicenceError.
    """
    stanzas = [_HEAD.format(place=f"/{place}"), _stanza("*", own, "MIT")]
    unknown = set(site.iterdir())
    for info in sorted(site.glob("*.dist-info")):
        metadata = email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))
        parts = _parts(site, info)
        unknown -= set(parts)
        if metadata["Name"] == "qlogship":
            continue
        texts = sorted(
            path
            for path in info.rglob("*")
            if path.is_file() and re.match(r"(?i)licen[cs]e|copying|notice", path.name)
        )
        licence = licence_of(metadata)
        if not texts or not licence:
            raise NoLicenceError(f"{info.name} does not tell its licence")
        text = "\n\n".join(
            text
            for path in texts
            if not _FULL_APACHE.search(text := path.read_text(encoding="utf-8").strip())
        )
        files = " ".join(f"{place}/{path.name}{'/*' if path.is_dir() else ''}" for path in parts)
        stanzas.append(_stanza(files, text, licence))
    if unknown:
        raise NoLicenceError(f"no library is known to have brought {min(unknown).name}")
    return "\n".join(stanzas)


def _parts(site: Path, info: Path) -> list[Path]:
    """Return what belongs to a library: its own folder of notes, and its modules by their name."""
    library = re.sub(r"-.*", "", info.name).lower()
    modules = {
        "python_dotenv": ["dotenv"],
        "python_multipart": ["multipart", "python_multipart"],
        "markdown_it_py": ["markdown_it"],
    }.get(library, [library])
    found = [site / name for name in modules if (site / name).is_dir()]
    found += [site / f"{name}.py" for name in modules if (site / f"{name}.py").is_file()]
    return [*found, info]


def licence_of(metadata: email.message.Message) -> str:
    """Return the short name of a library's licence; empty if it has none."""
    stated = str(metadata["License-Expression"] or metadata["License"] or "")
    if not stated:
        named = [str(value) for value in metadata.get_all("Classifier", [])]
        stated = next((value for value in named if value.startswith("License ::")), "")
    return _NAMES.get(stated, stated)


def _stanza(files: str, text: str, licence: str) -> str:
    """Return one stanza: files, copyright, licence with its text or where it is."""
    lines = (line.strip(" #*\t") for line in text.splitlines())
    owners = [line for line in lines if re.match(r"(?i)copyright .*\d{4}|copyright \(c\)", line)]
    if licence in _ON_EVERY_DEBIAN:
        body = f"See /usr/share/common-licenses/{licence}."
    elif " OR " in licence:
        # The first of them is the one chosen here.
        licence = licence.split(" OR ", 1)[0]
        body = text
    else:
        body = text
    indented = "\n".join(f" {line.rstrip()}" if line.strip() else " ." for line in body.split("\n"))
    authors = "\n           ".join(owners) or "its authors, see the licence"
    name = licence.replace(" ", "-")
    return f"Files: {files}\nCopyright: {authors}\nLicense: {name}\n{indented}\n"
