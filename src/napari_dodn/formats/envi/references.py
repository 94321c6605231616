"""The dark and white references that lie beside a scan, known by their names.

Specim's recorders write `DARKREF_scan` and `WHITEREF_scan`, Headwall's `darkReference` and
`whiteReference`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from napari_dodn.formats.envi.files import headers_of, is_called_header, name_of
from napari_dodn.formats.envi.header import is_header

REFERENCE = re.compile(
    r"(?P<kind>white|dark|whitedark)"
    r"([_ -]?\d+|[_ -]?(ref|reference|current|frame|panel|tile|target|plate)"
    r"(?P<scan>[_\-. \d].*)?)?|"
    r"(?P<scan_before>.*)[_ -](?P<kind_behind>white|dark)[_ -]?(ref|reference)",
    re.IGNORECASE,
)
"""Whole names, without suffixes, of the references of a scan."""

OF_A_SCAN = re.compile(
    r"(?P<kind>white|dark)[_ -](?P<scan>.+)|(?P<scan_before>.+)[_ -](?P<kind_behind>white|dark)",
    re.IGNORECASE,
)
"""Names that count only where the scan that they name lies beside them."""

Kind = Literal["white", "dark"]


def is_reference(path: Path) -> bool:
    """Tell whether a file or header is called like the dark or white reference of a scan."""
    return _match(path) is not None


def references_of(path: Path) -> dict[Kind, Path]:
    """Return the headers of the references that lie beside a scan.

    Parameters
    ----------
    path : Path
        The scan, by its header or its data file; other files have none.

    Returns
    -------
    dict
        "white" and "dark", as far as there is one of each, or one that is named after the scan.
    """
    found: dict[Kind, Path] = {}
    header = path if is_called_header(path) else next(iter(headers_of(path)), None)
    if header is None or is_reference(header):
        return found
    name = name_of(header).casefold()
    kinds: tuple[Kind, ...] = ("white", "dark")
    for kind in kinds:
        own, of_any = [], []
        for file in header.parent.iterdir():
            match = _match(file) if file.suffix.lower() == ".hdr" else None
            if match is None or (match["kind"] or match["kind_behind"]).casefold() != kind:
                continue
            scan = (match["scan"] or match["scan_before"] or "").casefold().strip("_-. ")
            if scan == name:
                own.append(file)
            elif not scan.strip("0123456789"):
                of_any.append(file)
        if len(own or of_any) == 1 and is_header((own or of_any)[0]):
            found[kind] = (own or of_any)[0]
    return found


def _match(path: Path) -> re.Match[str] | None:
    name = name_of(path.with_name(f"{path.stem}.hdr"))
    if match := REFERENCE.fullmatch(name):
        return match
    match = OF_A_SCAN.fullmatch(name)
    if match is None:
        return None
    scan = (match["scan"] or match["scan_before"]).casefold()
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    headers = (file for file in beside if is_called_header(file))
    return match if any(name_of(file).casefold() == scan for file in headers) else None


def headers_in(folder: Path) -> Iterator[Path]:
    """Yield the headers of ENVI in a folder."""
    if folder.is_dir():
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() == ".hdr" and file.is_file() and is_header(file):
                yield file
