"""What the LSM files of Zeiss's confocal microscopes say of channels and pixels, in metres.

They are TIFF files with a structure in a tag of their own, which tifffile reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_dodn.formats.envi.header import Fields

NANOMETRES, MICROMETRES = 1e9, 1e6
"""In a metre."""


def fields_of_lsm(tiff: Any, bands: int) -> Fields:
    """Return middles and widths of the channels, as the fields of an ENVI header.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        The file, which may be of another kind.
    bands : int
        Number of bands.
    """
    said = tiff.lsm_metadata or {}
    edges = np.asarray(said.get("ChannelWavelength", ()), np.float64) * NANOMETRES
    if edges.shape != (bands, 2) or not ((edges[:, 0] > 0) & (edges[:, 0] < edges[:, 1])).all():
        return {}
    return {
        "wavelength": [f"{middle:.9g}" for middle in edges.mean(axis=1)],
        "fwhm": [f"{width:.6g}" for width in edges[:, 1] - edges[:, 0]],
        "wavelength units": "Nanometers",
    }


def pixel_size_of_lsm(tiff: Any) -> tuple[float, float] | None:
    """Return the size of a pixel along y and x, in micrometres."""
    said = tiff.lsm_metadata or {}
    y, x = (float(said.get(f"VoxelSize{axis}", 0)) * MICROMETRES for axis in "YX")
    return (round(y, 9), round(x, 9)) if min(y, x) > 0 else None
