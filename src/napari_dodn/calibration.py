"""Reflectance from the raw numbers of a line scanner, by a white and a dark reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_dodn.bad_values import equals_no_data
from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError

LINES_AT_ONCE = 256

EXPOSURES = ("tint", "integrationtime", "exposuretime", "exposure", "exposurems", "inttime")
"""Names of the exposure time in headers, as letters alone."""

EXPOSURE = re.compile(r"\s*(\d+\.?\d*(?:e[-+]?\d+)?)\s*([a-zµ]*)", re.IGNORECASE)


REFERENCES_BESIDE = "References lie beside the scan"
"""How the note of a reader begins that proposes to make reflectance."""


class CalibrationError(UserError):
    """References that do not fit a scan; the message is one sentence."""


def reflectance(scan: HyperCube, white: HyperCube, dark: HyperCube | None = None) -> HyperCube:
    """Return (raw − dark) / (white − dark) for each column and band, computed when it is sliced.

    The references are means over their lines. If exposure times are known and differ, the white
    reference is scaled to the exposure of the scan; if they cannot be compared, the history says
    so. Pixels of the detector whose white reference is not above the dark one are dead, and NaN in
    all lines.

    Parameters
    ----------
    scan : HyperCube
        Raw numbers, shape (bands, y, x); x counts the detector's columns.
    white, dark : HyperCube
        References with as many bands and columns, and any number of lines. Without a dark one,
        dark is 0.

    Returns
    -------
    HyperCube
        float32, the shape of the scan.

    Raises
    ------
    CalibrationError
        If the scan is reflectance already, a reference does not fit, or every pixel is dead.
    """
    import dask.array

    if scan.quantity == "reflectance":
        raise CalibrationError(f"The cube '{scan.name}' is already reflectance.")
    low = np.zeros((scan.bands, scan.shape[2])) if dark is None else _mean_line(scan, dark, "dark")
    high = _mean_line(scan, white, "white")
    ratio, said = _ratio_of_exposures(scan, white)
    span = ratio * (high - low)
    dead = ~(np.isfinite(span) & (span > 0) & np.isfinite(low))
    if dead.all():
        raise CalibrationError(
            f"The white reference '{white.name}' is nowhere brighter than the dark one."
        )
    span[dead] = np.nan
    by = f"'{white.name}'" + ("" if dark is None else f" and '{dark.name}'")
    count = int(np.count_nonzero(dead))
    if count:
        said += f" {count:,} of {dead.size:,} pixels of the detector are dead and invalid."
    chunks = (scan.bands, min(LINES_AT_ONCE, scan.shape[1]), scan.shape[2])
    meta = np.empty((0, 0, 0), scan.data.dtype)
    raw = scan.data
    if not isinstance(raw, dask.array.Array):
        raw = dask.array.from_array(raw, chunks=chunks, name=False, meta=meta)
    planes = [
        dask.array.from_array(plane[:, None, :], chunks=(raw.chunks[0], 1, raw.chunks[2]))
        for plane in (low, span)
    ]
    data = dask.array.map_blocks(
        _scaled, raw, *planes, scan.nodata, dtype=np.float32, meta=meta.astype(np.float32)
    )
    return scan.derive(
        data,
        step=f"Reflectance by {by}.{said}",
        notes=tuple(note for note in scan.notes if not note.startswith(REFERENCES_BESIDE)),
        quantity="reflectance",
        nodata=None,
        gain=None,
        offset=None,
        scaled=False,
    )


def _ratio_of_exposures(scan: HyperCube, white: HyperCube) -> tuple[float, str]:
    """Return how much longer a scan was exposed than its white reference, and a sentence of it."""
    own, of_white = (_exposures_of(cube.metadata) for cube in (scan, white))
    for name in (name for name in own if name in of_white):  # in their order, as no set has it
        (time, unit), (other, its_unit) = own[name], of_white[name]
        if unit == its_unit or not (unit and its_unit):
            if time == other:
                return 1.0, ""
            return (
                time / other,
                f" White reference of {other:g} brought to an exposure of {time:g}.",
            )
    if own and of_white:
        return 1.0, " The exposure times of scan and white reference cannot be compared."
    return 1.0, ""


def _exposures_of(metadata: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """Return the exposure times that a header states, by name, with their units where given."""
    letters = {re.sub(r"[^a-z]", "", key.casefold()): value for key, value in metadata.items()}
    found = {name: EXPOSURE.match(str(letters.get(name, ""))) for name in EXPOSURES}
    return {
        name: (float(time[1]), time[2].casefold())
        for name, time in found.items()
        if time and float(time[1]) > 0
    }


def _mean_line(scan: HyperCube, reference: HyperCube, kind: str) -> np.ndarray:
    """Return the mean over the lines of a reference, shape (bands, x), NaN where nothing is."""
    bands, _, columns = reference.shape
    if (bands, columns) != (scan.bands, scan.shape[2]):
        raise CalibrationError(
            f"The {kind} reference '{reference.name}' has {bands} bands and {columns} columns, but "
            f"the scan has {scan.bands} and {scan.shape[2]}."
        )
    total, number = np.zeros((bands, columns)), np.zeros((bands, columns))
    for line in range(0, reference.shape[1], LINES_AT_ONCE):
        part = np.asarray(reference.data[:, line : line + LINES_AT_ONCE])
        valid = np.isfinite(part)
        if reference.nodata is not None:
            valid &= ~equals_no_data(part, reference.nodata)
        total += np.where(valid, part, 0).sum(axis=1, dtype=np.float64)
        number += valid.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return total / number


def _scaled(
    block: np.ndarray, low: np.ndarray, span: np.ndarray, nodata: float | None
) -> np.ndarray:
    values = (block - low) / span
    if nodata is not None:
        values[equals_no_data(block, nodata)] = np.nan
    return values.astype(np.float32)
