"""The dark and white references that lie beside a scan, known by their names.

Specim's recorders write `DARKREF_scan` and `WHITEREF_scan`, Headwall's `darkReference` and
`whiteReference`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from napari_dodn.formats.envi.files import name_of
from napari_dodn.formats.envi.header import is_header

REFERENCE = re.compile(
    r"(white|dark|whitedark)([_ -]?(ref|reference|current|frame)([_\-. \d].*)?)?|"
    r".*[_ -](white|dark)[_ -]?(ref|reference)",
    re.IGNORECASE,
)
"""Whole names, without suffixes, of the references of a scan."""

Kind = Literal["white", "dark"]


def is_reference(path: Path) -> bool:
    """Tell whether a file or header is called like the dark or white reference of a scan."""
    return REFERENCE.fullmatch(name_of(path.with_name(f"{path.stem}.hdr"))) is not None


def references_of(header: Path) -> dict[Kind, Path]:
    """Return the headers of the references that lie beside a scan.

    Parameters
    ----------
    header : Path
        The header of the scan.

    Returns
    -------
    dict
        "white" and "dark", as far as there is one of each, or one that is named after the scan.
    """
    name = name_of(header).casefold()
    found: dict[Kind, Path] = {}
    if is_reference(header):
        return found
    references = [file for file in headers_in(header.parent) if is_reference(file)]
    kinds: tuple[Kind, ...] = ("white", "dark")
    for kind in kinds:
        of_kind = [file for file in references if file.name.casefold().startswith(kind)]
        of_kind = [file for file in of_kind if not file.name.casefold().startswith("whitedark")]
        named = [file for file in of_kind if name_of(file).casefold().endswith(name)]
        if len(named or of_kind) == 1:
            found[kind] = (named or of_kind)[0]
    return found


def headers_in(folder: Path) -> Iterator[Path]:
    """Yield the headers of ENVI in a folder."""
    if folder.is_dir():
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() == ".hdr" and file.is_file() and is_header(file):
                yield file
