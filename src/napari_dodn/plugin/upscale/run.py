"""One run of super-resolution as a person asks for it: whether it can be done, and doing it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.errors import UserError
from napari_dodn.formats import (
    check_not_source,
    check_target,
    is_filled_by_tiles,
    is_resumable,
    read,
    written_files,
)
from napari_dodn.formats.leftovers import discard, is_begun, leftovers_in_words
from napari_dodn.formats.registry import by_tiles_in_words
from napari_dodn.jobs import CancelledError, Progress, Steps, retold, stop_if
from napari_dodn.plugin.kit.computing import cluster_at, fault_of_cluster
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.scratch import scratch_path
from napari_dodn.sensor_blur import BLUR
from napari_dodn.spectra.colour import Rendering

if TYPE_CHECKING:
    from napari_dodn.metrics import Quality
    from napari_dodn.network.model_file import ModelCard
    from napari_dodn.plugin.viewer.placing import LayerData
    from napari_dodn.upscaling import UpscaleOptions


STAYS = "The comparison was cancelled; the result is kept."


@dataclass(frozen=True)
class Request:
    """What the panel is set to.

    Attributes
    ----------
    cube : HyperCube
        The source.
    model : ModelCard
        The network; it fixes the scale.
    device, tile, self_ensemble, blur, precision : str, int, bool, float or str
        As `napari_dodn.upscale` takes them.
    region : Region or None
        The part of the source to do, in its pixels; None is the whole.
    reference : HyperCube or None
        The truth, of the size of the result or of the whole source's.
    output : Path or None
        The file that is written tile by tile; None is memory.
    overwrite : bool
        Whether the files of the output may be replaced.
    resume, start_over : bool
        Whether what an interrupted run has left of the output is continued, or removed first.
    scheduler : str
        Address of the scheduler of a Dask cluster that does the tiles; empty for this machine.
    rendering : Rendering
        How the result is shown.
    """

    cube: HyperCube
    model: ModelCard
    device: str = "auto"
    tile: int | str = "auto"
    self_ensemble: bool = False
    blur: float | str = "auto"
    region: Region | None = None
    reference: HyperCube | None = None
    output: Path | None = None
    overwrite: bool = False
    resume: bool = False
    start_over: bool = False
    precision: str = "auto"
    scheduler: str = ""
    rendering: Rendering = field(default_factory=Rendering)

    def fault(self) -> str:
        """Return what keeps this from being done, in one sentence; empty where nothing does."""
        if self.region is not None and 0 in self.region.within(*self.cube.shape[1:]).shape:
            return f"The region lies outside of '{self.cube.name}'."
        if self.reference is not None and self.cut_reference() is None:
            bands, height, width = self.shape()
            return (
                f"'{self.reference.name}' cannot be the reference: the result has {bands} bands of"
                f" {height} × {width} pixels."
            )
        try:
            if self.scheduler and (fault := self._fault_on_cluster()):
                return fault
            return "" if self.output is None else self._fault_of_output(self.output)
        except UserError as error:
            return str(error)

    def written(self) -> tuple[Path, ...]:
        """Return what is to be written: one file, ENVI's header and data, a folder, or none.

        Raises
        ------
        FormatError
            If the folder cannot be looked into.
        """
        return () if self.output is None else written_files(self.output)

    def begun(self) -> Path | None:
        """Return the output where an interrupted run has left what can be continued of it."""
        return self.output if self.output is not None and is_begun(self.output) else None

    def check_replacing(self) -> None:
        """Raise `FormatError` if what the output would replace must stay."""
        if self.output is not None:
            check_target(self.output, overwrite=True)

    def _fault_on_cluster(self) -> str:
        if fault := fault_of_cluster(self.output):
            return fault
        pixels = self.cube.data
        is_copy = isinstance(pixels, np.memmap) and self.cube.options_of_read is not None
        if not self.cube.source or (isinstance(pixels, np.ndarray) and not is_copy):
            return (
                f"A cluster reads the cube from a file, and none holds the pixels of"
                f" '{self.cube.name}' as they are; save the layer as a file, and open that."
            )
        return ""

    def _fault_of_output(self, output: Path) -> str:
        if not output.parent.is_dir():
            return f"There is no folder {output.parent}."
        if not is_filled_by_tiles(output):
            return f"The output's name must end with {by_tiles_in_words()}."
        self.written()  # says what is wrong with the folder
        for what, cube in (("source", self.cube), ("reference", self.reference)):
            if cube is not None and cube.source:
                check_not_source(output, cube.source, what)
        return ""

    def options(self) -> UpscaleOptions:
        """Return what the engine is to be told."""
        from napari_dodn.upscaling import UpscaleOptions

        return UpscaleOptions(
            scale=self.model.scale,
            model=self.model.path,
            device=self.device,
            precision=self.precision,
            tile=self.tile,
            self_ensemble=self.self_ensemble,
            blur=self.blur,
        )

    def size(self) -> tuple[int, int]:
        """Return how many rows and columns of the source are done."""
        whole = self.cube.shape[1], self.cube.shape[2]
        return whole if self.region is None else self.region.within(*whole).shape

    def result_name(self) -> str:
        """Return what the result of the whole is called."""
        return f"{self.cube.name} ×{self.model.scale}"

    def shape(self) -> tuple[int, int, int]:
        """Return the shape of the result."""
        height, width = self.size()
        return self.cube.bands, height * self.model.scale, width * self.model.scale

    def cut_reference(self) -> HyperCube | None:
        """Return what of the reference the result is held against; None where there is nothing."""
        reference, shape = self.reference, self.shape()
        if reference is None or reference.shape == shape:
            return reference
        whole = Region.whole(*self.cube.shape[1:]).scaled(self.model.scale)
        if self.region is None or reference.shape != (shape[0], *whole.shape):
            return None
        return reference.crop(self.region.within(*self.cube.shape[1:]).scaled(self.model.scale))


@dataclass(frozen=True, eq=False)
class Ready(Progress):
    """The result is there; figures may follow.

    Attributes
    ----------
    outcome : Outcome
        As it will be, but for the figures.
    """

    outcome: Outcome


@dataclass(frozen=True)
class Outcome:
    """What a run gives.

    Attributes
    ----------
    cube : HyperCube
        The result.
    layers : list of LayerData
        Its layers, not yet placed over the source.
    qualities : dict
        Figures of the network and "bicubic"; empty without a reference.
    note : str
        What went wrong without harm to the result.
    remarks : tuple of str
        What was left out of the source, why no blur was measured, and what killed processes left
        beside the output, one sentence each.
    """

    cube: HyperCube
    layers: list[LayerData]
    qualities: dict[str, Quality] = field(default_factory=dict)
    note: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def blur(self) -> float:
        """The sensor's blur that the network was told, in pixels of the source."""
        return float(self.cube.metadata[BLUR])


def super_resolve(request: Request, cancelled: Callable[[], bool]) -> Steps[Outcome]:
    """Do what is asked; yield the engine's progress, and `Ready` with the result.

    When `cancelled()` turns true before that it raises `CancelledError` and leaves no file of its
    own behind, unless it continues an earlier run. After it the result stays, and only its
    comparison ends.
    """
    from napari_dodn.plugin.viewer.layers import layer_data_from_cube
    from napari_dodn.upscaling import upscale_steps

    output = request.output
    left = "" if output is None else leftovers_in_words(output)
    if output is not None and request.start_over:
        discard(output)
    with cluster_at(request.scheduler) as crew:
        result, remarks = yield from upscale_steps(
            request.cube if crew is None else _from_file(request.cube),
            request.options(),
            region=request.region,
            output=output,
            overwrite=request.overwrite,
            # Not None: a run that is killed together with napari can be continued then.
            resume=request.resume if output is not None and is_resumable(output) else None,
            crew=crew,
            cancelled=cancelled,
        )
    remarks = (*remarks, left) if left else remarks
    mean = np.asarray(result.metadata["dodn mean spectrum"], float)  # ENVI headers hold text
    note = ""
    if np.isnan(mean).all():
        note = f"'{request.cube.name}' has no valid values, so the result has none either."
    layers = layer_data_from_cube(result, rendering=request.rendering)
    outcome = Outcome(result, layers, note=note, remarks=remarks)
    yield Ready(1, 1, "Comparing", outcome)
    try:
        qualities, fault = yield from _qualities(result, request, cancelled)
        if request.reference is not None:
            stop_if(cancelled)
    except CancelledError:
        return replace(outcome, note=STAYS)
    return replace(outcome, qualities=qualities, note=note or fault)


def _from_file(cube: HyperCube) -> HyperCube:
    """Return a cube that other machines can read, where the window shows a copy of its bands."""
    if not isinstance(cube.data, np.memmap):
        return cube
    return cube.derive(read(cube.source, **(cube.options_of_read or {})).data)


def _qualities(
    result: HyperCube, request: Request, cancelled: Callable[[], bool]
) -> Steps[tuple[dict[str, Quality], str]]:
    """Hold the result and bicubic against the reference; return figures, and what went wrong."""
    qualities: dict[str, Quality] = {}
    reference = request.cut_reference()
    if reference is None:
        return qualities, ""
    try:
        found = yield from _quality(result, reference, cancelled)
        qualities["DODN, 8 views" if request.self_ensemble else "DODN"] = found
        # What is too large for the memory goes beside the result, which has found room there.
        target = request.output
        beside = nullcontext() if target is None else scratch_path(target, target.suffix)
        with beside as output:
            rival = yield from _quality_of_bicubic(request, reference, output, cancelled)
        if rival is not None:
            qualities["bicubic"] = rival
    except (UserError, MemoryError, OSError) as error:  # the result is there all the same
        return qualities, sentence(error, "The comparison")
    return qualities, ""


def _quality(
    cube: HyperCube, reference: HyperCube, cancelled: Callable[[], bool]
) -> Steps[Quality]:
    from napari_dodn.metrics import compare_steps

    return (yield from compare_steps(cube, reference, cancelled=cancelled)).quality


def _quality_of_bicubic(
    request: Request, reference: HyperCube, output: Path | None, cancelled: Callable[[], bool]
) -> Steps[Quality | None]:
    """Hold bicubic against the reference; return None where that is cancelled.

    The error must not get out of here: it holds the file, and Windows removes none that is mapped.
    """
    from napari_dodn.upscaling import bicubic_steps

    steps = bicubic_steps(
        request.cube,
        request.model.scale,
        region=request.region,
        output=output,
        cancelled=cancelled,
    )
    try:
        rival = yield from retold(steps, partial(replace, message="Interpolating"))
        return (yield from _quality(rival, reference, cancelled))
    except CancelledError:
        return None
