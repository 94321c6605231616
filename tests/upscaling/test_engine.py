"""The job: events, cancelling, files, memory, and what it refuses."""

import logging
from functools import partial
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube, read, upscaling
from napari_dodn.blur import BlurEstimate
from napari_dodn.cube import CubeError, Region
from napari_dodn.formats import FormatError, Writer, write
from napari_dodn.jobs import CancelledError, follow, result_of
from napari_dodn.network.inference import infer_steps
from napari_dodn.network.model_file import ModelError
from napari_dodn.spectra.comparison import consistency_steps
from napari_dodn.upscaling import UpscaleError, UpscaleOptions, bicubic, upscale_steps
from napari_dodn.upscaling.tiles import RESULT_BYTES, tiles_of
from tests.upscaling.conftest import texture


def to_2(model_path, **more):
    """Return options for a ×2 model."""
    return UpscaleOptions(**{"scale": 2, "model": model_path, "device": "cpu", "blur": 0} | more)


def test_progress_counts_up_to_the_end_and_the_result_is_returned(cube, model_path):
    progress = []
    done = follow(upscale_steps(cube, to_2(model_path, tile=10)), progress.append)
    counts = [e.done for e in progress if e.message == "Super-resolving"]
    assert counts == sorted(counts)
    assert progress[-1].done == progress[-1].total == 24 * 30
    assert done.cube.shape == (7, 48, 60)


def test_progress_is_told_while_measuring_and_within_a_single_tile(cube, model_path):
    progress = list(upscale_steps(cube, to_2(model_path)))
    assert progress[0].message == "Measuring the cube"
    upscaling = [event.done for event in progress if event.message == "Super-resolving"]
    assert (upscaling[0], upscaling[-1]) == (0, 720)
    assert any(0 < done < 720 for done in upscaling)


def test_the_blur_is_told_as_asked_and_stands_in_the_history(cube, upscale):
    sharp, soft = (upscale(cube, blur=sigma) for sigma in (0, 0.6))
    assert np.abs(sharp.data - soft.data).max() > 1e-4
    assert "sensor blur 0.60 pixels (as told)" in soft.history[-1]
    assert "sensor blur 0.00 pixels (as told)" in sharp.history[-1]


def remarks_of(cube, model_path, **options):
    """Return the remarks of a run and the last sentences of its result's history."""
    region = options.pop("region", None)
    done = result_of(upscale_steps(cube, to_2(model_path, **options), region=region))
    return done.remarks, done.cube.history[-1]


@pytest.mark.parametrize("tile", ["auto", 8, 9])
def test_what_was_left_out_is_counted_once_and_told(cube, model_path, tile):
    data = cube.data.copy()
    data[2, 8, 9] = data[5, 0, 0] = 1e6  # one of them in the halo of other tiles
    data[4, 23, 29] = -1e7
    remarks, history = remarks_of(cube.derive(data), model_path, tile=tile)
    assert remarks == ("3 outliers were left out.",)
    assert history.endswith("3 outliers were left out.")


def test_an_assumed_no_data_value_is_told_with_its_share(cube, model_path):
    data = cube.data.copy()
    data[:, :, 20:] = -9999
    remarks, history = remarks_of(cube.derive(data), model_path, tile=8)
    (remark,) = remarks
    assert remark.startswith("No-data value -9999 assumed in 33 % of the pixels")
    assert remark in history
    part, _ = remarks_of(cube.derive(data), model_path, region=Region(0, 24, 0, 20))
    assert part == ("No-data value -9999 assumed.",)


def test_nothing_is_told_of_measurements(cube, model_path):
    data = cube.data.copy()
    data[:, :12] = 0
    assert remarks_of(cube.derive(data), model_path)[0] == ()


def test_a_tile_that_is_done_again_is_counted_once(cube, model_path, monkeypatch):
    def short_of_memory(network, z, *args):
        if z.shape[-1] > 24:
            raise torch.OutOfMemoryError("CUDA out of memory")
        yield from infer_steps(network, z, *args)

    monkeypatch.setattr("napari_dodn.upscaling.views.infer_steps", short_of_memory)
    data = cube.data.copy()
    data[2, 8, 9] = 1e6
    remarks, _ = remarks_of(cube.derive(data), model_path, tile=100)
    assert remarks == ("1 outlier was left out.",)


def test_a_blur_that_cannot_be_measured_is_assumed_and_it_is_said_why(cube, model_path):
    flat = cube.derive(np.full(cube.shape, 7, np.float32))
    remarks, history = remarks_of(flat, model_path, blur="auto")
    assert remarks == ("The cube is flat, so there is no blur to measure.",)
    assert "sensor blur 0.00 pixels (assumed)" in history
    assert remarks[0] in history
    assert remarks_of(flat, model_path, blur=0.3)[0] == ()


@pytest.mark.parametrize("dtype", ["f8", "i8", "u4"])
def test_a_result_that_is_too_coarse_for_its_cube_is_told(cube, model_path, dtype):
    texture = cube.data / cube.data.std() * 50
    (remark,), history = remarks_of(cube.derive((texture + 2e9).astype(dtype)), model_path)
    assert remark.startswith(
        "The values lie near 2e+09, where float32 has steps of 128: too coarse"
    )
    assert remark in history
    assert remarks_of(cube.derive((texture + 2e6).astype(dtype)), model_path)[0] == ()


def test_a_blur_that_was_estimated_stands_in_the_result(cube, model_path, monkeypatch):
    found = BlurEstimate(0.42)
    monkeypatch.setattr("napari_dodn.upscaling.statistics.estimate_blur", lambda planes: found)
    done = result_of(upscale_steps(cube, to_2(model_path, blur="auto")))
    assert done.cube.metadata["dodn sensor blur"] == 0.42
    assert "sensor blur 0.42 pixels (estimated)" in done.cube.history[-1]
    assert done.remarks == ()


def test_what_is_interpolated_of_a_result_does_not_tell_how_that_was_made(cube, upscale):
    result = upscale(cube.derive(metadata={"Sensor Type": "unknown"}), blur=0.4)
    assert result.metadata["dodn sensor blur"] == 0.4
    assert dict(bicubic(result, 2).metadata) == {"Sensor Type": "unknown"}


@pytest.mark.parametrize(("blur", "reduction"), [(0, "cubic"), (0.4, "blur")])
@pytest.mark.parametrize("suffix", [".hdr", ".tif"])
def test_a_result_in_a_file_tells_how_it_is_to_be_reduced(
    cube, upscale, tmp_path, blur, reduction, suffix
):
    result = read(write(upscale(cube, blur=blur), tmp_path / f"result{suffix}"))
    found = result_of(consistency_steps(result, cube, 2))
    assert (found.reduction, found.sigma) == (reduction, blur)


@pytest.mark.parametrize("blur", ["wide", "", -0.1, 2.1, float("nan"), None])
def test_a_blur_that_is_none_is_refused(cube, upscale, blur):
    with pytest.raises(UpscaleError, match="'auto' or a number of pixels from 0 to 2, not"):
        upscale(cube, blur=blur)


def test_the_result_keeps_the_description_and_says_what_was_done(cube, upscale):
    source = cube.derive(
        fwhm=np.full(7, 10.0),
        pixel_size=(4.0, 4.0),
        pixel_unit="m",
        map_info=("UTM", "1", "1", "500000", "4000000", "4", "4", "33", "North"),
        metadata={"Sensor Type": "unknown"},
    )
    result = upscale(source)
    np.testing.assert_array_equal(result.wavelengths, source.wavelengths)
    np.testing.assert_array_equal(result.fwhm, source.fwhm)
    assert result.pixel_size == (2.0, 2.0)
    assert result.pixel_unit == "m"
    assert result.map_info[5:7] == ("2", "2")
    assert result.metadata["Sensor Type"] == "unknown"
    assert len(result.metadata["dodn mean spectrum"]) == 7
    assert "random-x2" in result.history[-1]
    assert "float32 on cpu" in result.history[-1]


def test_what_is_true_of_the_sources_pixels_alone_is_not_said_of_the_results(cube, upscale):
    source = cube.derive(metadata={"x start": "7", "ModelTransformation": [30.0] * 16, "a": "b"})
    result = upscale(source)
    assert "a" in result.metadata
    assert not {"x start", "ModelTransformation"} & set(result.metadata)
    left_out = "Left out, since the grid of pixels is another: ModelTransformation."
    assert result.history[-2] == left_out
    assert upscale(source, region=Region(0, 8, 0, 8)).history.count(left_out) == 1


def test_a_region_moves_the_map_coordinates_along(cube, upscale):
    source = cube.derive(map_info=("UTM", "1", "1", "500000", "4000000", "4", "4"))
    result = upscale(source, region=Region(6, 12, 10, 20))
    # The reference pixel is still the scene's corner: 10 columns and 6 rows up and left, doubled.
    assert result.map_info[1:3] == ("-19", "-11")


def test_cancelling_ends_within_a_tile_without_a_result(cube, model_path):
    seen = []
    steps = upscale_steps(cube, to_2(model_path, tile=8), cancelled=lambda: len(seen) >= 3)
    with pytest.raises(CancelledError):
        follow(steps, seen.append)
    assert len(seen) == 3


@pytest.mark.parametrize("name", ["fine.hdr", "fine.h5", "fine.zarr"])
def test_a_file_is_written_tile_by_tile_and_reads_back_as_the_result(cube, upscale, tmp_path, name):
    result = upscale(cube, tile=9, output=tmp_path / name)
    np.testing.assert_allclose(read(tmp_path / name).data, upscale(cube).data, atol=1e-6)
    assert type(result.data) is not np.ndarray  # it is read when it is looked at
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    np.testing.assert_allclose(result.wavelengths, cube.wavelengths)


@pytest.mark.parametrize("name", ["fine.hdr", "fine.h5", "fine.zarr"])
@pytest.mark.parametrize("end", ["cancel", "close"])
def test_a_stopped_job_leaves_no_file(cube, model_path, tmp_path, end, name):
    seen = []
    steps = upscale_steps(
        cube,
        to_2(model_path, tile=8),
        output=tmp_path / name,
        cancelled=lambda: end == "cancel" and len(seen) > 2,
    )
    if end == "close":
        seen += islice(steps, 3)
        steps.close()
    else:
        with pytest.raises(CancelledError):
            follow(steps, seen.append)
    assert len(seen) == 3
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_not_replaced_unless_asked(cube, upscale, tmp_path):
    target = tmp_path / "fine.hdr"
    target.write_text("mine")
    with pytest.raises(FormatError, match="already exists"):
        upscale(cube, output=target)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("name", ["a.hdr", "a.tif"])
def test_the_source_is_not_replaced_by_its_result(cube, upscale, tmp_path, name):
    source = read(write(cube, tmp_path / name))
    with pytest.raises(FormatError, match="is the file that the source comes from"):
        upscale(source, output=tmp_path / name, overwrite=True)
    np.testing.assert_array_equal(read(tmp_path / name).data, cube.data)


out_of_memory = pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("could not create a primitive"),
        MemoryError("std::bad_alloc"),
    ],
    ids=["CUDA", "oneDNN", "memory"],
)


@out_of_memory
def test_out_of_memory_goes_on_with_smaller_tiles(cube, model_path, monkeypatch, caplog, error):
    expected = upscaling.upscale(cube, 2, model_path, device="cpu", blur=0).data
    sizes = []

    def short_of_memory(network, z, *args):
        sizes.append(z.shape[-1])
        if z.shape[-1] > 24:
            raise error
        yield from infer_steps(network, z, *args)

    monkeypatch.setattr("napari_dodn.upscaling.views.infer_steps", short_of_memory)
    with caplog.at_level(logging.WARNING):
        result = upscaling.upscale(cube, 2, model_path, device="cpu", blur=0, tile=100)
    np.testing.assert_allclose(result.data, expected, atol=1e-5)
    assert "Out of memory" in caplog.text
    assert sizes[0] == 30
    assert max(sizes[2:]) <= 24


@out_of_memory
def test_memory_that_suffices_for_no_tile_is_said_in_one_sentence(
    cube, model_path, monkeypatch, error
):
    def short_of_memory(*args):
        raise error

    monkeypatch.setattr("napari_dodn.upscaling.views.infer_steps", short_of_memory)
    with pytest.raises(UpscaleError, match="cpu has too little memory"):
        upscaling.upscale(cube, 2, model_path, device="cpu", blur=0)


@pytest.mark.parametrize("name", [None, "fine.tif"])
def test_a_result_for_which_no_memory_is_free_is_refused_at_once(
    cube, model_path, tmp_path, monkeypatch, name
):
    output, size = name and tmp_path / name, 4 * 4 * cube.data.size
    steps = partial(upscale_steps, cube, to_2(model_path), output=output)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=size - 1))
    told = []
    with pytest.raises(UpscaleError, match="of memory, of which .* free; write it to .*ENVI"):
        follow(steps(), told.append)
    assert not told
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=size))
    assert result_of(steps()).cube.data.nbytes == size


def test_an_automatic_tile_leaves_room_for_its_result(cube, model_path, monkeypatch):
    expected = upscaling.upscale(cube, 2, model_path, device="cpu", blur=0).data
    monkeypatch.setattr("napari_dodn.upscaling.tiles.RESULT_BUDGET", 7 * RESULT_BYTES * 4 * 10**2)
    events = []
    done = follow(upscale_steps(cube, to_2(model_path)), events.append)
    puts = {event.done for event in events if event.message == "Super-resolving"}
    assert len(puts) > 9  # tiles of 10 × 10 pixels, where one would do
    np.testing.assert_allclose(done.cube.data, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["result.zarr", "result.hdr", "result.h5"])
def test_no_more_than_some_bands_of_a_result_are_in_memory(model_path, tmp_path, monkeypatch, name):
    asked, room = [], Writer.room

    def watched(self, place):
        asked.append(len(range(*place[0].indices(self.shape[0]))))
        return room(self, place)

    monkeypatch.setattr(Writer, "room", watched)
    cube = HyperCube(texture((150, 12, 13)))
    whole = upscaling.upscale(cube, 2, model_path, device="cpu", blur=0)
    result = upscaling.upscale(cube, 2, model_path, device="cpu", blur=0, output=tmp_path / name)
    assert sum(asked) == 150
    assert max(asked) <= 64
    np.testing.assert_array_equal(np.asarray(result.data[:]), whole.data)


def test_a_tile_may_be_a_number_of_numpys(cube, model_path):
    result = upscaling.upscale(cube, 2, model_path, device="cpu", blur=0, tile=np.int64(8))
    assert result.shape == (7, 48, 60)


def test_other_runtime_errors_are_not_taken_for_missing_memory(cube, model_path, monkeypatch):
    def broken(*args):
        raise RuntimeError("something else")

    monkeypatch.setattr("napari_dodn.upscaling.views.infer_steps", broken)
    with pytest.raises(RuntimeError, match="something else"):
        upscaling.upscale(cube, 2, model_path, device="cpu", blur=0)


def test_no_more_than_a_block_of_lazy_data_is_read_at_once(upscale, monkeypatch):
    class Watched:
        shape, dtype, largest = (3, 64, 64), np.dtype(np.float32), 0

        def __getitem__(self, key):
            part = np.zeros(self.shape, self.dtype)[key]
            self.largest = max(self.largest, part.size)
            return part

    monkeypatch.setattr("napari_dodn.sampling.SAMPLE_VALUES", 3 * 64 * 16)
    data = Watched()
    upscale(HyperCube(data), tile=8)
    assert data.largest <= 3 * 34 * 34


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"device": "cuda:99"}, "Device 'cuda:99' is not available"),
        ({"precision": "int8"}, "Precision 'int8'"),
        ({"tile": 0}, "A tile is"),
        ({"tile": "big"}, "A tile is"),
        ({"region": Region(50, 60, 0, 10)}, "holds no pixel"),
        ({"blur": -1}, "blur is 'auto' or a number"),
        ({"blur": "much"}, "blur is 'auto' or a number"),
    ],
)
def test_a_request_that_cannot_be_met_gets_one_sentence(cube, model_path, options, fault):
    region = options.pop("region", None)
    with pytest.raises(UpscaleError, match=fault):
        list(upscale_steps(cube, to_2(model_path, **options), region=region))


def test_what_is_no_cube_is_refused_with_how_one_is_made(model_path, tmp_path):
    for given in (np.zeros((3, 8, 8)), "field.hdr"):
        with pytest.raises(CubeError, match="napari_dodn.HyperCube"):
            upscaling.upscale(given, 2, model_path, output=tmp_path / "out.hdr")
        with pytest.raises(CubeError, match="napari_dodn.HyperCube"):
            bicubic(given, 2)
        with pytest.raises(CubeError, match="napari_dodn.HyperCube"):
            write(given, tmp_path / "out.hdr")


@pytest.mark.parametrize("scale", ["2", 2.0, 0])
def test_a_scale_that_is_no_whole_number_is_refused(cube, model_path, scale):
    with pytest.raises(UpscaleError, match="whole number above 0"):
        upscaling.upscale(cube, scale, model_path)
    with pytest.raises(UpscaleError, match="whole number above 0"):
        bicubic(cube, scale)


def test_a_device_of_torch_is_a_device(cube, model_path):
    result = upscaling.upscale(cube, 2, model_path, torch.device("cpu"))
    assert result.shape == (7, 48, 60)


def test_a_model_for_another_scale_is_refused(cube, model_path):
    with pytest.raises(ModelError, match="is for ×2, not ×4"):
        list(upscale_steps(cube, UpscaleOptions(scale=4, model=model_path)))


def test_tiles_cover_a_region_once():
    region = Region(3, 40, 5, 77)
    count = np.zeros((50, 90), int)
    for tile in tiles_of(region, 10):
        assert max(tile.shape) <= 10
        count[tile.slices] += 1
    assert (count[region.slices] == 1).all()
    assert count.sum() == 37 * 72


def test_exact_float32_puts_the_tf32_switches_back():
    from napari_dodn.upscaling.devices import computing

    before = torch.backends.cudnn.allow_tf32
    with computing():
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.parametrize("shift", [0, 0.5, 2])
def test_values_that_float32_cannot_hold_are_refused_in_one_sentence(cube, upscale, shift):
    with pytest.raises(UpscaleError, match="float32 cannot hold; divide them"):
        upscale(cube.derive((cube.data.astype(float) - shift) * 1e300))


@pytest.mark.parametrize("value", [-3.4028234663852886e38, -1.7976931348623157e308])
@pytest.mark.parametrize("rows", [3, 18])
def test_a_customary_fill_value_may_be_most_of_a_cube_however_large(cube, upscale, value, rows):
    data = cube.data.astype(np.float64)
    data[:, :rows] = value
    result = upscale(cube.derive(data)).pixels()
    assert (result[:, : 2 * rows] == np.float32(-3.4028234663852886e38)).all()
    data[:, :rows] = -1e20
    stated = upscale(cube.derive(data, nodata=-1e20)).pixels()
    np.testing.assert_allclose(result[:, 2 * rows :], stated[:, 2 * rows :], atol=1e-5)


@pytest.mark.parametrize("level", [-9999, 0.1, 1e6, np.finfo(np.float32).min])
def test_a_band_that_is_the_same_everywhere_leaves_the_others(cube, upscale, model_path, level):
    data = np.array(cube.data)
    data[3] = level
    result = upscale(cube.derive(data)).data
    np.testing.assert_allclose(result[3], level, rtol=1e-6)
    assert remarks_of(cube.derive(data), model_path, blur=0.0)[0] == ()
    data[3] = 0
    expected = np.delete(upscale(cube.derive(data)).data, 3, axis=0)
    np.testing.assert_allclose(np.delete(result, 3, axis=0), expected, atol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("glitch", [1e300, -1e300])
def test_a_glitch_beyond_float32_becomes_its_largest_number_in_its_own_pixels(
    cube, model_path, glitch
):
    data = np.array(cube.data, np.float64)
    data[2, 8, 9] = glitch
    remarks, _ = remarks_of(cube.derive(data), model_path)
    assert remarks[-1] == "1 value beyond the range of float32 became its largest number."
    whole = upscaling.upscale(cube, 2, model_path, device="cpu", blur=0).data
    result = upscaling.upscale(cube.derive(data), 2, model_path, device="cpu", blur=0).data
    assert np.isfinite(result).all()
    expected = np.sign(glitch) * np.finfo(np.float32).max
    np.testing.assert_array_equal(result[2, 16:18, 18:20], np.full((2, 2), expected))
    result = result.copy()
    result[2, 16:18, 18:20] = whole[2, 16:18, 18:20]
    np.testing.assert_allclose(result, whole, atol=0.1 * np.ptp(cube.data))
    assert np.isfinite(upscaling.bicubic(cube.derive(data), 2).data).all()
