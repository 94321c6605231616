"""From what is set to what a run needs: layers that are in no file are written into one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_dodn.claims import claim
from napari_dodn.cube import HyperCube
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.config_file import config_text
from napari_dodn.distillation.run.folder import RunError, RunFolder
from napari_dodn.distillation.split import named_apart
from napari_dodn.errors import UserError, reason_of
from napari_dodn.formats.errors import file_faults_as_sentences
from napari_dodn.formats.pixels.raw import RawPixels
from napari_dodn.jobs import Progress, Steps, stop_if
from napari_dodn.plugin.training.draft import Plan
from napari_dodn.plugin.training.material import Origin
from napari_dodn.plugin.viewer.layers import cube_from_layer, is_cube
from napari_dodn.replacing import remove, replace_bytes, replace_text

T = TypeVar("T")

NOT_COMPARED = {"name", "notes", "source", "read_as"}
"""Parts of a description that may differ from the file's without a change of the cube."""


def make_run(plan: Plan, folder: Path, cancelled: Callable[[], bool]) -> Steps[RunFolder]:
    """Make the folder of a run with its data.

    Where it cannot be made, or is cancelled, what was written is removed again.

    Raises
    ------
    UserError
        If something cannot be written, or there is a run already.
    """
    with file_faults_as_sentences(folder, "written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with claim(folder):  # or another window would make the same, and remove what is written
            return (yield from _made(plan, folder, cancelled))


def _made(plan: Plan, folder: Path, cancelled: Callable[[], bool]) -> Steps[RunFolder]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is not empty; choose another name or folder.")
    was_there = folder.exists()
    data = RunFolder(folder).data_folder
    try:
        return (yield from store(plan, data, cancelled, partial(RunFolder.create, folder)))
    except BaseException:
        if not was_there:
            with suppress(OSError):
                folder.rmdir()
        raise


def save_configuration(plan: Plan, path: Path, cancelled: Callable[[], bool]) -> Steps[None]:
    """Write a configuration file; cubes that are in no file go into a folder beside it.

    Where it cannot be written, or is cancelled, what was written is removed again.

    Raises
    ------
    UserError
        If something cannot be written.
    """

    def finish(config: TrainConfig) -> None:
        replace_text(path, config_text(config), alone=True)

    if path.is_dir():
        raise RunError(f"{path} is a folder; choose another name.")
    data = path.with_name(f"{path.stem} data")
    with file_faults_as_sentences(path, "written"), claim(path):
        yield from store(plan, data, cancelled, finish)


def store(
    plan: Plan,
    data: Path,
    cancelled: Callable[[], bool],
    finish: Callable[[TrainConfig], T],
) -> Steps[T]:
    """Put into files what is in none, and finish with the configuration that names them.

    Where that does not come to its end, the new files are removed again.

    Parameters
    ----------
    plan : Plan
        What is set.
    data : Path
        The folder for new files; it is made where there is something to write.
    cancelled : callable
        Whether to stop.
    finish : callable
        Writes down the configuration.
    """
    from napari_dodn.formats import read

    files: list[Path] = []
    names: list[str] = []
    pictures: list[Path | None] = []
    sharper: list[Path | None] = []
    with _new_files(data) as free:
        for count, material in enumerate(plan.materials):
            stop_if(cancelled)
            yield Progress(count, len(plan.materials), f"Writing {material.name}")
            stem = free(material.name)
            path = _file_of(material.origin, data, stem)
            files.append(path.resolve())
            names.append(read(path).name or path.stem)
            pictures.append(picture_file(material.picture, data, free(f"{stem} MSI")))
            sharper.append(picture_file(material.sharper, data, free(f"{stem} sharper")))
        stop_if(cancelled)  # the last cube may have taken long
        return finish(plan.config(files, named_apart(names), pictures, sharper))


@contextmanager
def _new_files(data: Path) -> Iterator[Callable[[str], str]]:
    """Give out names for new files of a folder; where an error follows, remove these files."""
    stems: list[str] = []

    def free(name: str) -> str:
        stems.append(free_stem(data, name))
        return stems[-1]

    was_there = data.exists()
    try:
        yield free
    except BaseException:
        for path in list(data.iterdir()) if data.is_dir() else ():
            if path.stem in stems:
                remove(path)
        if not was_there:
            with suppress(OSError):
                data.rmdir()
        raise


def _file_of(origin: Origin, data: Path, stem: str) -> Path:
    """Return the file of a cube; where the layer is in none as it is, write it."""
    from napari_dodn.formats import write

    if isinstance(origin, Path):
        return origin
    cube = cube_from_layer(origin)
    if is_as_in_file(cube):
        return Path(cube.source)
    _make_folder(data)
    return write(cube, data / f"{stem}.hdr")


def is_as_in_file(cube: HyperCube) -> bool:
    """Tell whether the file that a cube was read from still holds the same cube."""
    from napari_dodn.formats import read
    from napari_dodn.formats.envi.files import files_of

    if not cube.source or cube.history or not Path(cube.source).exists():
        return False
    try:
        stored = read(cube.source)
    except UserError:
        return False
    same = {k: v for k, v in stored.description().items() if k not in NOT_COMPARED}
    if same != {k: v for k, v in cube.description().items() if k not in NOT_COMPARED}:
        return False
    if stored.shape != cube.shape or stored.data.dtype != cube.data.dtype:
        return False
    from_file = isinstance(cube.data, RawPixels) or (
        isinstance(cube.data, np.memmap) and cube.data.mode == "r"
    )
    if from_file and _in_order(cube, stored):
        return Path(str(cube.data.filename)) in files_of(Path(cube.source))
    return all(
        np.array_equal(np.asarray(a), np.asarray(b), equal_nan=a.dtype.kind == "f")
        for a, b in zip(stored.data, cube.data, strict=True)
    )


def _in_order(cube: HyperCube, stored: HyperCube) -> bool:
    """Tell whether pixels of a file are neither turned nor mirrored."""
    strides = getattr(stored.data, "strides", None)
    # What was copied band by band is in order, whatever its file is.
    in_order = isinstance(cube.data, np.ndarray) and cube.data.flags.c_contiguous
    return cube.data.strides == strides or in_order


def picture_file(picture: Origin | None, data: Path, stem: str) -> Path | None:
    """Return the file of a picture; where it is a layer, write it."""
    from napari_dodn.formats import write

    if picture is None or isinstance(picture, Path):
        return picture.resolve() if picture else None
    _make_folder(data)
    if is_cube(picture):
        cube = cube_from_layer(picture)
        return Path(cube.source) if is_as_in_file(cube) else write(cube, data / f"{stem}.hdr")
    pixels = picture.data[0] if picture.multiscale else picture.data
    if not picture.rgb:
        bands = pixels[None] if pixels.ndim == 2 else pixels  # panchromatic: one band
        return write(HyperCube(bands), data / f"{stem}.hdr")
    return _write_rgb(np.asarray(pixels)[..., :3], data / stem)


def _write_rgb(pixels: np.ndarray, base: Path) -> Path:
    """Write RGB pixels (y, x, 3): PNG of 8 bits, else TIFF."""
    import tifffile
    from imagecodecs import png_encode

    if pixels.dtype == np.uint8:
        path, content = base.with_name(base.name + ".png"), png_encode(np.ascontiguousarray(pixels))
    else:
        image = BytesIO()
        tifffile.imwrite(image, pixels, photometric="rgb")
        path, content = base.with_name(base.name + ".tif"), image.getvalue()
    try:
        replace_bytes(path, content)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {reason_of(error)}.") from error
    return path


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{data} cannot be made: {reason_of(error)}.") from error


def free_stem(data: Path, name: str) -> str:
    """Return a name for a file of any kind, without what file systems dislike."""
    stem = re.sub(r"[^\w .+()-]", "_", name).strip(" .") or "cube"
    taken = {path.stem.casefold() for path in data.iterdir()} if data.is_dir() else set()
    wanted, count = stem, 1
    while wanted.casefold() in taken:  # some file systems do not tell A from a
        count += 1
        wanted = f"{stem} {count}"
    return wanted
