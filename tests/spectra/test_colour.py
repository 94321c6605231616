"""Pictures of cubes, held against the CIE's tables and the CAVE database's own pictures."""

from __future__ import annotations

import warnings
from collections import Counter
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import spearmanr

from napari_dodn.cube import HyperCube, Region
from napari_dodn.formats.pixels.lazy import lazy_pixels
from napari_dodn.jobs import CancelledError, follow, result_of
from napari_dodn.spectra.colorimetry import (
    ILLUMINANTS,
    adaptation,
    colour_matching,
    relative_power,
    srgb_gamma,
)
from napari_dodn.spectra.colour import (
    ColourError,
    Mode,
    Rendering,
    Stretch,
    render,
    render_steps,
    shown,
)

VISIBLE = np.arange(400.0, 701.0, 10.0)
INFRARED = np.arange(800.0, 1101.0, 10.0)


def cube_of_spectra(spectra: list, wavelengths: np.ndarray = VISIBLE, **description) -> HyperCube:
    """Return a cube of one row, each of whose pixels has one of the spectra."""
    return HyperCube(np.stack(spectra, axis=-1)[:, None, :], wavelengths, **description)


def step_up(at: float, wavelengths: np.ndarray = VISIBLE) -> np.ndarray:
    return (wavelengths > at).astype(float)


WHITE, RED, BLUE = np.ones(31), step_up(600), 1 - step_up(490)
GREEN = step_up(500) * (1 - step_up(570))


@pytest.fixture(scope="module")
def colour() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses its optional plotting libraries
        return pytest.importorskip("colour")


def test_the_matching_functions_are_within_0_024_of_the_cie_tables(colour):
    table = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy()
    table = table.align(colour.SpectralShape(380, 780, 1))
    assert abs(colour_matching(table.wavelengths) - table.values.T).max() < 0.024


@pytest.mark.filterwarnings("ignore:Aligning")
@pytest.mark.parametrize("spacing", [5, 10, 20])
def test_a_colour_chart_differs_from_the_cie_reference_by_less_than_a_just_noticeable_step(
    colour, spacing
):
    patches = list(colour.SDS_COLOURCHECKERS["BabelColor Average"].values())
    wavelengths = np.arange(400.0, 701.0, spacing)
    spectra = [np.interp(wavelengths, patch.wavelengths, patch.values) for patch in patches]
    spectra.append(np.ones(wavelengths.size))  # the white that exposure is set by
    picture = render(cube_of_spectra(spectra, wavelengths))[0, :-1] / 255

    fine = colour.SpectralShape(380, 780, 1)
    xyz = [
        colour.sd_to_XYZ(
            patch.copy().align(fine, extrapolator_kwargs={"method": "constant"}),
            cmfs=colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"],
            illuminant=colour.SDS_ILLUMINANTS["D65"],
        )
        / 100
        for patch in patches
    ]
    reference = colour.XYZ_to_sRGB(np.array(xyz))
    in_gamut = ((reference > 0) & (reference < 1)).all(axis=1)
    difference = colour.delta_E(
        colour.XYZ_to_Lab(colour.sRGB_to_XYZ(picture[in_gamut])),
        colour.XYZ_to_Lab(colour.sRGB_to_XYZ(reference[in_gamut])),
        method="CIE 2000",
    )
    assert in_gamut.sum() > 20
    assert difference.max() < 1


@pytest.mark.parametrize("scene", ["sponges", "feathers", "jelly_beans"])
def test_a_cave_scene_looks_like_the_picture_that_the_database_has_of_it(shared_data, scene):
    imageio = pytest.importorskip("imageio.v3")
    tifffile = pytest.importorskip("tifffile")
    code = tifffile.imread(shared_data / "cave_train" / f"{scene}.tif")
    theirs = imageio.imread(shared_data / "cave_train" / f"{scene}_RGB.png")[..., :3]
    ours = render(HyperCube(code.astype(float) ** 2, VISIBLE))  # packed as square roots
    for channel in range(3):
        rank_correlation = spearmanr(ours[..., channel].ravel(), theirs[..., channel].ravel())
        assert rank_correlation.statistic > 0.95
    as_bright = ours * (theirs.mean() / ours.mean())  # their exposure is unknown
    assert np.abs(as_bright - theirs).mean() < 4


def test_a_white_surface_is_neutral():
    picture = render(cube_of_spectra([WHITE, 0.5 * WHITE]))
    assert np.ptp(picture.astype(int), axis=-1).max() <= 1


def test_red_green_and_blue_surfaces_are_red_green_and_blue():
    picture = render(cube_of_spectra([WHITE, RED, GREEN, BLUE]))
    assert picture[0, 1:].argmax(axis=-1).tolist() == [0, 1, 2]


def test_the_picture_does_not_depend_on_the_unit_of_the_values():
    spectra = [WHITE, RED, GREEN]
    small, large = (cube_of_spectra([factor * s for s in spectra]) for factor in (1e-4, 1e4))
    assert np.array_equal(render(small), render(large))


def test_bands_in_any_order_give_the_same_picture():
    cube = cube_of_spectra([WHITE, RED, GREEN])
    backwards = cube.derive(cube.data[::-1], wavelengths=VISIBLE[::-1])
    assert np.array_equal(render(cube), render(backwards))


def test_a_bad_band_is_never_shown():
    spoilt = WHITE.copy()
    spoilt[15] = 1e6
    good = np.ones(31, bool)
    good[15] = False
    picture = render(cube_of_spectra([WHITE, spoilt], good_bands=good))
    assert np.array_equal(picture[0, 0], picture[0, 1])


def test_default_bands_that_are_bad_are_not_shown():
    data = np.random.default_rng(0).random((31, 4, 5))
    good = np.ones(31, bool)
    good[2] = False
    cube = HyperCube(data, INFRARED, good_bands=good, default_bands=(2, 10, 20))
    assert np.array_equal(render(cube), render(cube.derive(default_bands=())))


def test_default_bands_are_shown_where_the_visible_range_is_not_covered():
    data = np.zeros((31, 1, 2))
    data[7, 0, 1] = 1
    picture = render(HyperCube(data, INFRARED, default_bands=(3, 7, 20)))
    assert picture[0].tolist() == [[0, 0, 0], [0, 255, 0]]


def test_a_gap_in_the_visible_bands_gives_natural_colours_of_three_bands():
    wavelengths = np.array([450.0, 550.0, 650.0, 860.0])
    data = np.zeros((4, 1, 2))
    data[2, 0, 1] = 1
    picture = render(HyperCube(data, wavelengths))
    assert picture[0].tolist() == [[0, 0, 0], [255, 0, 0]]


def test_bands_without_blue_are_shown_as_colour_infrared():
    wavelengths = np.array([550.0, 650.0, 860.0])
    data = np.zeros((3, 1, 2))
    data[2, 0, 1] = 1
    assert render(HyperCube(data, wavelengths))[0, 1].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("bands", "red", "green", "blue"), [(1, 0, 0, 0), (2, 1, 1, 0), (3, 2, 1, 0), (12, 10, 6, 2)]
)
def test_a_cube_without_wavelengths_shows_bands_from_all_over_its_range(bands, red, green, blue):
    data = np.zeros((bands, 1, bands + 1))
    data[np.arange(bands), 0, np.arange(bands)] = 1
    shown = render(HyperCube(data))[0].argmax(axis=0).tolist()
    assert shown == [red, green, blue]


def test_nan_and_no_data_are_black():
    data = np.ones((31, 1, 3))
    data[4, 0, 1] = np.nan
    data[9, 0, 2] = -9999
    picture = render(HyperCube(data, VISIBLE, nodata=-9999))
    assert picture[0].tolist() == [[255, 255, 255], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("wavelengths", [VISIBLE, INFRARED])
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_an_empty_cube_is_black(wavelengths, value):
    assert render(HyperCube(np.full((31, 2, 3), value), wavelengths)).max() == 0


def test_gain_and_offset_are_applied_to_stored_numbers():
    cube = cube_of_spectra([WHITE, RED, GREEN])
    stored = np.rint((cube.data + 0.5) * np.arange(1, 32)[:, None, None] * 1000).astype(np.uint16)
    gain = 1e-3 / np.arange(1, 32)
    described = cube.derive(stored, gain=gain, offset=np.full(31, -0.5))
    assert np.array_equal(render(described), render(cube))


def test_radiance_of_a_white_sheet_in_daylight_is_neutral():
    temperature = 6504.0
    sunlit = VISIBLE**-5 / np.expm1(1.438776877e7 / VISIBLE / temperature)
    picture = render(cube_of_spectra([sunlit], quantity="radiance"))
    assert np.ptp(picture.astype(int)) <= 1


def test_a_large_cube_is_thinned_to_about_max_pixels():
    cube = HyperCube(np.random.default_rng(0).random((31, 50, 70)), VISIBLE)
    picture = render(cube, max_pixels=900)
    thinned = cube.derive(cube.data[:, ::2, ::2])
    assert picture.shape == (25, 35, 3)
    assert np.array_equal(picture, render(thinned))


def test_a_cube_read_in_blocks_looks_the_same(monkeypatch):
    cube = HyperCube(np.random.default_rng(0).random((31, 50, 7)), VISIBLE)
    for thinning in (None, 60):
        whole = render(cube, max_pixels=thinning)
        with monkeypatch.context() as patch:
            patch.setattr("napari_dodn.spectra.colour.BLOCK_VALUES", 31 * 7 * 4)
            assert np.array_equal(render(cube, max_pixels=thinning), whole)


@pytest.mark.parametrize("order", ["bsq", "bip"])
def test_a_memory_map_looks_like_the_same_cube_in_memory(tmp_path, order):
    data = np.random.default_rng(0).integers(0, 1000, (31, 6, 7)).astype(">u2")
    stored = data if order == "bsq" else np.moveaxis(data, 0, -1)
    np.save(tmp_path / "cube.npy", stored)
    mapped = np.load(tmp_path / "cube.npy", mmap_mode="r")
    mapped = mapped if order == "bsq" else np.moveaxis(mapped, -1, 0)
    assert np.array_equal(render(HyperCube(mapped, VISIBLE)), render(HyperCube(data, VISIBLE)))


def test_a_dask_cube_looks_like_the_same_cube_in_memory():
    array = pytest.importorskip("dask.array")
    data = np.random.default_rng(0).random((31, 6, 7))
    lazy = HyperCube(array.from_array(data, chunks=(5, 3, 7)), VISIBLE)
    assert np.array_equal(render(lazy), render(HyperCube(data, VISIBLE)))


@pytest.mark.parametrize("thinning", [None, 300])
def test_each_chunk_of_a_file_is_read_once(monkeypatch, thinning):
    data = np.random.default_rng(0).random((31, 50, 30))
    touched = Counter[int]()

    class Stored:
        """An array in chunks of eight rows, that counts how often each is read."""

        shape, dtype, chunks = data.shape, data.dtype, (31, 8, 30)

        def __getitem__(self, key):
            touched.update({row // 8 for row in range(50)[key[1]]})
            return data[key]

    monkeypatch.setattr("napari_dodn.formats.pixels.lazy.READ_AT_ONCE", 31 * 16 * 30 * 8)
    monkeypatch.setattr("napari_dodn.formats.pixels.cache.CACHE_BYTES", 0)
    lazy = HyperCube(lazy_pixels(Stored(), "byx"), VISIBLE)
    whole = render(HyperCube(data, VISIBLE), max_pixels=thinning)
    monkeypatch.setattr("napari_dodn.spectra.colour.BLOCK_VALUES", 31 * 30 * 5)
    assert np.array_equal(render(lazy, max_pixels=thinning), whole)
    assert touched == Counter(range(7))


@pytest.mark.parametrize("chunk", [2, 8])
def test_chunks_without_any_row_that_is_shown_are_left_out(monkeypatch, chunk):
    array = pytest.importorskip("dask.array")
    monkeypatch.setattr("napari_dodn.spectra.colour.BLOCK_VALUES", 1)
    monkeypatch.setattr("napari_dodn.spectra.colour.MOST_VALUES", 10**6)
    data = np.random.default_rng(0).random((31, 9, 40))
    lazy = HyperCube(array.from_array(data, chunks=(31, chunk, 40)), VISIBLE)
    whole = render(HyperCube(data, VISIBLE), max_pixels=40)
    assert whole.shape == (3, 14, 3)  # rows 0, 3 and 6
    assert np.array_equal(render(lazy, max_pixels=40), whole)


def test_only_the_bands_shown_are_read():
    asked = []

    class Watched:
        """Pixels that are read when they are sliced, as a lazy array's are."""

        shape, dtype = (300, 4, 4), np.dtype(float)

        def __getitem__(self, key):
            asked.append(key[0])
            return np.ones((4, 4))

    render(HyperCube(Watched(), np.arange(300) * 5.0 + 1000))
    assert len(asked) == len(set(asked)) == 3


def test_the_srgb_curve_rises_without_a_jump():
    levels = srgb_gamma(np.linspace(0, 1, 1001))
    assert levels[0] == 0
    assert levels[-1] == pytest.approx(1)
    assert all(0 < after - before < 0.02 for before, after in pairwise(levels))


def ramps(wavelengths: np.ndarray, **description) -> HyperCube:
    """Return a cube in whose n-th band the n-th pixel alone is bright."""
    return cube_of_spectra(list(np.eye(wavelengths.size)), wavelengths, **description)


def bright(picture: np.ndarray) -> list[int]:
    """Return the pixels that are bright in red, green and blue."""
    return picture[0].argmax(axis=0).tolist()


WIDE = np.arange(400.0, 2501.0, 50.0)


@pytest.mark.parametrize(
    ("rendering", "wanted"),
    [
        (Rendering(Mode.INFRARED), (850, 650, 550)),
        (Rendering(Mode.SWIR), (2200, 850, 650)),
        (Rendering(Mode.AGRICULTURE), (1600, 850, 500)),
        (Rendering(Mode.THREE_BANDS, channels=(1010, 498, 2400)), (1000, 500, 2400)),
        (Rendering(Mode.ONE_BAND, channels=(1230,)), (1250, 1250, 1250)),
    ],
)
def test_a_mode_shows_the_bands_nearest_to_its_wavelengths(rendering, wanted):
    picture = render(ramps(WIDE), rendering=rendering)
    assert WIDE[bright(picture)].tolist() == list(wanted)


def test_a_short_wave_sensor_without_red_shows_three_short_wave_bands():
    wavelengths = np.arange(1000.0, 2501.0, 50.0)
    picture = render(ramps(wavelengths), rendering=Rendering(Mode.SWIR))
    assert wavelengths[bright(picture)].tolist() == [2200, 1650, 1050]


def test_a_band_that_is_asked_for_and_bad_is_replaced_by_its_nearest_good_one():
    good = WIDE != 1000
    cube = ramps(WIDE, good_bands=good)
    bands = shown(cube, Rendering(Mode.ONE_BAND, channels=(1010,))).bands
    assert WIDE[bands].tolist() == [1050]


def test_bands_of_a_cube_without_wavelengths_are_asked_for_by_number():
    cube = ramps(WIDE).derive(wavelengths=None)
    rendering = Rendering(Mode.THREE_BANDS, channels=(7, 3, 0))
    assert bright(render(cube, rendering=rendering)) == [7, 3, 0]


@pytest.mark.parametrize("mode", [Mode.TRUE_COLOUR, Mode.INFRARED, Mode.SWIR])
def test_a_mode_without_its_bands_is_refused_in_one_sentence(mode):
    cube = HyperCube(np.ones((31, 2, 2)), INFRARED + 100, name="far")
    with pytest.raises(ColourError, match=f"'far' has no usable bands near .* nm, which {mode}"):
        render(cube, rendering=Rendering(mode))
    with pytest.raises(ColourError, match=f"'far' has no wavelengths, which {mode} needs"):
        render(cube.derive(wavelengths=None), rendering=Rendering(mode))


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ({"illuminant": "F2"}, "F2"),
        ({"clip": 50}, "clip"),
        ({"gamma": 0}, "gamma"),
        ({"mode": Mode.ONE_BAND}, "channels"),
        ({"levels": (0, 1)}, "levels"),
    ],
)
def test_a_rendering_that_means_nothing_is_refused(fault, word):
    with pytest.raises(ColourError, match=word):
        Rendering(**fault)


def test_a_stretch_of_each_band_fills_each_channel_and_a_common_one_keeps_their_ratios():
    levels = np.linspace(0, 1, 201)
    data = np.stack([levels, levels / 2, levels / 4])[:, None]
    cube = HyperCube(data, default_bands=(0, 1, 2))
    each, common = (
        render(cube, rendering=Rendering(stretch=s)) for s in ("each band", Stretch.COMMON)
    )
    assert each.max(axis=(0, 1)).tolist() == [255, 255, 255]
    red, green, blue = common.max(axis=(0, 1)).astype(float)
    assert (green / red, blue / red) == pytest.approx((0.5, 0.25), abs=0.02)


def test_clipping_makes_that_share_of_the_pixels_black_and_white():
    cube = HyperCube(np.arange(1000.0).reshape(1, 20, 50))
    picture = render(cube, rendering=Rendering(Mode.ONE_BAND, channels=(0,), clip=10))[..., 0]
    assert (picture == 0).mean() == pytest.approx(0.1, abs=0.005)
    assert (picture == 255).mean() == pytest.approx(0.1, abs=0.005)


def test_a_gamma_above_one_brightens_the_middle_alone():
    cube = HyperCube(np.linspace(0, 1, 101).reshape(1, 1, 101))
    one = {"mode": Mode.ONE_BAND, "channels": (0,), "clip": 0}
    plain, bright_one = (render(cube, rendering=Rendering(**one, gamma=g))[0, :, 0] for g in (1, 2))
    assert (plain[0], plain[-1]) == (bright_one[0], bright_one[-1]) == (0, 255)
    assert bright_one[50] == round(255 * 0.5**0.5)


@pytest.mark.parametrize("mode", [Mode.AUTOMATIC, Mode.INFRARED])
def test_a_part_in_the_levels_of_the_whole_is_as_bright_as_there(mode):
    whole = HyperCube(np.linspace(0.1, 1, 101) * np.ones((WIDE.size, 1, 1)), WIDE)
    rgb, levels = result_of(render_steps(whole, rendering=Rendering(mode)))
    darker = whole.crop(Region(0, 1, 10, 50))
    told = Rendering(**Rendering(mode, levels=levels).plain())
    np.testing.assert_array_equal(render(darker, rendering=told), rgb[:, 10:50])
    assert render(darker, rendering=Rendering(mode)).max() == 255 > rgb[:, 10:50].max()


@pytest.mark.parametrize("illuminant", ILLUMINANTS)
def test_white_is_white_in_every_light(illuminant):
    spectra = [WHITE, 0.5 * WHITE]
    rendering = Rendering(Mode.TRUE_COLOUR, illuminant)
    picture = render(cube_of_spectra(spectra), rendering=rendering)
    assert np.ptp(picture.astype(int), axis=-1).max() <= 1
    light = relative_power(VISIBLE, illuminant)
    radiance = cube_of_spectra([light * s for s in spectra], quantity="radiance")
    assert np.array_equal(render(radiance, rendering=rendering), picture)


def test_colours_change_with_the_light():
    chart = cube_of_spectra([WHITE, RED, GREEN, BLUE])
    daylight, bulb = (render(chart, rendering=Rendering(Mode.TRUE_COLOUR, x)) for x in ("D65", "A"))
    assert np.abs(daylight.astype(int) - bulb).max() > 5


@pytest.mark.filterwarnings("ignore:Aligning")
@pytest.mark.parametrize("illuminant", ["D65", "D50", "D55", "D75", "A", "E"])
def test_the_formula_of_a_light_is_as_good_as_its_table(colour, illuminant):
    shape = colour.SpectralShape(380, 780, 5)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values.T
    table = colour.SDS_ILLUMINANTS[illuminant].copy().align(shape).values
    patches = colour.SDS_COLOURCHECKERS["BabelColor Average"].values()
    chart = [patch.copy().align(shape).values for patch in patches]

    def lab(light: np.ndarray) -> np.ndarray:
        weights = observer * light / (observer[1] * light).sum()
        return colour.XYZ_to_Lab(np.array(chart) @ (adaptation(weights.sum(axis=1)) @ weights).T)

    formula = relative_power(shape.wavelengths, illuminant)
    difference = colour.delta_E(lab(formula), lab(table), method="CIE 2000")
    assert difference.max() < 0.6


@pytest.mark.filterwarnings("ignore:Aligning")
def test_the_adaptation_is_that_of_bradford(colour):
    white = np.array([1.09850, 1.0, 0.35585])
    theirs = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        white, [0.95047, 1.0, 1.08883], transform="Bradford"
    )
    np.testing.assert_allclose(adaptation(white), theirs, atol=1e-4)


def test_a_rendering_that_is_cancelled_ends_without_a_picture(monkeypatch):
    monkeypatch.setattr("napari_dodn.spectra.colour.BLOCK_VALUES", 31 * 7)
    cube = HyperCube(np.random.default_rng(0).random((31, 50, 7)), VISIBLE)
    events = []
    with pytest.raises(CancelledError):
        follow(render_steps(cube, cancelled=lambda: True), events.append)
    assert len(events) == 1
