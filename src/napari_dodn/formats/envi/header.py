"""The text of an ENVI header: to fields and back, with letter case, lists and order kept.

SPy has a reader and a writer for this, but they keep letter case only by a process-wide switch, and
take the text to be in the encoding of the machine.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from napari_dodn.formats.errors import FormatError

Fields = dict[str, str | list[str]]

ITEMS_PER_LINE = 8

OWN = "napari-dodn "
"""Beginning of the names of our own fields; what stands in them is text, never a list."""

LAYOUT_FIELDS = frozenset(
    {
        "samples",
        "lines",
        "bands",
        "header offset",
        "file type",
        "data type",
        "interleave",
        "byte order",
    }
)
"""Fields that say how the data file is laid out; a written file has its own."""

KNOWN = frozenset(
    {
        *("description", "samples", "lines", "bands", "header offset", "file type", "data type"),
        *("interleave", "byte order", "sensor type", "wavelength units", "wavelength", "fwhm"),
        *("wavelengths", "bbl", "band names", "data ignore value", "reflectance scale factor"),
        *("data gain values", "data offset values", "default bands", "map info", "pixel size"),
        *("coordinate system string", "x start", "y start", "default stretch", "z plot titles"),
        *("z plot range", "acquisition time", "file compression", "projection info", "rpc info"),
        *("geo points", "spectra names", "classes", "class names", "class lookup"),
    }
)
"""Fields of ENVI: a line that begins with one of these and "=" is no item of a list."""

DECIDING = {
    "interleave": r"interleave",
    "byte order": r"byte[ \t_-]*order",
    "header offset": r"header[ \t_-]*offset",
}
"""Fields without which the pixels would be guessed, and how they may be spelt in the text."""

BRACKETS = {"{": "}", "[": "]", "(": ")"}


def is_header(path: Path) -> bool:
    """Tell whether a file begins as an ENVI header does."""
    with path.open("rb") as file:
        return decoded(file.read(64)).lstrip().casefold().startswith("envi")


def read_header(path: Path, notes: list[str] | None = None) -> Fields:
    """Read the fields of a header file.

    Parameters
    ----------
    path : Path
        The header.
    notes : list of str, optional
        Gets a sentence for each place where the text is not as it should be.

    Returns
    -------
    dict
        Field names as the file spells them (blanks collapsed); each value a string, or a list of
        strings where it stands in braces. The description and our own fields are always one string.
        A field that is there again, with another value, has a number behind its name.

    Raises
    ------
    FormatError
        If the file is no ENVI header, or it is unclear which field says how the pixels are stored.
    """
    if not is_header(path):
        raise FormatError(f"{path} is not an ENVI header: its first line is not 'ENVI'.")
    text = decoded(path.read_bytes()).strip().replace("\r\n", "\n").replace("\r", "\n")
    lines = deque(line.strip() for line in text.split("\n")[1:])
    notes = [] if notes is None else notes
    fields: Fields = {}
    while lines:
        line = lines.popleft()
        name, equals, value = line.partition("=")
        if not equals or line.startswith(";"):
            continue
        name, value = " ".join(name.split()), value.strip()
        if not value and next(filter(None, lines), "").startswith("{"):
            while not value:
                value = lines.popleft()
        read: str | list[str]
        if value.startswith("{"):
            read = _inside_braces(name, _until_closed(name, value, lines, notes))
        else:
            read = _continued(value, lines)
        _add(path, fields, name, read, notes)
    _refuse_swallowed(path, text, fields)
    return fields


def _until_closed(name: str, first: str, lines: deque[str], notes: list[str]) -> list[str]:
    """Take the lines of a value in braces, without what follows its first closing brace."""
    is_text = _is_text(name)
    inner: list[str] = []
    line = first
    while "}" not in line or (line.startswith(";") and not is_text):
        inner.append(line)
        if not lines or (_begins_field(lines[0]) and (not is_text or _is_unclosed(lines))):
            end = "before the next field" if lines else "with the header"
            notes.append(f"The header's '{name}' has no closing brace; it ends {end}.")
            return [*inner[:-1], inner[-1].rstrip(", "), "}"]
        line = lines.popleft()
    value, brace, tail = line.partition("}")
    tail = tail.strip(" \t,}")
    if tail and not tail.startswith((";", "#")):
        notes.append(f"What follows the closing brace of the header's '{name}' is ignored.")
    return [*inner, value + brace]


def _begins_field(line: str) -> bool:
    name, equals, _ = line.partition("=")
    return bool(equals) and " ".join(name.split()).casefold() in KNOWN


def _is_unclosed(lines: deque[str]) -> bool:
    """Tell whether the next brace is not one that closes."""
    brace = next((line for line in lines if "{" in line or "}" in line), "{")
    return brace.partition("{")[0].find("}") < 0


def _continued(value: str, lines: deque[str]) -> str:
    """Return a value without braces, with the lines that an open bracket or a comma leads to."""
    closing = BRACKETS.get(value[:1])
    while lines and "=" not in lines[0] and lines[0]:
        if not (value.endswith(",") or (closing is not None and closing not in value)):
            break
        value = f"{value}\n{lines.popleft()}"
    return value


def _add(path: Path, fields: Fields, name: str, value: str | list[str], notes: list[str]) -> None:
    """Add a field; one that already exists keeps its value, and the other one a number."""
    there = next((key for key in fields if key.casefold() == name.casefold()), None)
    if there is None:
        fields[name] = value
    elif fields[there] != value:
        if name.casefold() in LAYOUT_FIELDS:
            raise FormatError(f"{path} has the field '{name}' twice, with different values.")
        notes.append(f"The header has the field '{name}' more than once; the first one counts.")
        number = 2
        while f"{name} ({number})" in fields:
            number += 1
        fields[f"{name} ({number})"] = value


def _refuse_swallowed(path: Path, text: str, fields: Fields) -> None:
    """Refuse a header that says how the pixels are stored where no field can be read."""
    there = {name.casefold().replace("_", " ") for name in fields}
    for name, spelling in DECIDING.items():
        pattern = rf"^[ \t;#]*{spelling}\b|\b{spelling}\s*[=:]"
        if name not in there and re.search(pattern, text, re.IGNORECASE | re.MULTILINE):
            raise FormatError(
                f"{path} is damaged: it mentions '{name}', but not as a field of its own."
            )


def format_header(fields: Mapping[str, object]) -> str:
    """Return the text of a header; lists go into braces, and so does the description.

    A comma inside of a list's item would divide it, so it becomes a semicolon.
    """
    lines = ["ENVI"]
    for name, value in fields.items():
        name = " ".join(name.replace("=", " ").split())
        if isinstance(value, list | tuple):
            items = [_without_braces(str(item)).replace(",", ";") for item in value]
            rows = [
                ", ".join(items[i : i + ITEMS_PER_LINE])
                for i in range(0, len(items), ITEMS_PER_LINE)
            ]
            text = "{" + ",\n ".join(rows) + "}"
        else:
            text = _without_braces(str(value))
            if _is_text(name) or "\n" in text:
                text = f"{{\n{text}}}"
        lines.append(f"{name} = {text}")
    # Half a character, as of a file's name in another encoding, is a "?".
    return ("\n".join(lines) + "\n").encode("utf-8", "replace").decode()


def _is_text(name: str) -> bool:
    return name.casefold() == "description" or name.startswith(OWN)


def _inside_braces(name: str, lines: list[str]) -> str | list[str]:
    if _is_text(name):
        return "\n".join(lines)[1:-1].strip()
    inner = "\n".join(line for line in lines if not line.startswith(";"))[1:-1]
    return [item.strip() for item in inner.split(",")] if inner.strip() else []


def _without_braces(text: str) -> str:
    """Replace what would end a list early."""
    return text.replace("{", "(").replace("}", ")")


def decoded(text: bytes) -> str:
    """Return text in UTF-16 with a mark of it, in UTF-8, or else in Windows' western code page."""
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return text.decode("utf-16", errors="replace")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.decode("cp1252", errors="replace")
