"""The scenes of a protocol, from the database as it is downloaded to (HR, LR) pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from napari_dodn.benchmark.protocol import BenchmarkError, Protocol
from napari_dodn.benchmark.runner import Task
from napari_dodn.cube import HyperCube
from napari_dodn.degradation import decimate_cubic
from napari_dodn.formats import read
from napari_dodn.metrics import Quality, quality
from napari_dodn.wording import few_of, shape_in_words

PEAK = 1.0
"""Range of the values for PSNR and SSIM."""


def find_scenes(protocol: Protocol, folder: Path, scenes: Sequence[str]) -> dict[str, Path]:
    """Return the path of each scene, in the folder itself or one level deeper.

    Raises
    ------
    BenchmarkError
        If the folder, or a scene in it, does not exist.
    """
    if not folder.is_dir():
        raise BenchmarkError(
            f"{folder} is not a folder; give the folder that holds {protocol.title}."
        )
    found = {}
    for scene in scenes:
        place = protocol.path.format(scene=scene)
        there = [folder / place, *sorted(folder.glob(f"*/{place}"))]
        found[scene] = next((path for path in there if path.exists()), folder / place)
    missing = [path.name for path in found.values() if not path.exists()]
    if missing:
        raise BenchmarkError(
            f"{folder} lacks {len(missing)} of {len(scenes)} scenes ({few_of(missing)}); get them"
            f" from {protocol.data}, or choose other scenes."
        )
    return found


def read_reference(protocol: Protocol, path: Path, scene: str) -> HyperCube:
    """Read a scene at full size as float32 between 0 and 1, and check that it is what it should be.

    Raises
    ------
    BenchmarkError
        If the scene has another size, depth or range than the protocol says.
    FormatError
        If it cannot be read.
    """
    cube = read(path, **protocol.reading)
    if cube.shape != protocol.stored_shape:
        raise BenchmarkError(
            f"{path} has {shape_in_words(cube.shape)}, but a scene of {protocol.title} has"
            f" {shape_in_words(protocol.stored_shape)}."
        )
    dtype = np.dtype(cube.data.dtype)
    notes: tuple[str, ...] = ()
    if dtype == np.uint8 and scene in protocol.eight_bit:
        note = (
            f"'{scene}' is stored in 8 bits and divided by {protocol.divisor:g} all the same, as in"
            f" the published code: it is {protocol.divisor / 255:g} times too dark."
        )
        notes = (note,)
    elif protocol.dtype and dtype != protocol.dtype:
        raise BenchmarkError(
            f"{path} holds {dtype.itemsize * 8}-bit values ({dtype}), but the protocol is about"
            f" the {protocol.dtype} values of the original; get the scene from {protocol.data}."
        )
    _, height, width = protocol.shape
    stored = np.asarray(cube.data[:, :height, :width])
    data = (stored / np.float64(protocol.divisor)).astype(np.float32)
    if not (data.min() >= 0 and data.max() <= 1):  # not the other way round: NaN is neither
        raise BenchmarkError(
            f"{path} holds values from {stored.min():g} to {stored.max():g}, but those of"
            f" {protocol.title} lie between 0 and {protocol.divisor:g}."
        )
    return cube.derive(data, name=scene, notes=notes)


def task_of(protocol: Protocol, reference: HyperCube, scale: int) -> Task:
    """Reduce a scene and say how it is measured: cubic decimation, nothing cropped or clipped."""
    pixels = np.asarray(reference.data)
    lr = decimate_cubic(torch.from_numpy(pixels)[None], scale)[0].numpy()

    def quality_of(answer: np.ndarray) -> Quality:
        return quality(answer, pixels, data_range=PEAK, ergas_ratio=protocol.ergas_ratio)

    return Task(reference.name, reference.derive(lr, notes=()), quality_of)
