"""A cube's whole description as JSON, as our own files of foreign formats carry it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.formats.errors import FormatError

OWN = "napari_dodn"
"""The one key of the JSON; no other software's begins so."""

ATTRIBUTES = "attributes"

SEPARATORS = (", ", " : ")
"""tifffile takes a description with '"shape":' in it, without a blank, for one of its own."""

LEFT_OUT = "The description that napari-dodn wrote is left out, since the image has another shape."
CHANGED = (
    "The description that napari-dodn wrote is left out, since other software has changed the file."
)
"""What is said where others have cropped or changed what we wrote."""

OF_THE_FILE = ("name", "source", "read_as")
"""What a cube has from the file that it is read from."""


def description_text(cube: HyperCube, attributes: Mapping[str, Any] | None = None) -> str:
    """Return the description of a cube, and the shape that it is true of, as JSON in ASCII.

    Parameters
    ----------
    cube : HyperCube
        The cube.
    attributes : mapping, optional
        What else the file says of the cube, to tell later whether other software has changed it.
    """
    description = {k: v for k, v in cube.description().items() if k not in OF_THE_FILE}
    told = {} if attributes is None else {ATTRIBUTES: dict(attributes)}
    content = {OWN: {"shape": cube.shape, **told, **description}}
    return json.dumps(content, default=str, separators=SEPARATORS)


def is_description(text: str) -> bool:
    """Tell whether a text is what `description_text` gave."""
    return text.startswith(f'{{"{OWN}" :')


def described_shape(path: Path, text: str) -> tuple[int, ...]:
    """Return the shape of the cube that a description was written with.

    Raises
    ------
    FormatError
        If the description is damaged.
    """
    try:
        return tuple(_parsed(path, text)["shape"])
    except (KeyError, TypeError) as error:
        raise _damaged(path) from error


def described_attributes(path: Path, text: str) -> dict[str, Any] | None:
    """Return the attributes that a description was written with; None for older files."""
    told = _parsed(path, text).get(ATTRIBUTES)
    return told if isinstance(told, dict) else None


def cube_described(path: Path, data: Any, text: str) -> HyperCube:
    """Return the cube of a file, from its pixels and what `description_text` gave.

    Raises
    ------
    FormatError
        If the description is damaged.
    """
    try:
        return HyperCube.described(
            data, {**_parsed(path, text), "name": path.stem, "source": str(path)}
        )
    except UserError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise _damaged(path) from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        description = json.loads(text)[OWN]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(description, dict):
        raise _damaged(path)
    return description


def _damaged(path: Path) -> FormatError:
    return FormatError(f"{path} is damaged: its description makes no sense.")
