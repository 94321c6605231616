"""HyperCube: the pixels of a hyperspectral image, and everything that must be kept with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from napari_dodn.bad_values import equals_no_data
from napari_dodn.errors import UserError
from napari_dodn.map_info import moved, refined
from napari_dodn.wording import counted, shape_in_words, span

PLACES = frozenset({"geo points", "rpc info", "modeltransformation", "modeltiepoint"})
"""Fields of ENVI headers and tags of GeoTIFF without which an image has no place on the map."""

SPATIAL_FIELDS = PLACES | {"x start", "y start", "pixel size"}
"""Those, and others that are true of one pixel grid only."""


class CubeError(UserError):
    """A cube that cannot be what its description says; the message is one sentence."""


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
        numpy-like slicing will do: an array, a file read in parts, a dask array. Masked values
        must have been filled.
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

    Raises
    ------
    CubeError
        If `data` does not have three axes, is empty, complex or masked, or another attribute does
        not fit its bands.
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

    def __post_init__(self) -> None:
        if not hasattr(self.data, "shape") or not hasattr(self.data, "dtype"):
            object.__setattr__(self, "data", np.asarray(self.data))
        if np.ma.is_masked(self.data):
            raise CubeError(
                f"{self._called} has masked values, and the mask would be lost; fill them, and"
                " pass the fill value as nodata."
            )
        shape, dtype = tuple(self.data.shape), np.dtype(self.data.dtype)
        if len(shape) != 3:
            raise CubeError(
                f"{self._called} has shape {shape}; a cube has three axes (bands, y, x)."
            )
        if 0 in shape:
            raise CubeError(f"{self._called} is empty: its shape is {shape}.")
        if dtype.kind not in "iufb":
            raise CubeError(f"{self._called} holds {dtype} values; a cube holds real numbers.")
        for key, kind in (
            ("wavelengths", float),
            ("fwhm", float),
            ("good_bands", bool),
            ("gain", float),
            ("offset", float),
        ):
            value = getattr(self, key)
            if value is None:
                continue
            value = np.array(value, dtype=kind)
            if key in ("gain", "offset") and value.ndim == 0:
                value = np.full(shape[0], value)
            if value.shape != (shape[0],):
                raise CubeError(
                    f"{self._called} has {shape[0]} bands, but its {key.replace('_', ' ')} "
                    f"{'has' if value.ndim == 0 else 'have'} shape {value.shape}."
                )
            value.flags.writeable = False
            object.__setattr__(self, key, value)
        for key in ("map_info", "default_bands", "notes", "history", "pixel_size"):
            if getattr(self, key) is not None:
                object.__setattr__(self, key, tuple(getattr(self, key)))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def _called(self) -> str:
        return f"The cube '{self.name}'" if self.name else "The cube"

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
        region = region.within(*self.shape[1:])
        if 0 in region.shape:
            raise CubeError(f"The region lies outside of {self._called.replace('The', 'the', 1)}.")
        if region == (0, self.shape[1], 0, self.shape[2]):
            return self
        rows, columns = f"{region.y0}–{region.y1 - 1}", f"{region.x0}–{region.x1 - 1}"
        step = f"Cropped to rows {rows}, columns {columns}."
        return replace(
            self,
            data=_part(self.data, (slice(None), *region.slices)),
            map_info=moved(self.map_info, region.y0, region.x0),
            metadata=self._metadata_of_another_grid(),
            rgb_picture="",
            history=(*self.history, step, *self._left_out_on_another_grid()),
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
        changes.setdefault("metadata", self._metadata_of_another_grid())
        told = self.derive(history=(*self.history, *self._left_out_on_another_grid()))
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

    def _metadata_of_another_grid(self) -> dict[str, Any]:
        return {k: v for k, v in self.metadata.items() if k.lower() not in SPATIAL_FIELDS}

    def _left_out_on_another_grid(self) -> list[str]:
        """Say which fields that tell the place of the pixels are not kept, if any."""
        gone = [key for key in self.metadata if key.lower() in PLACES]
        return [f"Left out, since the grid of pixels is another: {', '.join(gone)}."] * bool(gone)

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


def remade(described: Any) -> tuple[Any, ...]:
    """Return what `__reduce__` needs for a dataclass with read-only metadata.

    Python can neither pickle nor copy the view that keeps them so.
    """
    values = (getattr(described, f.name) for f in fields(described))
    return type(described), tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)


def plain(value: Any) -> Any:
    """Return a value with arrays and numpy's scalars in it turned into lists and numbers."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _part(data: Any, key: tuple[slice, ...]) -> Any:
    """Return a part of pixels without reading those that are in a file."""
    return data.part(key) if hasattr(data, "part") else data[key]
