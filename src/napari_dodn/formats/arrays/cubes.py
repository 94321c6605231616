"""The cube of a file of named arrays: our own layout, a product's, or any that explains itself.

Our own layout is the array `cube` (bands, y, x) and the text `napari_dodn` with all the rest,
beside which `wavelengths`, `fwhm` and `good_bands` stand once more for other software.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.formats.arrays.attributes import attributes_of, with_unpacked_vectors
from napari_dodn.formats.arrays.band_arrays import with_band_arrays
from napari_dodn.formats.arrays.choosing import choose, find_readings
from napari_dodn.formats.arrays.columns import with_columns
from napari_dodn.formats.arrays.conventions import changes_since
from napari_dodn.formats.arrays.grid import is_elsewhere
from napari_dodn.formats.arrays.hdfeos import with_places_of_grids
from napari_dodn.formats.arrays.model import Reading, Store, with_three_axes
from napari_dodn.formats.arrays.products import describe_neon, prisma_readings
from napari_dodn.formats.arrays.texts import with_numbers_in_texts
from napari_dodn.formats.arrays.unsigned import with_unsigned
from napari_dodn.formats.contents import Candidate
from napari_dodn.formats.description import (
    CHANGED,
    LEFT_OUT,
    OWN,
    cube_described,
    described_attributes,
    described_shape,
)
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.lazy import lazy_pixels
from napari_dodn.wording import all_of

CUBE = "cube"
DIMENSIONS = ("band", "y", "x")
VECTORS = ("wavelengths", "fwhm", "good_bands")
"""Arrays beside the cube; each is called as the attribute of HyperCube that it holds."""


def cube_of(store: Store, options: ReadOptions) -> HyperCube:
    """Return the cube of a file, with pixels that are read when they are sliced.

    Parameters
    ----------
    store : Store
        What the file holds.
    options : ReadOptions
        `dataset` is the name of the array, `axes` are its axes as they are stored.

    Raises
    ------
    AmbiguousError
        If several arrays may be the cube.
    FormatError
        If none may, or an option does not fit.
    """
    store = _made_plain(store)
    text = _own_description(store)
    asked_for_own = options.axes is None and options.dataset in (None, CUBE)
    cube = _own_cube(store, text) if asked_for_own and text is not None else None
    if cube is not None:
        array = store.arrays[CUBE]
        if notes := [note for note in (array.note, array.check()) if note]:
            cube = cube.derive(notes=(*cube.notes, *notes))
    else:
        reading = choose(store, _readings(store, options), options)
        reading.notes += filter(None, (part.check() for part in reading.parts))
        if asked_for_own and text is not None:
            reading.notes.insert(0, CHANGED if _is_true(store, text) else LEFT_OUT)
        describe_neon(store, reading)
        attributes = attributes_of(store, reading)
        name, source = store.path.stem, str(store.path)
        cube = HyperCube(reading.pixels(), name=name, source=source, **attributes)
    return options.applied(cube)


def candidates_of(store: Store) -> list[Candidate]:
    """Return what may be the cube in a file.

    Raises
    ------
    FormatError
        If nothing may.
    """
    store = _made_plain(store)
    text = _own_description(store)
    if text is not None and _is_true(store, text):
        own = store.arrays[CUBE].stored
        reason = "napari-dodn wrote the file so."
        axes = "yxb" if store.by_columns else "byx"
        return [Candidate(CUBE, tuple(own.shape), own.dtype.name, axes, reason, fixed=True)]
    candidates = [reading.candidate() for reading in _readings(store, AS_STORED)]
    return list({candidate.name: candidate for candidate in reversed(candidates)}.values())[::-1]


def _made_plain(store: Store) -> Store:
    """Return what a file holds, with numbers for texts, and cubes for arrays of other axes."""
    plain = with_numbers_in_texts(with_unpacked_vectors(with_unsigned(store)))
    return with_band_arrays(with_three_axes(with_columns(with_places_of_grids(plain))))


def _readings(store: Store, options: ReadOptions) -> list[Reading]:
    return prisma_readings(store, options.axes) or find_readings(store, options)


def _own_description(store: Store) -> str | None:
    """Return the text of our own layout, None where the file is somebody else's."""
    array = store.arrays.get(OWN)
    text = store.attributes.get("", {}).get(OWN) if array is None else array.values
    return text if isinstance(text, str) and CUBE in store.arrays else None


def _is_true(store: Store, text: str) -> bool:
    """Tell whether our description is still that of the cube, which others may have cropped.

    That of MATLAB's files is of another form, and was looked at before.
    """
    return store.by_columns or described_shape(store.path, text) == store.arrays[CUBE].shape


def _own_cube(store: Store, text: str) -> HyperCube | None:
    """Return the cube of our own layout; None where others have cropped, turned or moved it."""
    if not _is_true(store, text):
        return None
    array = store.arrays[CUBE]
    cube = cube_described(store.path, lazy_pixels(array.stored, "byx"), text)
    if is_elsewhere(store, Reading(CUBE, (array,), "byx", ""), cube.map_info):
        return None
    return _with_changes(store, cube, described_attributes(store.path, text))


def _with_changes(store: Store, cube: HyperCube, told: dict[str, Any] | None) -> HyperCube:
    """Return a cube with what is said of it in the file, where others have changed that."""
    changed: dict[str, Any] = {}
    if told is not None:
        said = store.attributes.get(CUBE, {})
        changed |= changes_since(told, said, store.arrays[CUBE].stored.dtype)
    for name in (*VECTORS, "gain", "offset"):
        values, own = getattr(store.arrays.get(name), "values", None), getattr(cube, name)
        if isinstance(values, np.ndarray) and values.size == cube.bands:
            values = values if own is None else values.astype(own.dtype)
            if own is None or not np.array_equal(values, own, equal_nan=True):
                changed[name] = values
    if not changed:
        return cube
    called = all_of([repr(name) for name in changed if name != "scaled"])
    note = f"Other software has changed {called} since napari-dodn wrote the file; they count."
    if changed.keys() & {*VECTORS}:
        changed["default_bands"] = ()
    return cube.derive(**changed, notes=(*cube.notes, note))
