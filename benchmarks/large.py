"""What cubes larger than the memory, killed runs, clusters and folders of cubes come to.

    python benchmarks/large.py FOLDER [--gigabytes 1 4 16] [--whole 1] [--bands 224] [--kills 20]
        [--model NAME] [--stages open strip whole killed cluster parts folder]

Everything is made from textured cubes that are generated into FOLDER, in float32, and removed
again. What a stage found is kept in FOLDER/report.json, and a stage that is there is not done
again, so an interrupted run resumes. The model is a narrow one of random weights where none
is named: the claims are not about the network. Memory is the highest RssAnon (what belongs to the
process and no file), polled every 20 ms.

- open: seconds until our reader has a cube of each size, and how long a band and a spectrum take;
- strip: a strip of 512 rows of each, ×2 into Zarr;
- whole: all of one, ×2 into Zarr, which the following three are compared with;
- killed: the same, by processes that are killed at random places and resumed; the same bytes?
- cluster: the same, on a local Dask cluster of two workers, one of which is killed on the way;
- parts: the same, as four parts by two processes that share nothing but the folder;
- folder: twenty cubes, two of which are bad, by the command line, twice.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_dodn import HyperCube, read
from napari_dodn.cube import Region
from napari_dodn.formats import create, write
from napari_dodn.jobs import Progress, follow, result_of
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import save_network
from napari_dodn.upscaling import UpscaleOptions, upscale_steps

COLUMNS, BLOCK, MAPS = 1024, 64, 12
POLL, TICK = 0.02, os.sysconf("SC_CLK_TCK")
STRIP = 512

Found = dict[str, Any]


def make_source(path: Path, bands: int, gigabytes: float) -> None:
    """Write a textured cube: mixtures of maps with a 1/f spectrum, and noise, moved about."""
    rows = max(BLOCK, round(gigabytes * 1e9 / (4 * bands * COLUMNS)))
    chance = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(BLOCK)[:, None], np.fft.rfftfreq(COLUMNS))
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(chance.standard_normal((MAPS, BLOCK, COLUMNS)))
    maps = np.fft.irfft2(noise / frequency, s=(BLOCK, COLUMNS))
    maps /= maps.std(axis=(1, 2), keepdims=True)
    spectra = np.linalg.qr(chance.standard_normal((bands, MAPS)))[0] * 0.8 ** np.arange(MAPS)
    block = np.tensordot(spectra, maps, 1).astype(np.float32)
    block += 1e-3 * chance.standard_normal(block.shape, np.float32)
    with create(path, (bands, rows, COLUMNS)) as writer:
        for row in range(0, rows, BLOCK):
            high = min(BLOCK, rows - row)
            part = np.roll(block, int(chance.integers(COLUMNS)), axis=2)[:, :high]
            part *= chance.uniform(0.5, 1.5)
            writer.put((slice(None), slice(row, row + high), slice(None)), part)
        writer.finish(HyperCube(np.broadcast_to(np.float32(0), (bands, rows, COLUMNS))))


def narrow_model(path: Path) -> None:
    """Write a model that costs little."""
    torch.manual_seed(0)
    network = DODN(2, components=10, channels=8, blocks=1, channels_2d=16, branch_2d="folded")
    for name, values in network.named_parameters():
        if name.startswith("tail"):
            torch.nn.init.normal_(values, std=0.05)
    save_network(network, path, training={"data": "nothing"}, scores={}, licence="BSD-3-Clause")


def memory_of(process: int) -> int:
    """Return the bytes of memory that are a process's own; 0 where it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    lines = [line for line in status.split("\n") if line.startswith("RssAnon")]
    return int(lines[0].split()[1]) << 10 if lines else 0


def processor_of(process: int) -> float:
    """Return the seconds of the processor that a process took; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def in_child(work: Callable[[], Any], most: float = float("inf")) -> Found | None:
    """Do work in a fork of this process; return what it took, None where it was killed.

    It is killed when it has taken `most` seconds of the processor.
    """
    reader, writer = os.pipe()
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            os.write(writer, json.dumps(work() or {}).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    memory, processor = 0, 0.0
    status: int | None = None
    while status is None:
        memory, processor = max(memory, memory_of(child)), max(processor, processor_of(child))
        if processor > most:
            os.kill(child, signal.SIGKILL)
        ended, code = os.waitpid(child, os.WNOHANG)
        if ended:
            status = code
        else:
            time.sleep(POLL)
    with os.fdopen(reader, "rb") as file:
        text = file.read()
    if os.WIFSIGNALED(status):
        return None
    if status:
        raise SystemExit("A child has failed.")
    took = {"wall": time.perf_counter() - begun, "processor": processor, "memory": memory}
    return {**took, **json.loads(text)}


def hashes_of(path: Path) -> dict[str, str]:
    """Return the hashes of all files of a result, by their names."""
    found = {}
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256")
        found[file.relative_to(path).as_posix()] = digest.hexdigest()
    return found


def apart(path: Path, other: Path) -> float:
    """Return the largest difference of two results, in the range of one."""
    one, two = read(path), read(other)
    largest, low, high = 0.0, np.inf, -np.inf
    for row in range(0, one.shape[1], STRIP):
        part = np.s_[:, row : row + STRIP]
        first, second = np.asarray(one.data[part]), np.asarray(two.data[part])
        largest = max(largest, float(np.abs(first - second).max()))
        low, high = min(low, float(first.min())), max(high, float(first.max()))
    return largest / (high - low)


class Large:
    """The stages, and what they found."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.folder: Path = args.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.report = self.folder / "report.json"
        self.found: Found = json.loads(self.report.read_text()) if self.report.exists() else {}
        model = args.model
        if model is None:
            model = self.folder / "narrow.safetensors"
            if not model.exists():
                narrow_model(model)
        self.options = UpscaleOptions(scale=2, model=model, device="cpu", precision="float32")

    @contextmanager
    def source(self, gigabytes: float) -> Iterator[Path]:
        """Give a cube of a size, and remove it."""
        path = self.folder / f"source-{gigabytes:g}.hdr"
        if not path.exists():
            make_source(path, self.args.bands, gigabytes)
        yield path
        path.unlink()
        path.with_suffix(".img").unlink()

    def stage(self, name: str, work: Callable[[], Found]) -> None:
        """Do a stage that is not done yet, keep and print what it found."""
        if name not in self.found:
            self.found[name] = work()
            self.report.write_text(json.dumps(self.found, indent=2))
        print(name, json.dumps(self.found[name]), flush=True)

    def opened(self, source: Path) -> Found:
        """Open a cube in a fresh process, look at bands and spectra."""
        words = [sys.executable, __file__, "--look", str(source), str(self.folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found: Found = json.loads(done.stdout)
        return found

    def strip(self, source: Path) -> Found:
        """Do a strip of rows in the middle."""
        output = self.folder / "strip.zarr"
        shutil.rmtree(output, ignore_errors=True)

        def work() -> None:
            cube = read(source)
            top = max(0, cube.shape[1] // 2 - STRIP // 2)
            region = Region(top, min(top + STRIP, cube.shape[1]), 0, cube.shape[2])
            result_of(upscale_steps(cube, self.options, region=region, output=output))

        found = in_child(work)
        assert found is not None
        shutil.rmtree(output)
        return found

    def do_whole(self, source: Path, output: Path) -> Callable[[], None]:
        """Return what does all of a cube, and resumes where it was interrupted."""
        return lambda: (
            result_of(upscale_steps(read(source), self.options, output=output, resume=True))
            and None
        )

    def whole(self, source: Path) -> Found:
        """Do all of a cube at one go."""
        output = self.folder / "whole.zarr"
        shutil.rmtree(output, ignore_errors=True)
        found = in_child(self.do_whole(source, output))
        assert found is not None
        return {**found, "bytes": output_size(output)}

    def killed(self, source: Path) -> Found:
        """Do all of a cube by processes that are killed at random places."""
        # Of the same name, which stands in the result.
        output = self.folder / "killed" / "whole.zarr"
        shutil.rmtree(output.parent, ignore_errors=True)
        output.parent.mkdir()
        chance, deaths, memory = random.Random(0), 0, 0
        each = self.found["whole"]["processor"] / self.args.kills
        while not output.exists():
            most = chance.uniform(0.2, 2.2) * each if deaths < self.args.kills else float("inf")
            found = in_child(self.do_whole(source, output), most)
            deaths += found is None
            memory = max(memory, found["memory"] if found else 0)
        ours, whole = hashes_of(output), hashes_of(self.folder / "whole.zarr")
        apart = [name for name in {**ours, **whole} if ours.get(name) != whole.get(name)]
        shutil.rmtree(output.parent)
        found = {"deaths": deaths, "identical": not apart, "memory": memory}
        return {**found, "files that differ": apart} if apart else found

    def cluster(self, source: Path) -> Found:
        """Do all of a cube on two workers, one of which is killed on the way."""
        import psutil
        from distributed import LocalCluster

        from napari_dodn.upscaling.crew import DaskCrew

        output, memory = self.folder / "cluster.zarr", [0]
        killed: list[int] = []
        shutil.rmtree(output, ignore_errors=True)
        over = threading.Event()

        def workers() -> list[psutil.Process]:
            children = psutil.Process().children(recursive=True)
            return [c for c in children if "spawn_main" in " ".join(c.cmdline())]

        def watch() -> None:
            while not over.wait(10 * POLL):
                with suppress(psutil.NoSuchProcess):  # one is killed on the way
                    memory[0] = max(memory[0], *(memory_of(p.pid) for p in workers()), 0)

        def kill_one(event: Progress) -> None:
            if not killed and event.message == "Super-resolving" and 2 * event.done > event.total:
                killed.append(max(workers(), key=lambda p: memory_of(p.pid)).pid)
                os.kill(killed[0], signal.SIGKILL)

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            watcher = threading.Thread(target=watch)
            watcher.start()
            crew = DaskCrew(cluster.scheduler_address)
            begun = time.perf_counter()
            steps = upscale_steps(read(source), self.options, output=output, resume=True, crew=crew)
            try:
                follow(steps, kill_one)
            finally:
                over.set()
                watcher.join()
                crew.close()
            wall = time.perf_counter() - begun
        share = apart(self.folder / "whole.zarr", output)
        shutil.rmtree(output)
        return {"killed": len(killed), "share": share, "wall": wall, "memory": memory[0]}

    def parts(self, source: Path) -> Found:
        """Do all of a cube as four parts, by two processes at a time."""
        output, statistics = self.folder / "parts.zarr", self.folder / "statistics.json"
        shutil.rmtree(output, ignore_errors=True)
        statistics.unlink(missing_ok=True)
        words: list[str | Path] = [sys.executable, "-m", "napari_dodn"]
        told = ["--scale", "2", "--model", str(self.options.model), "--device", "cpu"]
        told += ["--precision", "float32", "--statistics", str(statistics)]
        measure = [*words, "measure", source, statistics, *told[:4]]
        subprocess.run(measure, check=True, capture_output=True)
        queues = [[1, 3], [2, 4]]

        def do(queue: list[int]) -> None:
            for number in queue:
                part = [*words, "upscale", source, output, *told, "--part", f"{number}/4"]
                subprocess.run(part, check=True, capture_output=True)

        threads = [threading.Thread(target=do, args=(queue,)) for queue in queues]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gather = [*words, "upscale", source, output, *told, "--gather"]
        subprocess.run(gather, check=True, capture_output=True)
        share = apart(self.folder / "whole.zarr", output)
        shutil.rmtree(output)
        return {"share": share}

    def many(self) -> Found:
        """Do twenty cubes, two of which are bad, and once more."""
        sources, results = self.folder / "sources", self.folder / "results"
        for folder in (sources, results):
            shutil.rmtree(folder, ignore_errors=True)
        sources.mkdir()
        chance = np.random.default_rng(0)
        for number in range(20):
            maps = chance.standard_normal((3, 8, 8)).repeat(6, axis=1).repeat(6, axis=2)
            pixels = np.tensordot(chance.standard_normal((31, 3)), maps, 1)
            write(HyperCube(pixels.astype(np.float32)), sources / f"cube{number:02}.hdr")
        (sources / "cube05.img").write_bytes((sources / "cube05.img").read_bytes()[:1000])
        (sources / "cube11.hdr").write_text("ENVI\nlines = many\n")
        words: list[str | Path]
        words = [sys.executable, "-m", "napari_dodn", "upscale", sources, results, "--json"]
        words += ["--scale", "2", "--model", str(self.options.model), "--device", "cpu"]
        found: Found = {}
        for turn in ("first", "second"):
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            rows = json.loads(done.stdout)
            states = [row["status"] for row in rows]
            found[turn] = {state: states.count(state) for state in sorted(set(states))}
            found[turn]["exit"] = done.returncode
        found["reasons"] = [row["reason"] for row in rows if row["status"] == "failed"]
        for folder in (sources, results):
            shutil.rmtree(folder)
        return found

    def run(self) -> None:
        """Do all requested stages."""
        wanted = self.args.stages
        for gigabytes in self.args.gigabytes:
            names = [name for name in ("open", "strip") if name in wanted]
            if all(f"{name} {gigabytes:g} GB" in self.found for name in names):
                continue
            with self.source(gigabytes) as source:
                for name in names:
                    work = self.opened if name == "open" else self.strip
                    self.stage(f"{name} {gigabytes:g} GB", lambda w=work: w(source))  # type: ignore[misc]
        stages = {
            "whole": self.whole,
            "killed": self.killed,
            "cluster": self.cluster,
            "parts": self.parts,
        }
        left = [name for name in stages if name in wanted and name not in self.found]
        if left:
            with self.source(self.args.whole) as source:
                if not (self.folder / "whole.zarr").exists():
                    self.found.pop("whole", None)
                    left = list(dict.fromkeys(["whole", *left]))
                for name in left:
                    self.stage(name, lambda n=name: stages[n](source))  # type: ignore[misc]
            shutil.rmtree(self.folder / "whole.zarr")
        if "folder" in wanted:
            self.stage("folder", self.many)
        print(json.dumps(self.found, indent=2))


def output_size(path: Path) -> int:
    """Return the bytes of a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def look(source: Path) -> Found:
    """Open a cube, scroll through bands, look at spectra, as a fresh process."""
    before, begun = memory_of(os.getpid()), time.perf_counter()
    cube = read(source)
    opened = time.perf_counter() - begun
    chance = np.random.default_rng(0)
    bands, spectra, most = [], [], 0
    for band in chance.integers(cube.bands, size=20):
        begun = time.perf_counter()
        np.asarray(cube.data[int(band)])
        bands.append(time.perf_counter() - begun)
        most = max(most, memory_of(os.getpid()))
    for _ in range(100):
        y, x = (int(chance.integers(size)) for size in cube.shape[1:])
        begun = time.perf_counter()
        np.asarray(cube.data[:, y, x])
        spectra.append(time.perf_counter() - begun)
    return {
        "seconds": opened,
        "a band, ms": 1e3 * float(np.median(bands)),
        "a spectrum, ms": 1e3 * float(np.median(spectra)),
        "memory": most - before,
    }


def main() -> None:
    """Do the requested stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, nargs="*", default=[1, 4, 16])
    parser.add_argument("--whole", type=float, default=1)
    parser.add_argument("--bands", type=int, default=224)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--model")
    every = ["open", "strip", "whole", "killed", "cluster", "parts", "folder"]
    parser.add_argument("--stages", nargs="*", default=every, choices=every)
    parser.add_argument("--look", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.look:
        print(json.dumps(look(args.look)))
        return
    torch.set_num_threads(1)
    Large(args).run()


if __name__ == "__main__":
    main()
