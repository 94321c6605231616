"""The sample scene: a village from the air, made from formulas, so that nothing is downloaded.

Reflectance spectra are smooth parametric curves with the features by which the materials are known
in the field. The layout follows the dead-leaves model (A. Lee, D. Mumford and J. Huang, "Occlusion
models for natural images", IJCV 41, 2001): things of power-law sizes hide one another with sharp
edges, and their brightness and mixing vary like 1/f noise, as those of natural images do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.spectra.colour import render

SIZE = 256
"""Rows and columns of the reference."""

SCALE = 4
PIXEL_SIZE = 0.25
"""Metres along the side of a pixel of the reference."""

WAVELENGTHS = np.arange(400.0, 1001.0, 10.0)

SUN = np.array([-0.6, -0.5])
"""Where the light comes from along (y, x), as a part of the way to the horizon."""

SHADOW = 0.35
"""Light that is left in a shadow."""

ROUGHNESS = 0.25
"""How far, in radii, the outline of a round patch strays."""


@dataclass(frozen=True)
class Sample:
    """One scene in the three forms that super-resolution is about.

    Attributes
    ----------
    lr : HyperCube
        The low-resolution cube, 61 bands of 64 × 64 pixels of 1 m.
    reference : HyperCube
        The same at 0.25 m: what a perfect result would be.
    rgb : numpy.ndarray
        The high-resolution picture of a colour camera, uint8, shape (256, 256, 3).
    scale : int
        Reference pixels along the side of a low-resolution pixel.
    """

    lr: HyperCube
    reference: HyperCube
    rgb: np.ndarray
    scale: int


def sample_scene(seed: int = 0) -> Sample:
    """Make the sample scene; the same seed gives the same scene.

    Parameters
    ----------
    seed : int
        Seed of everything that is drawn at random.
    """
    data = _Scene(np.random.default_rng(seed)).reflectance()
    reference = HyperCube(
        data,
        WAVELENGTHS,
        name="village (reference)",
        fwhm=np.full(WAVELENGTHS.size, 10.0),
        quantity="reflectance",
        pixel_size=(PIXEL_SIZE, PIXEL_SIZE),
        pixel_unit="m",
        history=(f"Made by the sample scene of napari-dodn with seed {seed}.",),
    )
    lr = reference.derive(
        area_means(data),
        step=f"Reduced by {SCALE} to area means, as a detector's pixels see them.",
        name="village",
        pixel_size=(PIXEL_SIZE * SCALE, PIXEL_SIZE * SCALE),
    )
    return Sample(lr, reference, render(reference), SCALE)


def area_means(data: np.ndarray) -> np.ndarray:
    """Reduce (bands, y, x) by `SCALE` to what square detector pixels without optics see."""
    bands, height, width = data.shape
    blocks = data.reshape(bands, height // SCALE, SCALE, width // SCALE, SCALE)
    return blocks.mean(axis=(2, 4))


def spectra(wavelengths: np.ndarray) -> dict[str, np.ndarray]:
    """Return the reflectance (0 … 1) of each material at some wavelengths in nanometres."""

    def peak(centre: float, width: float) -> np.ndarray:
        return np.exp(-0.5 * ((wavelengths - centre) / width) ** 2)

    def rise(centre: float, width: float) -> np.ndarray:
        return 1 / (1 + np.exp((centre - wavelengths) / width))

    red_edge, leaf_water = rise(716, 11), peak(970, 25)
    iron = peak(870, 60)  # absorption by ferric iron
    ramp = (wavelengths - 400) / 600
    return {
        "grass": 0.03 + 0.075 * peak(552, 28) + 0.44 * red_edge - 0.04 * leaf_water,
        "leaves": 0.018 + 0.04 * peak(552, 27) + 0.36 * red_edge - 0.045 * leaf_water,
        "needles": 0.014 + 0.022 * peak(550, 30) + 0.24 * red_edge - 0.03 * leaf_water,
        "dry grass": 0.06 + 0.22 * rise(560, 60) + 0.14 * ramp - 0.03 * peak(675, 20),
        "crop": 0.035 + 0.1 * peak(556, 32) + 0.52 * red_edge - 0.03 * leaf_water,
        "soil": 0.05 + 0.12 * rise(580, 50) + 0.14 * ramp - 0.02 * iron,
        "dry soil": 0.1 + 0.17 * rise(560, 55) + 0.16 * ramp - 0.025 * iron,
        "sand": 0.16 + 0.24 * rise(540, 60) + 0.12 * ramp,
        "water": 0.01 + 0.075 * peak(505, 60) * (1 - rise(700, 15)),
        "pool": 0.02 + 0.42 * peak(480, 55) * (1 - rise(590, 15)),
        "asphalt": 0.07 + 0.05 * ramp,
        "gravel": 0.16 + 0.08 * rise(480, 60) + 0.05 * ramp,
        "concrete": 0.2 + 0.14 * rise(450, 50) + 0.05 * ramp,
        "roof tiles": 0.06 + 0.26 * rise(588, 16) + 0.1 * ramp - 0.07 * iron,
        "old tiles": 0.07 + 0.13 * rise(590, 25) + 0.09 * ramp - 0.04 * iron,
        "slate": 0.1 + 0.02 * peak(470, 60) + 0.03 * ramp,
        "white paint": 0.05 + 0.72 * rise(412, 8) + 0.02 * ramp,
        "red paint": 0.03 + 0.5 * rise(606, 9) + 0.08 * ramp,
        "blue paint": 0.04 + 0.26 * peak(455, 35) + 0.4 * rise(820, 45),
        "yellow paint": 0.04 + 0.58 * rise(512, 10) + 0.06 * ramp,
        "dark paint": 0.035 + 0.02 * ramp,
        "blossoms": 0.09 + 0.35 * peak(440, 45) + 0.4 * rise(615, 22),
    }


MATERIALS = tuple(spectra(WAVELENGTHS))


class _Scene:
    """The scene while things are laid on it: for each pixel two materials, their mixture, light."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.material = np.zeros((SIZE, SIZE), int)
        self.other = np.zeros((SIZE, SIZE), int)
        self.share = np.zeros((SIZE, SIZE))
        self.light = np.ones((SIZE, SIZE))
        self.y, self.x = np.mgrid[:SIZE, :SIZE].astype(float)
        self.smooth = self._natural_noise(2.2)
        self.coarse = self._natural_noise(1.4)
        self.fine = self._natural_noise(0.8)
        for layer in (self._lay_ground, self._lay_roads, self._lay_houses, self._lay_plants):
            layer()

    def reflectance(self) -> np.ndarray:
        """Return what the sensor sees, float32, shape (bands, y, x)."""
        table = np.stack(list(spectra(WAVELENGTHS).values()))
        mixed = table[self.material].transpose(2, 0, 1)
        mixed += self.share * (table[self.other].transpose(2, 0, 1) - mixed)
        mixed *= self.light
        for axis in (1, 2):  # the blur of the optics
            mixed = 0.75 * mixed + 0.125 * (_shifted(mixed, 1, axis) + _shifted(mixed, -1, axis))
        return np.clip(mixed, 0, 1).astype(np.float32)

    def _natural_noise(self, slope: float) -> np.ndarray:
        """Return noise with a 1/f^slope amplitude spectrum, mean 0 and standard deviation 1."""
        frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE))
        frequency[0, 0] = np.inf
        noise = np.fft.rfft2(self.rng.standard_normal((SIZE, SIZE))) / frequency**slope
        noise = np.fft.irfft2(noise)
        return noise / noise.std()

    def _power_law(self, smallest: float, largest: float) -> float:
        """Draw a size r with density r⁻³, as the sizes of things in natural images have."""
        low, high = smallest**-2.0, largest**-2.0
        return self.rng.uniform(high, low) ** -0.5

    def _paint(
        self,
        where: np.ndarray,
        material: str,
        other: str = "",
        share: float = 0.0,
        light: float | np.ndarray = 1.0,
        texture: float = 0.05,
    ) -> None:
        """Lay a material over a set of pixels, mixed with another one in natural patches."""
        coarse, fine = self.coarse[where], self.fine[where]
        brightness = np.broadcast_to(light, where.shape)[where]
        self.material[where] = MATERIALS.index(material)
        self.other[where] = MATERIALS.index(other or material)
        self.share[where] = np.clip(share * (1 + coarse + 0.3 * fine), 0, 1)
        self.light[where] = np.clip(brightness * (1 + texture * 0.7 * (coarse + fine)), 0.2, 2)

    def _shade(self, where: np.ndarray) -> None:
        self.light[where] *= SHADOW

    def _is(self, y: float, x: float, *materials: str) -> bool:
        row, column = int(np.clip(y, 0, SIZE - 1)), int(np.clip(x, 0, SIZE - 1))
        return MATERIALS[self.material[row, column]] in materials

    def _along(self, y: float, x: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates along and across a direction, from a centre."""
        dy, dx = self.y - y, self.x - x
        return dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)

    def _rectangle(
        self, y: float, x: float, angle: float, length: float, width: float
    ) -> np.ndarray:
        along, across = self._along(y, x, angle)
        return (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)

    def _blob(self, y: float, x: float, radius: float) -> np.ndarray:
        """Return a round patch with a natural outline."""
        distance = np.hypot(self.y - y, self.x - x) / radius
        return distance + ROUGHNESS * self.smooth <= 1

    def _places(self, number: int) -> Iterator[tuple[float, float]]:
        for _ in range(number):
            yield self.rng.uniform(0, SIZE), self.rng.uniform(0, SIZE)

    def _lay_ground(self) -> None:
        everywhere = np.ones((SIZE, SIZE), bool)
        self._paint(everywhere, "grass", "dry grass", 0.25, texture=0.12)
        covers = (("dry grass", "soil"), ("grass", "soil"), ("crop", "grass"), ("dry soil", "sand"))
        for y, x in self._places(18):
            cover, other = covers[self.rng.integers(len(covers))]
            patch = self._blob(y, x, self._power_law(8, 40))
            self._paint(patch, cover, other, 0.25, texture=0.12)
        along, across = self._along(214, 40, 0.42)
        field = (np.abs(along) < 70) & (np.abs(across) < 42)
        rows = np.cos(across * 2 * np.pi / 14) > 0.1
        self._paint(field, "soil", "dry soil", 0.4, texture=0.1)
        self._paint(field & rows, "crop", "soil", 0.12, texture=0.15)
        self._paint(self._blob(222, 214, 45), "sand", "dry grass", 0.1, texture=0.08)
        self._paint(self._blob(222, 214, 37), "water", texture=0.04)

    def _lay_roads(self) -> None:
        across = self.y - 118 - 26 * np.sin(self.x / 70 + 0.4)
        self._paint(np.abs(across) < 17, "gravel", "dry grass", 0.3, texture=0.1)
        self._paint(np.abs(across) < 13, "asphalt", "gravel", 0.15, texture=0.06)
        dashes = (np.abs(across) < 1.3) & (self.x % 30 < 15)
        self._paint(dashes, "white paint", "asphalt", 0.1)
        path = np.abs(self.x - 150 - 9 * np.sin(self.y / 25)) < 2.6
        self._paint(path & (across < -13), "gravel", "sand", 0.4, texture=0.08)
        for place, side in ((20, 7), (64, -7), (116, 7), (176, -7), (196, 7), (238, 7)):
            x = place + self.rng.uniform(-6, 6)
            y = 118 + 26 * np.sin(x / 70 + 0.4) + side
            self._lay_car(y, x, np.arctan(26 / 70 * np.cos(x / 70 + 0.4)))

    def _lay_car(self, y: float, x: float, angle: float) -> None:
        paints = ("white paint", "red paint", "blue paint", "yellow paint", "dark paint")
        paint = paints[self.rng.integers(len(paints))]
        self._shade(self._rectangle(y + 1.6, x + 1.4, angle, 18, 7.5))
        self._paint(self._rectangle(y, x, angle, 18, 7.5), paint, light=0.95, texture=0.01)
        self._paint(self._rectangle(y, x, angle, 10, 6), "dark paint", light=1.3, texture=0.01)
        self._paint(self._rectangle(y, x, angle, 6, 6), paint, light=1.15, texture=0.01)

    def _lay_houses(self) -> None:
        roofs = (("roof tiles", "old tiles"), ("old tiles", "roof tiles"), ("slate", "concrete"))
        plots = ((44, 44, 0.2, 0), (36, 112, -0.1, 2), (62, 216, 0.35, 0), (184, 118, -0.25, 1))
        for y, x, angle, kind in plots:
            length, width = self.rng.uniform(40, 50), self.rng.uniform(28, 34)
            self._paint(
                self._rectangle(y, x, angle, length + 14, width + 14), "concrete", "grass", 0.08
            )
            self._lay_house(y, x, angle, length, width, roofs[kind])
        self._paint(self._rectangle(84, 118, -0.1, 25, 15), "concrete", texture=0.03)
        self._paint(self._rectangle(84, 118, -0.1, 21, 11), "pool", light=1.1, texture=0.05)

    def _lay_house(
        self,
        y: float,
        x: float,
        angle: float,
        length: float,
        width: float,
        roof: tuple[str, str],
    ) -> None:
        self._shade(self._rectangle(y + 6, x + 5, angle, length, width))
        along, across = self._along(y, x, angle)
        courses = 1 + 0.07 * np.cos(across * 2 * np.pi / 3.6)
        slope = np.where(across < 0, 1.15, 0.7)  # the ridge divides a sunny from a shady side
        whole = self._rectangle(y, x, angle, length, width)
        self._paint(whole, *roof, share=0.2, light=slope * courses, texture=0.06)
        ridge = whole & (np.abs(across) < 0.7)
        self._paint(ridge, roof[0], light=1.35, texture=0.02)
        window = (np.abs(along - length / 5) < 3) & (np.abs(across + width / 4) < 2.2)
        self._paint(window, "dark paint", light=1.4, texture=0.01)
        chimney = (np.abs(along + length / 4) < 2) & (np.abs(across - 3) < 2)
        self._paint(chimney, "concrete", light=1.2, texture=0.02)

    def _lay_plants(self) -> None:
        for y, x in self._places(170):
            if self._is(y, x, "grass", "dry grass", "leaves", "sand", "dry soil"):
                self._lay_crown(y, x, self._power_law(4, 19))
        for y in range(10, 80, 15):  # an orchard
            for x in (164, 179):
                self._lay_crown(y + self.rng.uniform(-1, 1), x, 6.0, "blossoms")

    def _lay_crown(self, y: float, x: float, radius: float, plant: str = "") -> None:
        """Lay a tree or bush: a lumpy hemisphere and its shadow."""
        plants = ("leaves", "leaves", "grass", "needles", "crop")
        plant = plant or plants[self.rng.integers(len(plants))]
        away = -SUN * radius * 0.9
        distance = np.hypot(self.y - y, self.x - x) / radius
        self._shade(np.hypot(self.y - y - away[0], self.x - x - away[1]) / radius < 1)
        towards_sun = ((self.y - y) * SUN[0] + (self.x - x) * SUN[1]) / radius
        height = np.sqrt(np.clip(1 - distance**2, 0, 1))
        light = 0.35 + 0.65 * height + 0.5 * towards_sun
        crown = distance + 0.12 * self.fine < 1
        self._paint(crown, plant, "leaves", 0.15, light=light, texture=0.12)


def _shifted(data: np.ndarray, by: int, axis: int) -> np.ndarray:
    """Shift along an axis, with the border replicated."""
    index = np.clip(np.arange(data.shape[axis]) + by, 0, data.shape[axis] - 1)
    return data.take(index, axis=axis)
