"""HyperCube: the pixels of a hyperspectral image, and everything that must be kept with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from operator import index
from types import MappingProxyType
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from napari_dodn.bad_values import equals_no_data
from napari_dodn.cube_checks import (
    OF_EACH_BAND,
    as_pixels_of_cube,
    as_tuple,
    as_values_of_bands,
    check_numbers,
)
from napari_dodn.errors import CubeError as CubeError
from napari_dodn.map_info import left_out_on_another_grid, moved, of_any_grid, refined
from napari_dodn.plain_types import plain, remade
from napari_dodn.wording import counted, shape_in_words, span

CROPPED = re.compile(r"Cropped to rows (\d+)–(\d+), columns (\d+)–(\d+)\.")
"""What `HyperCube.crop` writes into a history."""


class Region(NamedTuple):
    """A rectangle of pixels, half-open: rows y0 … y1 − 1 and columns x0 … x1 − 1."""

    y0: int
    y1: int
    x0: int
    x1: int

    @classmethod
    def of_text(cls, text: str) -> Region:
        """Return the region that a text such as "0:100,20:80" gives: Y0:Y1,X0:X1.

        Raises
        ------
        CubeError
            If the text is not a region.
        """
        try:
            rows, columns = text.split(",")
            (y0, y1), (x0, x1) = (map(int, part.split(":")) for part in (rows, columns))
        except ValueError:
            raise CubeError(f"'{text}' is no region; write Y0:Y1,X0:X1 in pixels.") from None
        return cls(y0, y1, x0, x1)

    @classmethod
    def whole(cls, height: int, width: int) -> Region:
        """Return the region that is all of an image."""
        return cls(0, height, 0, width)

    @classmethod
    def of(cls, given: Iterable[SupportsIndex]) -> Region:
        """Return the region that four whole numbers give: y0, y1, x0, x1.

        Raises
        ------
        CubeError
            If they do not.
        """
        try:
            return cls(*map(index, given))
        except TypeError:
            raise CubeError(
                f"A region is four whole numbers of pixels, (y0, y1, x0, x1), not {given!r}."
            ) from None

    @property
    def text(self) -> str:
        """The region as commands write it: Y0:Y1,X0:X1."""
        return f"{self.y0}:{self.y1},{self.x0}:{self.x1}"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    @property
    def slices(self) -> tuple[slice, slice]:
        """Slices that index the last two axes of an image."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def within(self, height: int, width: int) -> Region:
        """Return the part that lies inside an image; it may be empty."""
        y0, x0 = min(max(self.y0, 0), height), min(max(self.x0, 0), width)
        return Region(y0, max(min(self.y1, height), y0), x0, max(min(self.x1, width), x0))

    def grown(self, margin: int) -> Region:
        """Return the region with a margin on every side."""
        return Region(self.y0 - margin, self.y1 + margin, self.x0 - margin, self.x1 + margin)

    def relative_to(self, outer: Region) -> Region:
        """Return the same place, counted from the corner of another region."""
        return Region(
            self.y0 - outer.y0, self.y1 - outer.y0, self.x0 - outer.x0, self.x1 - outer.x0
        )

    def scaled(self, scale: int) -> Region:
        """Return the same place in an image with `scale` times the pixels along y and x."""
        return Region(*(edge * scale for edge in self))


@dataclass(frozen=True, eq=False)
class HyperCube:
    """A hyperspectral image with its description.

    Attributes
    ----------
    data : array-like
        Pixels, shape (bands, y, x), real numbers. Anything with `shape`, numpy's `dtype` and
        numpy-like slicing will do: an array, a file read in parts, a dask array. Lists and tensors
        of torch become an array. Masked values must have been filled.
    wavelengths : numpy.ndarray or None
        Band centres in nanometres, shape (bands,), in the order of the bands.
    name : str
        Name of the cube on screen.
    fwhm : numpy.ndarray or None
        Full width at half maximum of each band, in nanometres.
    good_bands : numpy.ndarray of bool or None
        True for each usable band; None means that all bands are usable.
    nodata : float or None
        The value that means "nothing measured here". NaN always means it.
    gain, offset : numpy.ndarray or None
        Shape (bands,). `gain · stored + offset` is the quantity.
    scaled : bool
        Whether `data` already has gain and offset applied.
    quantity : str
        The quantity after gain and offset: "reflectance", "radiance" or "" if unknown.
    pixel_size : tuple of float or None
        Size of a pixel along (y, x), in `pixel_unit`.
    pixel_unit : str
        For example "m", "um", "degree"; "pixel" if unknown.
    map_info : tuple of str
        ENVI's map info list: projection, reference pixel (x, y; 1, 1 is the first pixel's upper
        left corner), easting, northing, pixel size (x, y), and what follows.
    default_bands : tuple of int
        Bands (from 0) that the source proposes for red, green and blue.
    rgb_picture : str
        Path of an RGB picture of the same scene, if one was found beside the cube.
    source : str
        Path from which the cube was read.
    notes : tuple of str
        What the reader worked out or left out, one sentence each.
    history : tuple of str
        What was done to the cube since it was read, one sentence each.
    metadata : mapping
        All other fields of the source, kept for writing back.
    read_as : mapping or None
        The options that `read` was told beside the path, by name, and by "steps" and "shape" how
        long the history and how large the cube was by then. None where it was not read from a file.

    Raises
    ------
    CubeError
        If `data` does not have three axes, is empty, complex or masked, or another attribute is
        not of its kind or does not fit its bands.
    """

    data: Any
    wavelengths: np.ndarray | None = None
    name: str = ""
    fwhm: np.ndarray | None = None
    good_bands: np.ndarray | None = None
    nodata: float | None = None
    gain: np.ndarray | None = None
    offset: np.ndarray | None = None
    scaled: bool = False
    quantity: str = ""
    pixel_size: tuple[float, float] | None = None
    pixel_unit: str = "pixel"
    map_info: tuple[str, ...] = ()
    default_bands: tuple[int, ...] = ()
    rgb_picture: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    read_as: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        called = self._called
        given = {"data": as_pixels_of_cube(self.data, called)}
        bands = given["data"].shape[0]
        for key in OF_EACH_BAND:
            if (value := getattr(self, key)) is not None:
                kind = bool if key == "good_bands" else float
                given[key] = as_values_of_bands(value, kind, bands, key, called)
        for key in ("map_info", "default_bands", "notes", "history", "pixel_size"):
            if (value := getattr(self, key)) is not None:
                given[key] = as_tuple(value, key, called)
        check_numbers(self.nodata, given.get("pixel_size"), called)
        for key, value in given.items():
            object.__setattr__(self, key, value)
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def _called(self) -> str:
        return f"The cube '{self.name}'" if self.name else "The cube"

    @property
    def options_of_read(self) -> dict[str, Any] | None:
        """What `read` is to be told to open this cube from its source again.

        None where the cube was not read from a file, or something was done to it since.
        """
        told = dict(self.read_as or {})
        as_read = told.pop("steps", None), tuple(told.pop("shape", ()))
        return told if self.source and as_read == (len(self.history), self.shape) else None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Bands, rows, columns."""
        return tuple(self.data.shape)

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self.shape[0]

    @property
    def usable_bands(self) -> np.ndarray:
        """The mask of good bands; all true if `good_bands` is None."""
        return np.ones(self.bands, bool) if self.good_bands is None else self.good_bands

    @property
    def counted_bands(self) -> np.ndarray:
        """The usable bands; all where none is: a mask that leaves nothing says nothing."""
        return self.usable_bands if self.usable_bands.any() else ~self.usable_bands

    def pixels(self, region: Region | None = None) -> np.ndarray:
        """Return stored values as float64 with NaN where a value is invalid.

        Parameters
        ----------
        region : Region, optional
            The part to read; by default the whole cube.

        Returns
        -------
        numpy.ndarray
            Shape (bands, y, x). Gain and offset are not applied.
        """
        part = self.data if region is None else self.data[(slice(None), *region.slices)]
        return self.as_pixels(np.asarray(part))

    def as_pixels(self, values: np.ndarray) -> np.ndarray:
        """Return stored values of any shape as float64 with NaN where a value is invalid."""
        pixels = values.astype(np.float64)
        if self.nodata is not None:
            pixels[equals_no_data(values, self.nodata)] = np.nan
        if values.dtype.kind == "f" and not (finite := np.isfinite(pixels)).all():
            pixels[~finite] = np.nan
        return pixels

    def derive(self, data: Any = None, *, step: str = "", **changes: Any) -> HyperCube:
        """Return a cube with other pixels or another description; everything else is kept.

        Parameters
        ----------
        data : array-like, optional
            New pixels on the same grid and bands; by default the same pixels.
        step : str
            A sentence for the history: what was done.
        **changes
            Attributes to replace.
        """
        if data is not None:
            changes["data"] = data
        if step:
            changes["history"] = (*self.history, step)
        return replace(self, **changes)

    def crop(self, region: Region) -> HyperCube:
        """Return the part of the cube inside a region, with map info moved along.

        Raises
        ------
        CubeError
            If the region holds no pixel of the cube.
        """
        region = Region.of(region).within(*self.shape[1:])
        if 0 in region.shape:
            raise CubeError(f"The region lies outside of {self._called.replace('The', 'the', 1)}.")
        if region == Region.whole(*self.shape[1:]):
            return self
        rows, columns = f"{region.y0}–{region.y1 - 1}", f"{region.x0}–{region.x1 - 1}"
        step = f"Cropped to rows {rows}, columns {columns}."
        return replace(
            self,
            data=_part(self.data, (slice(None), *region.slices)),
            map_info=moved(self.map_info, region.y0, region.x0),
            metadata=of_any_grid(self.metadata),
            rgb_picture="",
            history=(*self.history, step, *left_out_on_another_grid(self.metadata)),
        )

    def on_finer_grid(self, data: Any, scale: int, **changes: Any) -> HyperCube:
        """Return a cube of new pixels, `scale` times as many along y and x, with adapted sizes.

        The upper left corner of the image stays where it is.

        Parameters
        ----------
        data : array-like
            Shape (bands, scale · y, scale · x).
        scale : int
            New pixels along the side of each old one.
        **changes
            Attributes to replace.

        Raises
        ------
        CubeError
            If the data have another shape.
        """
        expected = (self.bands, self.shape[1] * scale, self.shape[2] * scale)
        if tuple(data.shape) != expected:
            raise CubeError(f"The finer grid needs shape {expected}, not {tuple(data.shape)}.")
        size = self.pixel_size
        changes.setdefault("metadata", of_any_grid(self.metadata))
        left_out = left_out_on_another_grid(self.metadata)
        told = self.derive(history=(*self.history, *left_out))
        return told.derive(
            data,
            pixel_size=None if size is None else (size[0] / scale, size[1] / scale),
            map_info=refined(self.map_info, scale),
            **changes,
        )

    def description(self) -> dict[str, Any]:
        """Return everything but the pixels in plain types, ready for JSON; see `described`."""
        return {
            f.name: plain(getattr(self, f.name))
            for f in fields(self)
            if f.name != "data" and getattr(self, f.name) is not None
        }

    @classmethod
    def described(cls, data: Any, description: Mapping[str, Any]) -> HyperCube:
        """Return a cube from pixels and what `description` gave; unknown keys are left out.

        Raises
        ------
        CubeError
            If the description does not fit the pixels.
        """
        known = {f.name for f in fields(cls)} - {"data"}
        return cls(data, **{key: value for key, value in description.items() if key in known})

    def __reduce__(self) -> tuple[Any, ...]:
        return remade(self)

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        parts = [f"HyperCube{name}: {shape_in_words(self.shape)} ({np.dtype(self.data.dtype)})"]
        if self.wavelengths is None:
            parts.append("no wavelengths")
        else:
            parts.append(f"{span(np.nanmin(self.wavelengths), np.nanmax(self.wavelengths))} nm")
        if bad := int((~self.usable_bands).sum()):
            parts.append(f"{counted(bad, 'bad band')}")
        if self.nodata is not None:
            parts.append(f"no-data {self.nodata:g}")
        if self.quantity:
            applied = "" if self.gain is None or self.scaled else " after scaling"
            parts.append(f"{self.quantity}{applied}")
        if self.pixel_size is not None:
            parts.append(
                f"pixels of {self.pixel_size[0]:g} × {self.pixel_size[1]:g} {self.pixel_unit}"
            )
        return ", ".join(parts)


def _part(data: Any, key: tuple[slice, ...]) -> Any:
    """Return a part of pixels without reading those that are in a file."""
    return data.part(key) if hasattr(data, "part") else data[key]


def check_cube(given: object) -> None:
    """Raise CubeError where an array or a path is given for a cube."""
    if not isinstance(given, HyperCube):
        raise CubeError(
            f"A HyperCube is needed, not {type(given).__name__}; napari_dodn.read(path) and"
            " napari_dodn.HyperCube(pixels) give one."
        )
