"""ENVI: a text header beside a raw data file, memory-mapped for reading and for writing."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from napari_dodn.cube import HyperCube
from napari_dodn.formats import envi_fields, envi_header
from napari_dodn.formats.envi_header import Fields
from napari_dodn.formats.errors import AmbiguousError, FormatError, file_faults_as_sentences
from napari_dodn.formats.options import refuse_options, with_wavelengths

DATA_SUFFIXES = (".dat", ".img", ".raw", ".bsq", ".bil", ".bip", ".hyspex", ".bin")
WRITTEN_SUFFIXES = (".hdr", ".dat", ".img", ".raw", ".bsq", ".bil", ".bip")

OTHER_SUFFIXES = {
    *(".hdr", ".txt", ".xml", ".json", ".csv", ".md", ".pdf", ".log", ".part", ".zip", ".gz"),
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".tfw", ".ovr", ".kml", ".enp", ".sli"),
    *(".mat", ".h5", ".hdf5", ".he5", ".nc", ".npy", ".npz"),
}
"""Suffixes of files that stand beside a header and are not its data."""

DTYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
CODES = {dtype: code for code, dtype in DTYPES.items()}

STORED_AXES = {"bsq": "byx", "bil": "ybx", "bip": "yxb"}

BLOCK_BYTES = 2**26
"""How much of a cube is in memory at once while it is copied into a file."""


def sniff(path: Path) -> bool:
    """Tell whether a file is an ENVI header or has one beside it."""
    suffix = path.suffix.lower()
    return suffix == ".hdr" or (suffix not in OTHER_SUFFIXES and bool(_headers_of(path)))


def read(
    path: Path,
    *,
    dataset: str | None = None,
    axes: str | None = None,
    wavelengths: npt.ArrayLike | None = None,
) -> HyperCube:
    """Open an ENVI cube, given its header or its data file, without reading its pixels.

    Parameters
    ----------
    path : Path
        The header or the data file.
    dataset, axes : None
        Without meaning here: the file holds one cube and its header says how.
    wavelengths : array-like, optional
        Band centres in nanometres, instead of those of the header.

    Returns
    -------
    HyperCube
        With a memory map of the data file, seen as (bands, y, x).

    Raises
    ------
    AmbiguousError
        If several files could be the data of the header.
    FormatError
        If a file is missing or damaged, or header and data do not fit each other.
    """
    path = Path(path)
    refuse_options("an ENVI file", path, dataset=dataset, axes=axes)
    with file_faults_as_sentences(path, "read"):
        header, data = _pair(path)
        fields = envi_header.read_header(header)
        layout = _Layout(header, fields)
        notes = list(layout.notes)
        if data is None:
            data = _data_of(header, layout.size, notes)
        pixels = _memory_map(data, layout, notes)
        attributes = envi_fields.attributes_of(fields, layout.bands)
        attributes["notes"] = tuple(dict.fromkeys((*attributes["notes"], *notes)))
        cube = HyperCube(pixels, name=_name_of(header), source=str(path), **attributes)
        return with_wavelengths(cube, wavelengths)


def write(cube: HyperCube, path: Path, *, overwrite: bool = False) -> Path:
    """Write a cube as an ENVI header and data file, a block of rows at a time.

    Parameters
    ----------
    cube : HyperCube
        What to write. Types that ENVI does not have become the next larger one.
    path : Path
        The header (.hdr, with an .img file beside it) or the data file (.img, .dat, .raw, .bsq,
        .bil or .bip; the last two decide the interleave, all others are band sequential).
    overwrite : bool
        Whether files that are there may be replaced.

    Returns
    -------
    Path
        The header.
    """
    bands, height, width = cube.shape
    with create(path, cube.shape, cube.data.dtype, overwrite=overwrite) as writer:
        rows = max(1, BLOCK_BYTES // (bands * width * writer.pixels.itemsize))
        with file_faults_as_sentences(Path(path), "written"):
            for y in range(0, height, rows):
                writer.pixels[:, y : y + rows] = np.asarray(cube.data[:, y : y + rows])
        writer.finish(cube)
    return writer.header


@contextmanager
def create(
    path: Path,
    shape: tuple[int, int, int],
    dtype: npt.DTypeLike = np.float32,
    *,
    overwrite: bool = False,
) -> Iterator[EnviWriter]:
    """Make an ENVI file to be filled piece by piece, under its final name only when finished.

    Parameters
    ----------
    path : Path
        As in `write`.
    shape : tuple of int
        Bands, rows, columns.
    dtype : dtype
        Type of the pixels.
    overwrite : bool
        Whether files that are there may be replaced.

    Yields
    ------
    EnviWriter
        Its `pixels` are to be filled, then `finish` be called; without that nothing is left behind.
    """
    writer = EnviWriter(Path(path), shape, dtype, overwrite=overwrite)
    try:
        writer.begin()
        yield writer
    finally:
        writer.discard()


class EnviWriter:
    """An ENVI file in the making.

    Attributes
    ----------
    pixels : numpy.memmap
        The pixels to fill, shape (bands, y, x).
    header, data : Path
        Final names of the two files.
    """

    pixels: np.memmap

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: npt.DTypeLike,
        *,
        overwrite: bool,
    ) -> None:
        self.header, self.data = _written_names(path)
        self._shape = dict(zip("byx", shape, strict=True))
        self._dtype = _writable_dtype(np.dtype(dtype))
        suffix = self.data.suffix.lower()[1:]
        self._interleave = suffix if suffix in STORED_AXES else "bsq"
        self._partial = self.data.with_name(f".{self.data.name}.{uuid4().hex[:8]}.part")
        with file_faults_as_sentences(path, "written"):
            self._check_targets(overwrite)

    def begin(self) -> None:
        """Make the file and map it."""
        with file_faults_as_sentences(self.data, "written"):
            needed = math.prod(self._shape.values()) * self._dtype.itemsize
            # A memory map that runs out of disk kills the process instead of raising an error.
            if (free := shutil.disk_usage(self.data.parent).free) < needed:
                raise FormatError(
                    f"{self.data} cannot be written: it needs {needed / 1e9:.3g} GB, but only "
                    f"{free / 1e9:.3g} GB are free there."
                )
            stored = STORED_AXES[self._interleave]
            self.pixels = _as_cube(
                np.memmap(
                    self._partial, self._dtype, "w+", 0, tuple(self._shape[a] for a in stored)
                ),
                self._interleave,
            )

    def finish(self, cube: HyperCube) -> HyperCube:
        """Write the header, give both files their names, and return the cube as read back.

        Parameters
        ----------
        cube : HyperCube
            The description; its pixels are not looked at.
        """
        fields: dict[str, object] = {
            "samples": self._shape["x"],
            "lines": self._shape["y"],
            "bands": self._shape["b"],
            "header offset": 0,
            "file type": "ENVI Standard",
            "data type": CODES[self._dtype.str[1:]],
            "interleave": self._interleave,
            "byte order": 0,
            **envi_fields.fields_of(cube),
        }
        text = self._partial.with_suffix(".hdr")
        with file_faults_as_sentences(self.data, "written"):
            try:
                self.pixels.flush()
                del self.pixels  # Windows renames no file that is mapped
                text.write_text(envi_header.format_header(fields), encoding="utf-8", newline="\n")
                self.header.unlink(missing_ok=True)  # it does not describe what comes now
                self._partial.replace(self.data)
                text.replace(self.header)
            finally:
                text.unlink(missing_ok=True)
        return read(self.data)

    def discard(self) -> None:
        """Remove what is not finished."""
        self.__dict__.pop("pixels", None)
        self._partial.unlink(missing_ok=True)

    def _check_targets(self, overwrite: bool) -> None:
        for target in (self.data, self.header):
            if target.is_dir():
                raise FormatError(f"{target} cannot be written: there is a folder of that name.")
            if target.exists() and not overwrite:
                raise FormatError(
                    f"{target} is there already; choose another name or allow overwriting it."
                )
        if not self.data.parent.is_dir():
            raise FormatError(f"{self.data} cannot be written: its folder does not exist.")
        others = [file for file in _data_candidates(self.header) if file != self.data]
        if self.header.exists() and others:
            raise FormatError(
                f"{self.data} cannot be written: its header {self.header.name} already belongs "
                f"to {others[0].name}; choose another name."
            )


class _Layout:
    """How the data file is laid out, as its header says."""

    def __init__(self, header: Path, fields: Fields) -> None:
        self._header = header
        self._fields = {name.casefold(): value for name, value in fields.items()}
        self.notes: list[str] = []
        self._refuse_other_kinds()
        self.shape = {
            "b": self._whole_number("bands", least=1),
            "y": self._whole_number("lines", least=1),
            "x": self._whole_number("samples", least=1),
        }
        self.bands = self.shape["b"]
        self.offset = self._whole_number("header offset", least=0, default=0)
        self.interleave = self._interleave()
        self.dtype = self._dtype()
        self.size = self.offset + math.prod(self.shape.values()) * self.dtype.itemsize

    def _refuse_other_kinds(self) -> None:
        kind = self._text("file type").casefold()
        for word, what in (
            ("library", "a spectral library"),
            ("classification", "a classification map"),
            ("meta", "a list of other files"),
            ("virtual", "a list of other files"),
            ("tiff", "a TIFF file"),
        ):
            if word in kind:
                raise FormatError(f"{self._header} describes {what}, not a cube.")
        if self._text("file compression") not in ("", "0"):
            raise FormatError(f"{self._header} describes compressed data, which cannot be read.")
        for name in ("major frame offsets", "minor frame offsets"):
            value = self._fields.get(name, [])
            if any(
                item not in ("0", "") for item in ([value] if isinstance(value, str) else value)
            ):
                raise FormatError(f"{self._header} has '{name}', which cannot be read.")

    def _text(self, name: str) -> str:
        value = self._fields.get(name, "")
        return value if isinstance(value, str) else ", ".join(value)

    def _whole_number(self, name: str, *, least: int, default: int | None = None) -> int:
        text = self._text(name).partition(";")[0].strip()
        if not text:
            if default is None:
                raise FormatError(f"{self._header} does not say '{name}'.")
            return default
        try:
            value = int(text)
        except ValueError:
            raise FormatError(
                f"{self._header} has '{text}' as {name}, which is not a whole number."
            ) from None
        if value < least:
            raise FormatError(f"{self._header} has {value} as {name}; it must be at least {least}.")
        return value

    def _interleave(self) -> str:
        text = self._text("interleave").strip().lower()
        if not text:
            self.notes.append("The header does not say its interleave; it is read as BSQ.")
            return "bsq"
        if text not in STORED_AXES:
            raise FormatError(
                f"{self._header} has '{text}' as interleave; it must be BSQ, BIL or BIP."
            )
        return text

    def _dtype(self) -> np.dtype:
        code = self._whole_number("data type", least=0)
        if code in (6, 9):
            raise FormatError(
                f"{self._header} describes complex numbers; a cube holds real numbers."
            )
        if code not in DTYPES:
            raise FormatError(f"{self._header} has {code} as data type, which ENVI does not know.")
        dtype = np.dtype(DTYPES[code])
        order = self._text("byte order")
        if order not in ("0", "1"):
            if order:
                raise FormatError(f"{self._header} has '{order}' as byte order; it must be 0 or 1.")
            if dtype.itemsize > 1:
                self.notes.append(
                    "The header does not say its byte order; it is read as little-endian."
                )
        return dtype.newbyteorder(">" if order == "1" else "<")


def _memory_map(data: Path, layout: _Layout, notes: list[str]) -> np.ndarray:
    size = data.stat().st_size
    if size == 0:
        raise FormatError(f"{data} is empty.")
    bands, lines, samples = (layout.shape[axis] for axis in "byx")
    described = (
        f"its header describes {layout.size:,} bytes ({bands} bands of {lines} × {samples} pixels, "
        f"{layout.dtype.itemsize} bytes each"
        f"{f', after {layout.offset:,} bytes' if layout.offset else ''})"
    )
    surplus = size - layout.size
    row = samples * layout.dtype.itemsize * (1 if layout.interleave == "bsq" else bands)
    if surplus < 0:
        raise FormatError(
            f"{data} is cut off or its header wrong: it has {size:,} bytes, but {described}."
        )
    if surplus >= row:
        raise FormatError(
            f"{data} does not fit its header: it has {size:,} bytes, but {described}."
        )
    if surplus:
        notes.append(f"The last {surplus:,} bytes of the data file belong to no pixel.")
    shape = tuple(layout.shape[axis] for axis in STORED_AXES[layout.interleave])
    return _as_cube(np.memmap(data, layout.dtype, "r", layout.offset, shape), layout.interleave)


def _as_cube(stored: np.memmap, interleave: str) -> np.memmap:
    """Return a view with axes (bands, y, x)."""
    return stored.transpose([STORED_AXES[interleave].index(axis) for axis in "byx"])


def _pair(path: Path) -> tuple[Path, Path | None]:
    """Return header and data file, given one of them; no data file where it is to be found."""
    if path.suffix.lower() == ".hdr":
        return path, None
    headers = _headers_of(path)
    if not headers:
        raise FormatError(f"{path} has no ENVI header beside it, such as {path.stem}.hdr.")
    return headers[0], path


def _headers_of(data: Path) -> list[Path]:
    """Return the headers that may describe a data file, the one named after it exactly first."""
    if not data.parent.is_dir():
        return []
    exact, loose = f"{data.name}.hdr".casefold(), f"{data.stem}.hdr".casefold()
    files = [file for file in data.parent.iterdir() if file.name.casefold() in (exact, loose)]
    files = [file for file in files if file.is_file() and envi_header.is_header(file)]
    return sorted(files, key=lambda file: file.name.casefold() != exact)


def _data_candidates(header: Path) -> list[Path]:
    """Return the files beside a header that may be its data, in the order of their names."""
    stem = header.stem.casefold()
    if not header.parent.is_dir():
        return []
    files = [
        file
        for file in header.parent.iterdir()
        if stem in (file.name.casefold(), file.stem.casefold())
        and file.suffix.lower() not in OTHER_SUFFIXES
        and file.is_file()
    ]
    # A file that has a header of its very own belongs to that one.
    return sorted(
        file
        for file in files
        if not (headers := _headers_of(file)) or headers[0].name == header.name
    )


def _data_of(header: Path, size: int, notes: list[str]) -> Path:
    """Find the data file of a header, `size` bytes long by what the header says."""
    candidates = _data_candidates(header)
    if not candidates:
        raise FormatError(f"{header} has no data file beside it, such as {header.stem}.img.")
    if len(candidates) == 1:
        return candidates[0]
    fitting = [file for file in candidates if file.stat().st_size == size]
    if len(fitting) == 1:
        others = ", ".join(file.name for file in candidates if file not in fitting)
        notes.append(f"{fitting[0].name} is the data file by its size; {others} is not.")
        return fitting[0]
    names = [file.name for file in candidates]
    raise AmbiguousError(
        f"{header} could describe {' or '.join(names)}; open the one that you mean.", names
    )


def _name_of(header: Path) -> str:
    stem = Path(header.stem)
    return stem.stem if stem.suffix.lower() in DATA_SUFFIXES else stem.name


def _written_names(path: Path) -> tuple[Path, Path]:
    """Return the names of the header and the data file to write."""
    suffix = path.suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise FormatError(
            f"{path} cannot be written as ENVI: its suffix must be one of "
            f"{', '.join(WRITTEN_SUFFIXES)}."
        )
    if suffix != ".hdr":
        return path.with_suffix(".hdr"), path
    if path.is_file() and len(present := _data_candidates(path)) == 1:
        return path, present[0]
    stem = path.with_suffix("")
    return path, stem if stem.suffix.lower() in DATA_SUFFIXES else path.with_suffix(".img")


def _writable_dtype(dtype: np.dtype) -> np.dtype:
    """Return the little-endian ENVI type that holds all values of another type."""
    if dtype.str[1:] in CODES:
        return dtype.newbyteorder("<")
    larger = (code for code in ("u1", "i2", "f4") if np.can_cast(dtype, code))
    return np.dtype(next(larger, "f8")).newbyteorder("<")
