"""napari's way out: the layer of a cube becomes a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ENVI_SUFFIXES = (".hdr", ".dat", ".img", ".raw", ".bsq", ".bil", ".bip")
MATLAB_SUFFIXES = (".mat",)
HDF5_SUFFIXES = (".h5", ".hdf5")
ZARR_SUFFIXES = (".zarr",)


def write_envi(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the layer of a cube as ENVI: a header and a data file."""
    return _write(path, data, attributes, ENVI_SUFFIXES)


def write_matlab(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the layer of a cube as a MATLAB v5 file."""
    return _write(path, data, attributes, MATLAB_SUFFIXES)


def write_hdf5(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the layer of a cube as HDF5, in compressed chunks."""
    return _write(path, data, attributes, HDF5_SUFFIXES)


def write_zarr(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the layer of a cube as a Zarr store, which is a folder."""
    return _write(path, data, attributes, ZARR_SUFFIXES)


def _write(
    path: str, data: Any, attributes: dict[str, Any], suffixes: tuple[str, ...]
) -> list[str]:
    from napari_dodn.errors import UserError
    from napari_dodn.formats import write
    from napari_dodn.plugin.viewer.layers import cube_from_layer_data

    target = Path(path)
    # napari's dialog has asked before it replaces the file of just this name, and no other.
    overwrite = target.exists()
    if target.suffix.lower() not in suffixes:
        target, overwrite = target.with_name(target.name + suffixes[0]), False
    try:
        cube = cube_from_layer_data(data, attributes)
        return [str(write(cube, target, overwrite=overwrite))]
    except UserError as error:
        # napari takes a ValueError to mean that nobody can write the layer, and drops its words.
        raise OSError(str(error)) from error
