"""The pixels of a TIFF image, read where they lie in one piece, else decoded, when sliced."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_dodn.formats.errors import damage_as_sentence, file_faults_as_sentences
from napari_dodn.formats.pixels.lazy import lazy_pixels
from napari_dodn.formats.pixels.raw import RawPixels
from napari_dodn.formats.tiff.images import TiffImage


def pixels_of(path: Path, tiff: Any, image: TiffImage) -> Any:
    """Return the pixels of an image as (bands, y, x).

    Parameters
    ----------
    path : Path
        The file.
    tiff : tifffile.TiffFile
        The file, open; it is closed with the pixels, or at once where they lie in one piece.
    image : TiffImage
        One that `check_complete` has passed.

    Returns
    -------
    RawPixels or dask.array.Array
    """
    series = image.series
    if series.dataoffset is None or not series.keyframe.is_memmappable:
        return lazy_pixels(_Decoded(path, tiff, image), image.axes)
    dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)
    tiff.close()
    stored = RawPixels(path, dtype, series.dataoffset, tuple(series.shape))
    part = stored.part(tuple(slice(None) if at is None else at for at in image.place))
    return part.reshape(image.shape).transpose([image.axes.index(axis) for axis in "byx"])


class _Decoded:
    """An image whose strips or tiles are read, and decompressed, when a slice needs them."""

    ndim = 3

    def __init__(self, path: Path, tiff: Any, image: TiffImage) -> None:
        import zarr

        self._path = path
        self._image = replace(image, series=None)  # which would hold the file open
        self._place = image.place
        with damage_as_sentence(f"{path} is damaged: its pixels cannot be read."):
            self._array: Any = zarr.open_array(image.series.aszarr(level=0), mode="r")
        self._close = weakref.finalize(self, tiff.close)
        self.shape = image.shape
        self.dtype = np.dtype(image.series.dtype).newbyteorder("=")
        chunks = self._array.chunks
        native = [chunk for chunk, at in zip(chunks, image.place, strict=True) if at is None]
        self.chunks: tuple[int, ...] | None = tuple(native if len(native) == 3 else [1, *native])

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file anew elsewhere, as an open one cannot be pickled."""
        return _decoded_again, (self._path, self._image)

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        key = (*key, *(slice(None),) * (3 - len(key)))
        single = self._place.count(None) < 3
        inner = iter(key[1:] if single else key)
        with (
            file_faults_as_sentences(self._path, "read"),
            damage_as_sentence(f"{self._path} is damaged: some of its pixels cannot be read."),
        ):
            values = self._array[tuple(next(inner) if at is None else at for at in self._place)]
            return np.asarray(values)[None][key[0]] if single else np.asarray(values)


def _decoded_again(path: Path, image: TiffImage) -> _Decoded:
    import tifffile

    tiff = tifffile.TiffFile(path)
    return _Decoded(path, tiff, replace(image, series=tiff.series[image.number]))
