"""How a file is read in the panel, as Python and as a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dodn.formats.registry import written_suffixes
from napari_dodn.plugin.kit.copying import NothingToCopyError, command_line, words_of_reading
from napari_dodn.plugin.open.sources import FileSource

if TYPE_CHECKING:
    from napari_dodn.plugin.open.steps import Preview


KINDS = ("white", "dark")
"""References, in the order in which they are taken."""


def as_python(preview: Preview | None) -> str:
    """Return the lines of Python that read the same cube.

    Raises
    ------
    NothingToCopyError
        If there is no cube, or it is of no file.
    """
    path, options = _read(preview)
    references = [repr(options.pop(kind)) for kind in KINDS if kind in options]
    words = ", ".join([repr(path), *(f"{name}={value!r}" for name, value in options.items())])
    lines = ["from napari_dodn import read", "", f"cube = read({words})"]
    if references:
        lines.insert(1, "from napari_dodn.calibration import reflectance")
        lines.append(f"cube = reflectance(cube, {', '.join(f'read({x})' for x in references)})")
    return "\n".join([*lines, ""])


def as_command(preview: Preview | None) -> str:
    """Return the command line that converts the same cube.

    Raises
    ------
    NothingToCopyError
        If there is no cube, or it is of no file.
    """
    path, options = _read(preview)
    words = ["napari-dodn", "convert", path, f"cube{written_suffixes()[0]}"]
    return command_line([*words, *words_of_reading(options)])


def _read(preview: Preview | None) -> tuple[str, dict[str, Any]]:
    """Return the path of a cube's file, and what is to be said of it, by names of options."""
    if preview is None or preview.fault is not None:
        raise NothingToCopyError("Choose a cube first.")
    choice, cube = preview.choice, preview.cube
    if not isinstance(choice.source, FileSource):
        raise NothingToCopyError("Only cubes from files can be copied; this one is a layer.")
    options: dict[str, Any] = {}
    if choice.name_tells:
        options["dataset"] = choice.candidate.name
    if choice.axes != choice.candidate.axes:
        options["axes"] = choice.axes
    if choice.wavelengths.strip() and cube.wavelengths is not None:
        options["wavelengths"] = [float(f"{place:.6g}") for place in cube.wavelengths]
    if choice.no_data.strip():
        options["nodata"] = cube.nodata
    for kind in KINDS:
        if path := getattr(choice, kind).strip():
            options[kind] = path
    return str(choice.source.path), options
