"""The text of an ENVI header: to fields and back, with letter case, lists and order kept.

SPy has a reader and a writer for this, but they keep letter case only by a process-wide switch, and
take the text to be in the encoding of the machine.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from napari_dodn.formats.errors import FormatError

Fields = dict[str, str | list[str]]

ITEMS_PER_LINE = 8

OWN = "napari-dodn "
"""Beginning of the names of our own fields; what stands in them is text, never a list."""


def is_header(path: Path) -> bool:
    """Tell whether a file begins as an ENVI header does."""
    with path.open("rb") as file:
        return decoded(file.readline(64)).lstrip().startswith("ENVI")


def read_header(path: Path) -> Fields:
    """Read the fields of a header file.

    Returns
    -------
    dict
        Field names as the file spells them (blanks collapsed); each value a string, or a list of
        strings where it stands in braces. The description and our own fields are always one string.

    Raises
    ------
    FormatError
        If the file is no ENVI header, or a brace is never closed.
    """
    if not is_header(path):
        raise FormatError(f"{path} is not an ENVI header: its first line is not 'ENVI'.")
    text = decoded(path.read_bytes()).strip().replace("\r\n", "\n").replace("\r", "\n")
    lines = deque(line.strip() for line in text.split("\n")[1:])
    fields: Fields = {}
    while lines:
        line = lines.popleft()
        name, equals, value = line.partition("=")
        if not equals or line.startswith(";"):
            continue
        name, value = " ".join(name.split()), value.strip()
        if not value and lines and lines[0].startswith("{"):
            value = lines.popleft()
        if not value.startswith("{"):
            fields[name] = value
            continue
        inner = [value]
        while not inner[-1].endswith("}"):
            if not lines:
                raise FormatError(f"{path} is damaged: the field '{name}' has no closing brace.")
            inner.append(lines.popleft())
        fields[name] = _inside_braces(name, inner)
    return fields


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
            if name.casefold() == "description" or name.startswith(OWN) or "\n" in text:
                text = f"{{\n{text}}}"
        lines.append(f"{name} = {text}")
    # Half a character, as of a file's name in another encoding, is a "?".
    return ("\n".join(lines) + "\n").encode("utf-8", "replace").decode()


def _inside_braces(name: str, lines: list[str]) -> str | list[str]:
    if name.casefold() == "description" or name.startswith(OWN):
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
