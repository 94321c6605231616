"""How a sharper picture fits its cube: one rule for a run, and for who looks before it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_dodn.cube import HyperCube, Region
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.data.picture_files import PictureError, opened_picture
from napari_dodn.distillation.data.scenes import Scene, scene_of
from napari_dodn.distillation.data.storage import Storage
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.sharper.places import UnfitPictureError, part_on, stated_place
from napari_dodn.distillation.sharper.pseudo_truth import Pair, Placed, paired, placed
from napari_dodn.distillation.sharper.sensor import Sensor
from napari_dodn.jobs import Progress, Steps, never, stop_if
from napari_dodn.paths import expanded
from napari_dodn.upscaling.statistics import measure_steps


@dataclass(frozen=True, eq=False)
class Fit:
    """A part of a cube, its sharper picture, and whether one can be learnt from the other.

    Attributes
    ----------
    scene : Scene
        The part, on its own grid.
    placed : Placed or None
        The picture on a grid as fine as the result; None where it lies nowhere.
    pair : Pair or None
        What the picture explains; None where it is refused.
    notes : tuple of str
        What was found out, one sentence each.
    refusal : str
        Why the picture cannot be learnt from; empty where it can.
    """

    scene: Scene
    placed: Placed | None
    pair: Pair | None
    notes: tuple[str, ...]
    refusal: str

    def accepted(self) -> Pair:
        """Return what the picture explains.

        Raises
        ------
        ConfigError
            If it is refused.
        """
        if self.pair is None:
            raise ConfigError({"data.sharper": self.refusal})
        return self.pair

    @property
    def sentence(self) -> str:
        """The shift that was found, what is left unexplained, and what counts; or the refusal."""
        if self.pair is None:
            return self.refusal
        found = self.pair.registration
        turned = ", and turned or stretched" if found.is_affine else ""
        y, x = (f"{round(step, 1) + 0.0:+.1f}" for step in found.shift)  # no -0.0
        area, told = self.pair.counted.mean(), int(self.pair.regression.predicted.sum())
        return (
            f"The picture is moved by {y} and {x} pixels of the result along y and x{turned}. It"
            f" leaves {100 * found.unexplained:.0f} % of the cube's variance unexplained;"
            f" {100 * area:.0f} % of the area counts, and {told} of"
            f" {self.scene.usable_bands.sum()} bands get a pseudo-truth."
        )


def fit_steps(
    cube: HyperCube,
    region: Region,
    name: str,
    config: TrainConfig,
    storage: Storage | None = None,
    cancelled: Callable[[], bool] = never,
) -> Steps[Fit]:
    """Place the sharper picture of a cube on a part of it, and see what it explains.

    Nothing outside of the part is looked at, of the cube and of the picture.

    Parameters
    ----------
    cube : HyperCube
        Under the name by which the configuration knows it.
    region : Region
        The part.
    name : str
        What to call the part.
    config : TrainConfig
        Names the picture.
    storage : Storage, optional
        Where the part's pixels go.
    cancelled : callable
        Whether to stop.
    """
    path, scale = config.data.sharper[cube.name], config.student.scale
    yield Progress(0, 0, f"Reading '{cube.name}'")
    part = cube.crop(region)
    scene = scene_of(part, None, config, name=name, storage=storage, scale=1)
    stop_if(cancelled)
    sigma, notes = yield from _blur_steps(part, config, cancelled)
    lying: Placed | None = None
    pair: Pair | None = None
    refusal = ""
    try:
        yield Progress(0, 0, f"Reading {path.name}")
        file = opened_picture(cube.name, expanded(path))
        place = stated_place(
            (cube.shape[1], cube.shape[2]), file.shape, scale, cube.map_info, file.map_info
        )
        place[:, 2] += place[:, :2] @ (np.array([region.y0, region.x0]) * scale)
        fine = (scene.size[0] * scale, scene.size[1] * scale)
        there, place = part_on(file.shape, place, fine)
        picture, said = file.read(there)
        notes += said
        stop_if(cancelled)
        yield Progress(0, 0, f"Placing {path.name}")
        valid = np.ones((scene.bands, *scene.size), bool)
        if (measured := scene.valid()) is not None:
            valid &= measured.numpy()
        pixels, sensor = scene.hr.numpy(), Sensor(scale, sigma)
        lying = placed(pixels, valid, picture, place, sensor, scene.usable_bands, cancelled)
        yield Progress(0, 0, f"Learning what {path.name} tells")
        pair = paired(lying)
    except PictureError as error:
        refusal = str(error)
    except UnfitPictureError as error:
        refusal = f"{path.name} does not fit the cube '{cube.name}'. {error}"
    return Fit(scene, lying, pair, tuple(notes), refusal)


def _blur_steps(
    part: HyperCube, config: TrainConfig, cancelled: Callable[[], bool]
) -> Steps[tuple[float, list[str]]]:
    """Return the cube's blur as stated, or estimated with a note."""
    if config.data.blur is not None:
        return config.data.blur, []
    estimate = (yield from measure_steps(part, 3, cancelled=cancelled)).blur
    assert estimate is not None
    note = f"The blur of '{part.name}' is estimated as σ {estimate.sigma:.2f} pixels."
    return estimate.sigma, [f"{note} {estimate.reason}".strip()]
