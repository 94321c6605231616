"""Open damaged files of every kind: each must be a cube, or be refused in one sentence.

    python scripts/fuzz.py                         200 files of every kind
    python scripts/fuzz.py hdf5 mat --count 5000
    python scripts/fuzz.py hdf5:1234 --keep FOLDER  one file again, which is left in FOLDER
    python scripts/fuzz.py --tally FILE            continue the tally in FILE until it is full

A file is made whole, then changed at random by its kind and seed. A child process opens one after
the other: a find is any error but our own, the end of the process, more than 5 s, more than 1 GB,
and a file that is opened or written outside of its folder. Needs Linux. Files in memory are
quicker: `TMPDIR=/dev/shm`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import h5py
import numpy as np
import tifffile
import zarr
from scipy.io import savemat

from napari_dodn import HyperCube, read, write
from napari_dodn.distillation.config import checked
from napari_dodn.distillation.config_file import config_text, load_config
from napari_dodn.distillation.run.checkpoint import load_checkpoint, save_checkpoint
from napari_dodn.distillation.run.events import Step
from napari_dodn.distillation.run.folder import RunFolder
from napari_dodn.errors import UserError
from napari_dodn.formats import contents, read_library, write_library
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import load_network, read_card, save_network
from napari_dodn.spectra.library import SpectralLibrary, Spectrum

SECONDS, BYTES = 5.0, 2**30
"""Processor time and memory that a file may take."""

PATIENCE = 4
"""How many times as long a child may take before it is stopped."""

ASLEEP = 0.01
"""Share of the processor below which a child that does not run waits for something for ever."""

WANTED = {"envi": 50_000, "tiff": 50_000, "mat": 50_000, "hdf5": 50_000}
"""Files of a kind that a tally counts up to; of the others `WANTED_OF_OTHERS`."""

WANTED_OF_OTHERS = 10_000

TALLIED = 200
"""Files of a kind between two entries in a tally."""

WHOLE = 64
"""Whole files of each kind that are changed: the seed says which, and how."""

REHEARSED = 4
"""Whole files of each kind that a process opens first."""

KNOWN_FOLDERS = (
    *(os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, Path(__file__).parents[1])),
    *("/proc", "/sys", "/dev/null", "/dev/urandom", "/usr", "/lib"),
)
"""Where what Python itself opens lies."""

READ_WHOLE = 2**26
"""Bytes of pixels up to which all are read, and not only a corner."""

NET = "it is damaged, or of a kind that is not known"
"""In the sentence of what no reader has foreseen by itself."""

INTERESTING = (
    *(0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31),
    *(2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1),
)
WORDS = (b"-1", b"0", b"99999999999", b"1e400", b"nan", b"{", b"}", b"[[[[", b'"', b"\\", b"../..")

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(1, 4000, (6, 9, 8)).astype(np.int16)
WAVELENGTHS = np.linspace(450, 700, 6)
CUBE = HyperCube(
    PIXELS,
    wavelengths=WAVELENGTHS,
    fwhm=np.full(6, 10.0),
    good_bands=np.arange(6) < 5,
    nodata=-9999,
    gain=np.full(6, 0.5),
    map_info=("UTM", "1", "1", "500000", "4000000", "20", "30", "33", "North", "WGS-84"),
    history=("A step.",),
    metadata={"sensor type": "made up"},
)


def envi(folder: Path) -> Path:
    """Write an ENVI header and its data."""
    return write(CUBE, folder / f"a{RNG.choice(['.img', '.bil', '.bip'])}")


def tiff(folder: Path) -> Path:
    """Write a TIFF file of our own, or a compressed one of others."""
    path = folder / "a.tif"
    if RNG.random() < 0.5:
        return write(CUBE, path)
    compression = RNG.choice(["zlib", "none", "lzw"])
    tifffile.imwrite(path, PIXELS, compression=compression, planarconfig="separate")
    return path


def mat(folder: Path) -> Path:
    """Write a MATLAB v5 or v4 file."""
    path = folder / "a.mat"
    kind = RNG.integers(4)
    if kind == 0:
        return write(CUBE, path)
    if kind == 1:
        savemat(path, {"Y": PIXELS.reshape(6, -1) * 1.0, "nRow": 9.0, "nCol": 8.0}, format="4")
        return path
    inner = {"fwhm": CUBE.fwhm, "name": "field", "wavelengths": WAVELENGTHS}
    variables = {"s": {**inner, "img": PIXELS}, "gt": PIXELS[0]}
    variables["c"] = np.array([[inner, "text", PIXELS[0]]], object)
    savemat(path, variables, do_compression=kind == 2)
    return path


def mat73(folder: Path) -> Path:
    """Write a MATLAB v7.3 file."""
    path = folder / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["cube"] = PIXELS
        file["cube"].attrs["MATLAB_class"] = np.bytes_("int16")
        file["s/wavelengths"] = WAVELENGTHS[None]
        file["s"].attrs["MATLAB_class"] = np.bytes_("struct")
        refs = file.create_dataset("data", (1, 1), h5py.ref_dtype)
        refs.attrs["MATLAB_class"] = np.bytes_("cell")
        refs[0, 0] = file["s/wavelengths"].ref
    return path


def hdf5(folder: Path) -> Path:
    """Write an HDF5 or NetCDF-4 file of our own or of others."""
    path = folder / f"a{RNG.choice(['.h5', '.nc'])}"
    if RNG.random() < 0.3:
        return write(CUBE, path.with_suffix(".h5"))
    with h5py.File(path, "w", libver=str(RNG.choice(["earliest", "latest"]))) as file:
        chunks = bool(RNG.integers(2))
        packed = {"compression": "gzip", "chunks": (3, 4, 4)} if chunks else {}
        cube = file.create_dataset("site/reflectance", data=PIXELS, **packed)
        cube.attrs["units"] = "reflectance"
        cube.attrs["_FillValue"] = np.int16(-9999)
        for name, length in (("bands", 6), ("y", 9), ("x", 8)):
            file[name] = np.arange(length) * 10.0 + 450
            file[name].make_scale(name)
            file[name].attrs["units"] = "nm"
            cube.dims[["bands", "y", "x"].index(name)].attach_scale(file[name])
        file["site/wavelength"] = WAVELENGTHS
        file["site/text"] = "a text"
        file.attrs["title"] = ["one", "two"]
    return path


def zarr_store(folder: Path) -> Path:
    """Write a Zarr store of our own or of others."""
    path = folder / "a.zarr"
    if RNG.random() < 0.4:
        return write(CUBE, path)
    group = zarr.create_group(path, zarr_format=2 if RNG.random() < 0.5 else 3)
    array = group.create_array("cube", shape=PIXELS.shape, chunks=(6, 5, 4), dtype="i2")
    array[:] = PIXELS
    group.create_array("wavelength", data=WAVELENGTHS).attrs["units"] = "nm"
    group.attrs["title"] = "a title"
    return path


def numpy_file(folder: Path) -> Path:
    """Write an .npz or .npy file, the latter with wavelengths beside it."""
    kind = RNG.integers(3)
    if kind == 0:
        return write(CUBE, folder / "a.npz")
    if kind == 1:
        np.savez_compressed(folder / "a.npz", cube=PIXELS, wavelengths=WAVELENGTHS)
        return folder / "a.npz"
    np.save(folder / "a.npy", PIXELS)
    np.save(folder / "wavelengths.npy", WAVELENGTHS)
    return folder / "a.npy"


SPECTRA = SpectralLibrary(
    tuple(Spectrum(name, np.arange(6.0), np.linspace(450, 700, 6)) for name in ("a", "b")), "lib"
)


def library(folder: Path) -> Path:
    """Write a library of spectra, as a table or for ENVI."""
    return write_library(SPECTRA, folder / f"a{RNG.choice(['.csv', '.sli'])}")


def model(folder: Path) -> Path:
    """Write a model."""
    path = folder / "a.safetensors"
    network = DODN(scale=2, components=2, channels=3, blocks=1, branch_2d="whole", channels_2d=3)
    save_network(network, path, training={"data": "none"}, scores={"model": {}}, licence="")
    return path


CONFIG = checked({"data": {"cubes": ["a.hdr", "b.hdr"], "validation": ["a"]}, "name": "x"})


def configuration(folder: Path) -> Path:
    """Write a configuration of a training."""
    path = folder / "config.toml"
    path.write_text(config_text(CONFIG), encoding="utf-8")
    return path


def run_folder(folder: Path) -> Path:
    """Write the folder of a run with events and a state."""
    run = RunFolder.create(folder / "run", CONFIG)
    for step in range(3):
        run.append(Step("student", step, 3, {"total": 0.5}, 0.001, 0.1, 0.3, 0))
    save_checkpoint(run.state_file, {}, {"step": 3})
    return run.path


def open_cube(path: Path) -> None:
    """Open a cube as a window does."""
    contents(path)
    cube = read(path)
    str(cube)
    json.dumps(cube.description(), default=str)
    corner = np.asarray(cube.data[:2, :3, :3])
    assert corner.ndim == 3
    if cube.data.size * cube.data.dtype.itemsize <= READ_WHOLE:
        np.asarray(cube.data[:])


def open_library(path: Path) -> None:
    """Open a library of spectra."""
    str(read_library(path))


def open_model(path: Path) -> None:
    """Build the network of a model."""
    load_network(read_card(path))


def open_configuration(path: Path) -> None:
    """Read a configuration."""
    load_config(path)


def open_run(path: Path) -> None:
    """Look at a run as the window does."""
    run = RunFolder.open(path)
    run.config()
    run.events()
    run.outcome()
    load_checkpoint(run.state_file)


@dataclass(frozen=True)
class Kind:
    """A kind of file: how it is made, and how it is opened."""

    make: Callable[[Path], Path]
    open: Callable[[Path], None] = open_cube


KINDS = {
    "envi": Kind(envi),
    "tiff": Kind(tiff),
    "mat": Kind(mat),
    "mat73": Kind(mat73),
    "hdf5": Kind(hdf5),
    "zarr": Kind(zarr_store),
    "numpy": Kind(numpy_file),
    "library": Kind(library, open_library),
    "model": Kind(model, open_model),
    "config": Kind(configuration, open_configuration),
    "run": Kind(run_folder, open_run),
}


def changed(draw: random.Random, content: bytes) -> bytes:
    """Return a file's content with a few things changed."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 1, 2, 4))):
        place = draw.randrange(len(data) + 1)
        if draw.random() < 0.5:  # where files say what is in them
            place = min(place, draw.randrange(2048))
        end = min(len(data), place + draw.choice((1, 1, 1, 2, 4, 8, 64)))
        match draw.choice((0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 6, 7)):
            case 0:
                for at in range(place, end):
                    data[at] ^= 1 << draw.randrange(8)
            case 1:
                size = draw.choice((1, 2, 4, 8))
                order = draw.choice(("little", "big"))
                number = draw.choice(INTERESTING) % 2 ** (8 * size)
                data[place : place + size] = number.to_bytes(size, order)
            case 2:
                data[place:end] = draw.randbytes(end - place)
            case 3:
                del data[place:end]
            case 4:
                data[place:place] = data[place:end] * draw.choice((1, 2, 100))
            case 5:
                del data[place:]
            case 6:
                data[place : place + draw.randrange(8)] = draw.choice(WORDS)
            case 7:
                other = draw.randrange(len(data) + 1)
                data[place:end] = data[other : other + end - place]
    return bytes(data)


@dataclass(frozen=True)
class Whole:
    """A whole file, or a folder of them, that need not be made again."""

    path: Path
    files: dict[Path, bytes]

    def write(self, folder: Path) -> Path:
        """Write it into a folder; return what is to be opened."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / self.path


@cache
def whole(kind: str, number: int) -> Whole:
    """Return one of the whole files of a kind."""
    global RNG
    RNG = np.random.default_rng(number)
    with tempfile.TemporaryDirectory() as folder:
        path = KINDS[kind].make(Path(folder)).relative_to(folder)
        files = sorted(file for file in Path(folder).rglob("*") if file.is_file())
        return Whole(path, {file.relative_to(folder): file.read_bytes() for file in files})


def prepare(kind: str, seed: int, folder: Path) -> Path:
    """Write a damaged file of a kind; return what is to be opened."""
    draw = random.Random(f"{kind}:{seed}")
    found = whole(kind, seed % WHOLE)
    path = found.write(folder)
    files = [folder / name for name in found.files]
    for file in draw.sample(files, min(len(files), draw.choice((1, 1, 1, 2)))):
        if len(files) > 1 and draw.random() < 0.05:
            file.unlink()
        else:
            file.write_bytes(changed(draw, file.read_bytes()))
    return path


@dataclass
class Outside:
    """What is opened outside of the folder of a file."""

    folder: str = ""
    before: str = ""
    """Folder of the file before, whose tasks Zarr may not have ended."""
    found: list[str] = field(default_factory=list)

    def watch(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take note of files that are opened; an audit hook."""
        if event != "open" or not self.folder or not isinstance(arguments[0], str | bytes):
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        known = (self.folder, self.before or self.folder, *KNOWN_FOLDERS)
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        writes = flags & (os.O_WRONLY | os.O_RDWR) and path != os.devnull
        if not path.startswith(known) or (writes and not path.startswith(self.folder)):
            self.found.append(path)


def judged(kind: str, seed: int, folder: Path, outside: Outside) -> str:
    """Open a damaged file; return "opened", "refused", "net", or what is wrong."""
    path = prepare(kind, seed, folder)
    outside.folder, outside.found = os.path.realpath(folder), []
    try:
        KINDS[kind].open(path)
        said = "opened"
    except UserError as error:
        said = "net" if NET in str(error) else "refused"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError):
                said = f"memory: {error}"
            cause = cause.__cause__ or cause.__context__
        if "\n" in str(error):
            said = f"more than a sentence: {str(error)[:200]!r}"
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if "napari_dodn" in f.filename] or frames
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        said = f"{type(error).__name__} at {place}: {str(error)[:100]}"
    finally:
        outside.folder, outside.before = "", outside.folder
    return f"outside: {outside.found[:3]}" if outside.found else said


def work(pipe: Connection, parents: Connection, root: Path) -> None:
    """Check files until there are no more, in a child process."""
    parents.close()  # or the pipe would outlive a parent that is killed
    warnings.simplefilter("ignore")
    outside = Outside()
    sys.addaudithook(outside.watch)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    for kind in KINDS:  # whole ones, for all that is imported
        for seed in range(REHEARSED):
            folder = Path(tempfile.mkdtemp(dir=root))
            KINDS[kind].open(whole(kind, seed).write(folder))
            shutil.rmtree(folder)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (job := received(pipe)) is not None:
        folder = Path(tempfile.mkdtemp(dir=root))
        started = time.process_time()
        said = judged(job[0], job[1], folder, outside)
        pipe.send((said, time.process_time() - started))
        shutil.rmtree(folder, ignore_errors=True)


def received(pipe: Connection) -> tuple[str, int] | None:
    """Return the next kind and seed; None at the end, also where the parent is gone."""
    try:
        return pipe.recv()
    except EOFError:
        return None


def processor_time(process: int | None) -> tuple[float, bool]:
    """Return the seconds of the processor that a process has used, and whether it sleeps.

    A process does not sleep that is stopped, or that waits for the processor.
    """
    state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[10:12])) / os.sysconf("SC_CLK_TCK"), state == "S"


class Child:
    """A process that opens files; it is restarted when a file ends it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, self.pipe, self.root), daemon=True)
        self.process.start()
        other.close()
        self.patience = 600.0 if REHEARSED else PATIENCE * SECONDS  # it opens whole files first

    def judge(self, kind: str, seed: int) -> str:
        """Return what became of a file."""
        self.pipe.send((kind, seed))
        try:
            if self._answers():
                self.patience = PATIENCE * SECONDS
                said, seconds = self.pipe.recv()
                return said if seconds <= SECONDS else f"{seconds:.1f} s"
            said = "it does not end"
        except (EOFError, ConnectionResetError):
            self.process.join()
            said = f"the process ended: {self.process.exitcode}"
        self.process.kill()
        self.process.join()
        self._start()
        return said

    def _answers(self) -> bool:
        """Wait for the child by processor time, since other programs run as well."""
        begun = last = processor_time(self.process.pid)[0]
        while not self.pipe.poll(self.patience):
            now, sleeps = processor_time(self.process.pid)
            waits = sleeps and now - last < ASLEEP * self.patience
            if waits or now - begun > self.patience:
                return self.pipe.poll()
            last = now
        return True

    def end(self) -> None:
        """Stop the process."""
        self.pipe.send(None)
        self.process.join()


def run(cases: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int, str]]:
    """Yield kinds, seeds and what became of the files."""
    with tempfile.TemporaryDirectory() as root:
        child = Child(Path(root))
        for kind, seed in cases:
            yield kind, seed, child.judge(kind, seed)
        child.end()


FINDS = "finds"


def heading(said: str) -> str:
    """Return the heading under which a file is counted."""
    return said if said in ("opened", "refused", "net") else FINDS


def wanted(kind: str) -> int:
    """Return how many files of a kind a tally counts up to."""
    return WANTED.get(kind, WANTED_OF_OTHERS)


class Tally:
    """What became of files; with a file, of those of earlier runs, too."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.kinds: dict[str, dict[str, int]] = {}
        self.finds: list[str] = []
        if file is not None and file.exists():
            said = json.loads(file.read_text(encoding="utf-8"))
            self.kinds, self.finds = said["kinds"], said["finds"]

    def left(self, kinds: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Yield kinds and seeds that are not counted yet, some of each kind in turn."""
        while rest := [kind for kind in kinds if self.done(kind) < wanted(kind)]:
            for kind in rest:
                first = self.done(kind)
                for seed in range(first, min(first + TALLIED, wanted(kind))):
                    yield kind, seed
                self.save()

    def done(self, kind: str) -> int:
        """Return the number of files of a kind, which is the first seed that is left."""
        return sum(self.kinds.get(kind, {}).values())

    def add(self, kind: str, seed: int, said: str) -> None:
        """Count a file."""
        counts = self.kinds.setdefault(kind, {})
        counts[heading(said)] = counts.get(heading(said), 0) + 1
        if heading(said) == FINDS:
            self.finds.append(f"{kind}:{seed} {said}")
            print(self.finds[-1], flush=True)

    def save(self) -> None:
        """Write the file."""
        if self.file is not None:
            beside = self.file.with_suffix(".new")
            beside.write_text(json.dumps({"kinds": self.kinds, "finds": self.finds}, indent=1))
            beside.replace(self.file)


def named(kinds: Iterable[str], seeds: range) -> Iterator[tuple[str, int]]:
    """Yield kinds and seeds; a kind may name its seed."""
    for name, _, seed in (kind.partition(":") for kind in kinds):
        yield from ((name, each) for each in ((int(seed),) if seed else seeds))


def main(words: list[str] | None = None) -> int:
    """Do what the command line asks; return the number of finds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", help="Kinds, or one as KIND:SEED; else all.")
    parser.add_argument("--count", type=int, default=200, help="Files of each kind.")
    parser.add_argument("--first", type=int, default=0, help="The first seed.")
    parser.add_argument("--keep", type=Path, help="Where to leave the file of KIND:SEED.")
    parser.add_argument("--tally", type=Path, help="A file that counts over many runs.")
    asked = parser.parse_args(words)
    if asked.keep is not None:
        kind, _, seed = asked.kinds[0].partition(":")
        asked.keep.mkdir(parents=True, exist_ok=True)
        print(prepare(kind, int(seed), asked.keep))
        return 0
    tally = Tally(asked.tally)
    kinds = asked.kinds or list(KINDS)
    seeds = range(asked.first, asked.first + asked.count)
    before = len(tally.finds)
    for result in run(tally.left(kinds) if asked.tally else named(kinds, seeds)):
        tally.add(*result)
    for kind, counts in tally.kinds.items():
        print(f"{kind:10}", ", ".join(f"{n:,} {said}" for said, n in sorted(counts.items())))
    return len(tally.finds) - before


if __name__ == "__main__":
    sys.exit(min(main(), 1))
