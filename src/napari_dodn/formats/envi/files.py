"""Which header and which data file of ENVI belong together, by their names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from napari_dodn.formats.envi.header import is_header
from napari_dodn.formats.errors import AmbiguousError, FormatError
from napari_dodn.wording import all_of

DATA_SUFFIXES = (".dat", ".img", ".raw", ".bsq", ".bil", ".bip", ".hyspex", ".bin")
GZIP = ".gz"
WRITTEN_SUFFIXES = (".hdr", ".dat", ".img", ".raw", ".bsq", ".bil", ".bip")

OTHER_SUFFIXES = {
    *(
        ".hdr",
        ".txt",
        ".xml",
        ".json",
        ".csv",
        ".md",
        ".pdf",
        ".log",
        ".part",
        ".zip",
        ".tar",
        ".tgz",
    ),
    *(".tfw", ".ovr", ".kml", ".enp", ".sli"),
    *(".sh", ".bat", ".ps1", ".slurm", ".py", ".ipynb", ".m", ".r", ".pro", ".ini", ".cfg"),
    *(".toml", ".yaml", ".yml"),
}
"""Suffixes of files that stand beside a header and are not its data; see `may_be_data`."""


def is_called_header(path: Path) -> bool:
    """Tell whether a file has the suffix of a header."""
    return path.suffix.lower() == ".hdr"


def may_be_data(path: Path) -> bool:
    """Tell whether a file may be the data of a header, which can have any name but others'."""
    from napari_dodn.formats.registry import FORMATS  # which knows this format too

    suffix = _unpacked(path).suffix.lower()
    if suffix in (".hdr", *OTHER_SUFFIXES):
        return False
    return suffix in WRITTEN_SUFFIXES or all(suffix not in kind.suffixes for kind in FORMATS)


def _unpacked(path: Path) -> Path:
    """Return a path without the suffix that gzip adds."""
    return path.with_suffix("") if path.suffix.lower() == GZIP else path


def _folded(name: str) -> str:
    """Return a name so that letter case, and how a file system spells accents, do not count."""
    return unicodedata.normalize("NFC", name).casefold()


def header_and_data(path: Path) -> tuple[Path, Path | None]:
    """Return header and data file, given one of them; no data file where it is to be found."""
    if is_called_header(path):
        return path, None
    return header_beside(path), path


def header_beside(data: Path) -> Path:
    """Return the header that describes a data file.

    Raises
    ------
    FormatError
        If there is none.
    """
    if headers := headers_of(data):
        return headers[0]
    raise FormatError(f"{data} has no ENVI header beside it, such as {data.stem}.hdr.")


def headers_of(data: Path) -> list[Path]:
    """Return the headers that may describe a data file, the one named after it exactly first.

    Of those that differ in letter case only, the one in the case of the data file comes first.
    """
    if not data.parent.is_dir():
        return []
    names = list(dict.fromkeys((data.name, data.stem, _unpacked(data).stem)))
    called = [_folded(f"{name}.hdr") for name in names]
    files = [file for file in data.parent.iterdir() if _folded(file.name) in called]
    files = [file for file in files if file.is_file() and is_header(file)]
    return sorted(
        files, key=lambda file: (called.index(_folded(file.name)), file.stem not in names)
    )


def check_described_by(data: Path, header: Path) -> None:
    """Raise FormatError where a data file to write would be read with another header."""
    headers = headers_of(data)
    if headers and not (header.exists() and headers[0].samefile(header)):
        raise FormatError(
            f"{data} cannot be written: it already belongs to the header {headers[0].name}, not to "
            f"{header.name}; choose another name."
        )


def data_candidates(header: Path) -> list[Path]:
    """Return the files beside a header that may be its data, in the order of their names.

    A file that has a header of its very own belongs to that one.
    """
    return [
        file
        for file in _called_like(header)
        if not (headers := headers_of(file)) or headers[0].name == header.name
    ]


def described_files(header: Path) -> list[Path]:
    """Return the data candidates of a header or, where it has none, those with another header."""
    return data_candidates(header) or _called_like(header)


def _called_like(header: Path) -> list[Path]:
    if not header.parent.is_dir():
        return []
    stem = _folded(header.stem)
    files = [
        file
        for file in header.parent.iterdir()
        if stem in map(_folded, (file.name, file.stem, _unpacked(file).stem))
        and may_be_data(file)
        and file.is_file()
    ]
    same_case = [
        file for file in files if header.stem in (file.name, file.stem, _unpacked(file).stem)
    ]
    return sorted(same_case or files)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a cube that is there, given its header or its data file.

    The header comes first. Where several files could be the data of a header, they are all among
    them. A file that is not ENVI's is alone.
    """
    if is_called_header(path):
        return path, *described_files(path)
    return *(headers_of(path)[:1] if may_be_data(path) else ()), path


def data_of(header: Path, size: int, dataset: str | None, notes: list[str]) -> Path:
    """Return the data file of a header.

    Parameters
    ----------
    header : Path
        The header.
    size : int
        Bytes that it describes.
    dataset : str or None
        Name of the data file, if the caller gave it.
    notes : list of str
        Gets a sentence where the size decided, or the file has another header.
    """
    candidates = described_files(header)
    if not candidates:
        raise FormatError(f"{header} has no data file beside it, such as {header.stem}.img.")
    names = [file.name for file in candidates]
    if dataset is not None:
        if dataset not in names:
            raise FormatError(f"{header} has no data file '{dataset}', only {', '.join(names)}.")
        return candidates[names.index(dataset)]
    if len(candidates) == 1:
        if (other := headers_of(candidates[0])[0]).name != header.name:
            notes.append(f"{candidates[0].name} also has a header of its own, {other.name}.")
        return candidates[0]
    fitting = [file for file in candidates if file.stat().st_size == size]
    if len(fitting) == 1:
        others = all_of(name for name in names if name != fitting[0].name)
        notes.append(f"{fitting[0].name} is the data file by its size, not {others}.")
        return fitting[0]
    raise AmbiguousError(
        f"{header} could describe {' or '.join(names)}; open the one that you mean, "
        f"or name it with the option 'dataset' (--dataset).",
        names,
    )


def name_of(header: Path) -> str:
    """Return what to call the cube: the header's name without suffixes of header and data."""
    stem = _unpacked(Path(header.stem))
    return stem.stem if stem.suffix.lower() in DATA_SUFFIXES else stem.name


def written_names(path: Path) -> tuple[Path, Path]:
    """Return the names of the header and the data file to write."""
    suffix = path.suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise FormatError(
            f"{path} cannot be written as ENVI: its suffix must be one of "
            f"{', '.join(WRITTEN_SUFFIXES)}."
        )
    if suffix != ".hdr":
        exact = path.with_name(path.name + ".hdr")  # which would be preferred when reading
        return exact if exact.exists() else path.with_suffix(".hdr"), path
    if path.is_file() and len(present := data_candidates(path)) == 1:
        data = present[0]
        # Not what somebody has called like a cube and is in no way told to be its data.
        if data.name.casefold() == path.stem.casefold() or data.suffix.lower() in DATA_SUFFIXES:
            return path, data
    stem = path.with_suffix("")
    return path, stem if stem.suffix.lower() in DATA_SUFFIXES else path.with_suffix(".img")
