"""ENVI: a text header beside a raw data file, read where it is sliced, mapped for writing."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_dodn.calibration import REFERENCES_BESIDE
from napari_dodn.cube import HyperCube
from napari_dodn.formats.contents import Candidate, Explanation
from napari_dodn.formats.envi import fields as envi_fields
from napari_dodn.formats.envi import header as envi_header
from napari_dodn.formats.envi.files import (
    WRITTEN_SUFFIXES,
    check_described_by,
    data_candidates,
    data_of,
    described_files,
    files_of,
    header_and_data,
    headers_of,
    is_called_header,
    may_be_data,
    name_of,
    written_names,
)
from napari_dodn.formats.envi.layout import CODES, STORED_AXES, Layout
from napari_dodn.formats.envi.product_metadata import image_of, product_fields
from napari_dodn.formats.envi.references import references_of
from napari_dodn.formats.errors import (
    AmbiguousError,
    FormatError,
    check_new_file,
    file_faults_as_sentences,
)
from napari_dodn.formats.format import Format
from napari_dodn.formats.options import AS_STORED, ReadOptions
from napari_dodn.formats.pixels.blocks import copy_pixels, take_room
from napari_dodn.formats.pixels.lazy import READ_AT_ONCE
from napari_dodn.formats.pixels.no_data import with_nan
from napari_dodn.formats.pixels.raw import RawPixels
from napari_dodn.formats.pixels.writer import Writer
from napari_dodn.replacing import put_in_place, unfinished_name

GZIP_SIGNATURE = b"\x1f\x8b\x08"


def sniff(path: Path) -> bool:
    """Tell whether a file is an ENVI header or has one beside it, or is a product's metadata."""
    path = image_of(path)
    if not path.is_file():
        return False
    return is_called_header(path) or (may_be_data(path) and bool(headers_of(path)))


def read(path: Path, options: ReadOptions = AS_STORED) -> HyperCube:
    """Open an ENVI cube, given its header or its data file, without reading its pixels.

    Parameters
    ----------
    path : Path
        The header or the data file, or the metadata of an EnMAP or DESIS product beside them.
    options : ReadOptions
        `dataset` is the name of the data file, where several could be that of a header. `axes` has
        no meaning: the header says what they are.

    Returns
    -------
    HyperCube
        With the pixels of the data file, seen as (bands, y, x), which are read when they are
        sliced.

    Raises
    ------
    AmbiguousError
        If several files could be the data of the header.
    FormatError
        If a file is missing or damaged, or header and data do not fit each other.
    """
    path = image_of(path)
    options.refuse("axes", path, "an ENVI file")
    with file_faults_as_sentences(path, "read"):
        header, data = header_and_data(path)
        if data is not None and options.dataset != data.name:
            options.refuse("dataset", path, "an ENVI data file")
        notes: list[str] = []
        fields = envi_header.read_header(header, notes)
        layout = Layout(header, fields)
        notes += layout.notes
        if data is None:
            data = data_of(header, layout.size, options.dataset, notes)
        _find_compression(data, layout, notes)
        if layout.compressed:
            options.check_packed(path, layout.size, data)
        pixels: Any = _pixels(data, layout, notes)
        missing = np.arange(layout.bands) >= layout.whole_bands
        notes += _references_beside(header)
        if not envi_fields.SPECTRAL & {name.casefold() for name in fields}:
            fields |= product_fields(path, notes)
        fields, nodata = envi_fields.take_nodata_of_bands(fields, layout.bands)
        if nodata is not None:
            pixels = with_nan(pixels, nodata[:, None])
            notes.append("The no-data values differ from band to band; they are read as NaN.")
        attributes = envi_fields.attributes_of(fields, layout.bands)
        attributes["notes"] = tuple(dict.fromkeys((*attributes["notes"], *notes)))
        if missing.any():
            good = attributes.get("good_bands")
            attributes["good_bands"] = ~missing if good is None else good & ~missing
        cube = HyperCube(pixels, name=name_of(header), source=str(path), **attributes)
        return options.applied(cube)


def contents(path: Path) -> list[Candidate]:
    """List the data files that a header may describe, or the data file that was given.

    Parameters
    ----------
    path : Path
        The header or the data file.

    Raises
    ------
    FormatError
        If a file is missing or damaged, or header and data do not fit each other.
    """
    path = image_of(path)
    with file_faults_as_sentences(path, "read"):
        header, data = header_and_data(path)
        layout = Layout(header, envi_header.read_header(header))
        try:
            files = [data or data_of(header, layout.size, None, [])]
        except AmbiguousError:
            files = described_files(header)
        if len(files) == 1:
            _find_compression(files[0], layout, [])
            _pixels(files[0], layout, [])
    axes = STORED_AXES[layout.interleave]
    shape = tuple(layout.shape[axis] for axis in axes)
    reason = f"The header says that the file is {layout.interleave.upper()}."
    dtype = str(layout.dtype.newbyteorder("="))
    return [Candidate(file.name, shape, dtype, axes, reason, fixed=True) for file in files]


class FileWriter(Writer):
    """An ENVI file in the making.

    Parameters
    ----------
    path : Path
        The header (.hdr, with an .img file beside it) or the data file (.img, .dat, .raw, .bsq,
        .bil or .bip; the last two decide the interleave, all others are band sequential).
    shape, dtype, check
        As of every writer. Types that ENVI does not have become the next larger one.

    Attributes
    ----------
    header : Path
        The final name of the header.
    """

    resumable = True

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: npt.DTypeLike,
        check: Callable[[], None],
    ) -> None:
        self.header, data = written_names(path)
        super().__init__(data, shape, _writable_dtype(np.dtype(dtype)), check)
        suffix = data.suffix.lower()[1:]
        self._interleave = suffix if suffix in STORED_AXES else "bsq"

    @property
    def entry(self) -> Path:
        """The header."""
        return self.header

    def _begin(self) -> np.ndarray:
        with self.unfinished.open("wb") as file:
            take_room(file, math.prod(self.shape) * self.dtype.itemsize)
        return self._reopen()

    def _reopen(self) -> np.ndarray:
        shape = dict(zip("byx", self.shape, strict=True))
        stored = tuple(shape[axis] for axis in STORED_AXES[self._interleave])
        if self.unfinished.stat().st_size != math.prod(stored) * self.dtype.itemsize:
            raise FormatError(f"{self.unfinished} is damaged: it has another size than it had.")
        mapped = np.memmap(self.unfinished, self.dtype, "r+", 0, stored)
        return _as_cube(mapped, self._interleave)

    def _synchronise(self, place: tuple[slice, slice, slice]) -> None:
        self.pixels.flush()

    def _fill(self, source: Any) -> None:
        copy_pixels(source, self.pixels)

    def _describe(self, cube: HyperCube) -> None:
        bands, lines, samples = self.shape
        if cube.bands != bands:
            raise ValueError(f"The description is of {cube.bands} bands, not {bands}.")
        fields: dict[str, object] = {
            "samples": samples,
            "lines": lines,
            "bands": bands,
            "header offset": 0,
            "file type": "ENVI Standard",
            "data type": CODES[self.dtype.str[1:]],
            "interleave": self._interleave,
            "byte order": 0,
            **envi_fields.fields_of(cube),
        }
        text = unfinished_name(self.header)
        try:
            self.pixels.flush()
            del self.pixels  # Windows renames no file that is mapped
            text.write_text(envi_header.format_header(fields), encoding="utf-8", newline="\n")
            put_in_place((self.unfinished, self.path), (text, self.header))
        finally:
            text.unlink(missing_ok=True)

    def _read(self) -> HyperCube:
        return read(self.header.absolute(), ReadOptions(dataset=self.path.name))

    def _discard(self) -> None:
        self.__dict__.pop("pixels", None)
        with suppress(OSError):  # of Windows, while somebody has the map
            self.unfinished.unlink(missing_ok=True)


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise FormatError where `write` and `create` would refuse a path."""
    header, data = written_names(path)
    for target in (data, header):
        check_new_file(target, overwrite=overwrite)
    check_described_by(data, header)
    others = [file for file in data_candidates(header) if file != data]
    if header.exists() and others:
        raise FormatError(
            f"{data} cannot be written: its header {header.name} already belongs to "
            f"{others[0].name}; choose another name."
        )


def _references_beside(header: Path) -> list[str]:
    """Say which references lie beside a scan; they are proposed, not applied."""
    found = references_of(header)
    if "white" not in found:
        return []
    options = " ".join(f"--{kind} {path.name}" for kind, path in found.items())
    return [Explanation(f"{REFERENCES_BESIDE}; 'convert {options}' makes reflectance.")]


def _find_compression(data: Path, layout: Layout, notes: list[str]) -> None:
    """Note where the content of a data file, not its header, says whether it is compressed."""
    with data.open("rb") as file:
        is_packed = file.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE
    # Pixels may begin so by chance.
    is_packed = is_packed and (layout.compressed or data.stat().st_size != layout.size)
    if is_packed and not layout.compressed:
        notes.append("The data file is compressed by gzip, which its header does not say.")
    elif layout.compressed and not is_packed and data.stat().st_size == layout.size:
        notes.append("The data file is not compressed, although its header says so.")
    else:
        return
    layout.compressed = is_packed


def _pixels(data: Path, layout: Layout, notes: list[str]) -> Any:
    size = data.stat().st_size
    if size == 0:
        raise FormatError(f"{data} is empty.")
    if layout.compressed:
        return _as_cube(_decompressed(data, layout), layout.interleave)
    bands, lines, samples = (layout.shape[axis] for axis in "byx")
    described = (
        f"its header describes {layout.size:,} bytes ({bands} bands of {lines} × {samples} pixels, "
        f"{layout.dtype.itemsize} bytes each"
        f"{f', after {layout.offset:,} bytes' if layout.offset else ''})"
    )
    said = len(layout.notes)
    if not layout.fit(size):
        what = "is cut off or its header wrong" if size < layout.size else "does not fit its header"
        raise FormatError(f"{data} {what}: it has {size:,} bytes, but {described}.")
    notes += layout.notes[said:]
    if (surplus := size - layout.size) > 0:
        notes.append(f"The last {surplus:,} bytes of the data file belong to no pixel.")
    if layout.whole_bands < layout.bands:
        return _with_missing_bands(data, layout)
    shape = tuple(layout.shape[axis] for axis in STORED_AXES[layout.interleave])
    return _as_cube(RawPixels(data, layout.dtype, layout.offset, shape), layout.interleave)


def _with_missing_bands(data: Path, layout: Layout) -> Any:
    """Return the pixels of a band sequential file that ends early, 0 where they are missing."""
    import dask.array

    bands, lines, samples = (layout.shape[axis] for axis in "byx")
    line = samples * layout.dtype.itemsize
    begun = (data.stat().st_size - layout.offset) // line - layout.whole_bands * lines
    parts = []
    for offset, shape in (
        (layout.offset, (layout.whole_bands, lines, samples)),
        (layout.offset + layout.whole_bands * lines * line, (1, begun, samples)),
    ):
        stored = RawPixels(data, layout.dtype, offset, shape)
        meta = np.empty((0, 0, 0), layout.dtype)
        parts.append(dask.array.from_array(stored, chunks=READ_AT_ONCE, name=False, meta=meta))
    zeros = partial(dask.array.zeros, dtype=layout.dtype)
    parts[1] = dask.array.concatenate([parts[1], zeros((1, lines - begun, samples))], axis=1)
    empty = zeros((bands - layout.whole_bands - 1, lines, samples))
    return dask.array.concatenate([*parts, empty])


def _decompressed(data: Path, layout: Layout) -> np.ndarray:
    """Return the pixels of a file that is compressed by gzip; they are all read at once."""
    shape = tuple(layout.shape[axis] for axis in STORED_AXES[layout.interleave])
    try:
        with gzip.open(data) as file:
            content = file.read(layout.size)[layout.offset :]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FormatError(
            f"{data} is damaged, or not compressed by gzip as its header says."
        ) from error
    if layout.size == layout.offset or len(content) < layout.size - layout.offset:
        raise FormatError(f"{data} is cut off or its header wrong: too little is compressed in it.")
    return np.frombuffer(content, layout.dtype).reshape(shape)


def _as_cube(stored: Any, interleave: str) -> Any:
    """Return a view with axes (bands, y, x)."""
    return stored.transpose([STORED_AXES[interleave].index(axis) for axis in "byx"])


def _writable_dtype(dtype: np.dtype) -> np.dtype:
    """Return the little-endian ENVI type that holds all values of another type."""
    if dtype.str[1:] in CODES:
        return dtype.newbyteorder("<")
    larger = (code for code in ("u1", "i2", "f4") if np.can_cast(dtype, code))
    return np.dtype(next(larger, "f8")).newbyteorder("<")


ENVI = Format(
    name="ENVI",
    opened="an ENVI header or its data file",
    sniff=sniff,
    read=read,
    contents=contents,
    suffixes=WRITTEN_SUFFIXES,
    offered=True,
    by_neighbours=True,
    files=lambda path: files_of(image_of(path)),
    written=WRITTEN_SUFFIXES,
    writer=FileWriter,
    targets=written_names,
    check_target=check_target,
)
