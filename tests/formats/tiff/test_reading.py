"""TIFF files in every layout that tifffile writes: which image is the cube, and its axes."""

from __future__ import annotations

import logging
import os
import threading

import numpy as np
import pytest
import tifffile

from napari_dodn.formats import AmbiguousError, FormatError, contents, read
from napari_dodn.formats.pixels.raw import RawPixels

IMAGE = np.random.default_rng(0).integers(0, 60_000, (31, 40, 50), dtype=np.uint16)
INTERLEAVED = IMAGE.transpose(1, 2, 0).copy()

GREY = {"photometric": "minisblack"}
PLANAR = {**GREY, "planarconfig": "separate", "metadata": None}
CONTIG = {**GREY, "planarconfig": "contig", "metadata": None}
LAYOUTS = {
    "planar": (IMAGE, PLANAR),
    "planar, strips": (IMAGE, {**PLANAR, "rowsperstrip": 7}),
    "planar, tiled": (IMAGE, {**PLANAR, "tile": (16, 32)}),
    "planar, deflate": (IMAGE, {**PLANAR, "compression": "deflate", "predictor": True}),
    "interleaved": (INTERLEAVED, CONTIG),
    "interleaved, tiled": (INTERLEAVED, {**CONTIG, "tile": (16, 32), "compression": "zstd"}),
    "interleaved, lzw": (INTERLEAVED, {**CONTIG, "compression": "lzw", "rowsperstrip": 7}),
    "pages": (IMAGE, {**GREY, "metadata": None}),
    "pages, compressed": (IMAGE, {**GREY, "metadata": None, "compression": "deflate"}),
    "pages, described": (IMAGE, GREY),
    "pages, tiled": (IMAGE, {**GREY, "tile": (16, 16), "compression": "lzma"}),
    "BigTIFF": (IMAGE, {**PLANAR, "bigtiff": True}),
    "big-endian": (IMAGE, {**PLANAR, "byteorder": ">"}),
    "big-endian, compressed": (IMAGE, {**PLANAR, "byteorder": ">", "compression": "zstd"}),
    "OME": (IMAGE, {**GREY, "ome": True, "metadata": {"axes": "CYX"}}),
    "OME, compressed": (IMAGE, {**GREY, "ome": True, "compression": "zlib"}),
    "ImageJ": (IMAGE, {"imagej": True, "metadata": {"axes": "ZYX"}}),
    "ImageJ channels": (IMAGE, {"imagej": True, "metadata": {"axes": "CYX"}}),
}


@pytest.fixture(params=LAYOUTS)
def layout(request, tmp_path):
    pixels, options = LAYOUTS[request.param]
    path = tmp_path / "scene.tif"
    tifffile.imwrite(path, pixels, **options)
    return request.param, path


@pytest.fixture
def tiff_file(tmp_path):
    """Write an array as TIFF and return the path."""

    def make(pixels, name="scene.tif", **options):
        tifffile.imwrite(tmp_path / name, pixels, **options)
        return tmp_path / name

    return make


def test_every_layout_is_read_as_bands_rows_columns(layout):
    cube = read(layout[1])
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    assert cube.name == "scene"


def test_any_slice_is_that_of_the_whole(layout):
    cube = read(layout[1])
    for key in (
        np.s_[3],
        np.s_[:, 5, 7],
        np.s_[2:9:3, 4:30, 11:12],
        np.s_[..., -1],
        np.s_[:, ::7, ::9],
    ):
        np.testing.assert_array_equal(np.asarray(cube.data[key]), IMAGE[key])


def test_what_lies_in_one_piece_is_mapped_and_the_rest_is_not_read_yet(layout):
    name, path = layout
    data = read(path).data
    in_one_piece = not {"tile", "compression"} & LAYOUTS[name][1].keys()
    assert isinstance(data, RawPixels) == in_one_piece
    assert hasattr(data, "dask") != in_one_piece


def test_a_band_is_read_without_decoding_the_others(tiff_file, monkeypatch):
    path = tiff_file(IMAGE, **{**PLANAR, "compression": "deflate", "tile": (16, 16)})
    data = read(path).data
    parts = []
    read_segment = tifffile.FileHandle.read

    def counting(handle, size=-1, /):
        parts.append(size)
        return read_segment(handle, size)

    monkeypatch.setattr(tifffile.FileHandle, "read", counting)
    np.testing.assert_array_equal(data[5, :16, :16].compute(), IMAGE[5, :16, :16])
    assert len(parts) <= 2


def test_contents_lists_the_image_with_its_stored_axes(layout):
    name, path = layout
    (found,) = contents(path)
    assert found.bands == 31
    assert found.dtype == "uint16"
    assert found.axes == ("yxb" if name.startswith("interleaved") else "byx")
    assert found.reason.startswith("The bands are the ")
    assert found.reason.endswith(".")
    np.testing.assert_array_equal(np.asarray(read(path, dataset=found.name).data), IMAGE)


def test_bands_that_the_file_marks_as_such_need_no_note(tiff_file):
    assert read(tiff_file(IMAGE, **PLANAR)).notes == ()


def test_pages_are_taken_for_bands_with_a_note(tiff_file):
    (note,) = read(tiff_file(IMAGE, **GREY)).notes
    assert "the pages of the TIFF file" in note
    assert "--axes" in note


def test_an_array_saved_with_its_bands_last_is_turned_with_a_note(tiff_file):
    stored = np.zeros((300, 280, 31), np.uint8)
    cube = read(tiff_file(stored, **GREY))
    assert cube.shape == (31, 300, 280)
    assert "since the last axis is by far the shortest" in cube.notes[0]


@pytest.mark.parametrize("axes", ["yxb", "byx", "ybx", "XBY"])
def test_the_option_axes_decides(tiff_file, axes):
    cube = read(tiff_file(IMAGE, **GREY), axes=axes)
    order = [axes.lower().index(axis) for axis in "byx"]
    np.testing.assert_array_equal(cube.data, IMAGE.transpose(order))


def test_an_option_axes_that_means_nothing_is_refused(tiff_file):
    with pytest.raises(FormatError, match="letters y, x and b"):
        read(tiff_file(IMAGE, **GREY), axes="yxz")


def test_the_number_of_given_wavelengths_tells_the_axis(tiff_file):
    cube = read(tiff_file(IMAGE, **GREY), wavelengths=np.linspace(400, 900, 50))
    assert cube.shape == (50, 31, 40)


def test_a_picture_beside_the_cube_is_left_alone(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(IMAGE[0], metadata=None)
        file.write(IMAGE, **PLANAR)
    np.testing.assert_array_equal(read(tmp_path / "a.tif").data, IMAGE)


def test_overviews_are_not_taken_for_the_cube(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(IMAGE, **PLANAR)
        file.write(IMAGE[:, ::2, ::2].copy(), subfiletype=1, **PLANAR)
    (found,) = contents(tmp_path / "a.tif")
    assert found.shape == IMAGE.shape


def test_several_cubes_are_asked_about_and_named(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(IMAGE, **PLANAR)
        file.write(IMAGE[:20, :30], **PLANAR)
    with pytest.raises(AmbiguousError, match="--dataset") as raised:
        read(tmp_path / "a.tif")
    assert raised.value.candidates == [found.name for found in contents(tmp_path / "a.tif")]
    cube = read(tmp_path / "a.tif", dataset=raised.value.candidates[1])
    np.testing.assert_array_equal(cube.data, IMAGE[:20, :30])
    with pytest.raises(FormatError, match="has no cube 'image 3'"):
        read(tmp_path / "a.tif", dataset="image 3")


def test_each_time_of_a_series_of_cubes_can_be_opened(tiff_file):
    series = np.stack([IMAGE, IMAGE + 1])
    path = tiff_file(series, ome=True, metadata={"axes": "TCYX"}, **GREY)
    with pytest.raises(AmbiguousError, match="'image 1, T 1'"):
        read(path)
    cube = read(path, dataset="image 1, T 2")
    np.testing.assert_array_equal(cube.data, IMAGE + 1)


def test_a_colour_photograph_opens_and_says_what_it_is(tiff_file):
    cube = read(tiff_file(INTERLEAVED[..., :3].astype(np.uint8), photometric="rgb"))
    assert cube.shape == (3, 40, 50)
    assert "colour picture (RGB) of 3 channels" in cube.notes[0]


def test_red_green_blue_and_near_infrared_are_no_colour_picture(tiff_file):
    options = {"photometric": "rgb", "extrasamples": ["unspecified"]}
    assert read(tiff_file(INTERLEAVED[..., :4].astype(np.uint8), **options)).notes == ()


def test_a_colour_picture_with_transparency_says_what_it_is(tiff_file):
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    cube = read(tiff_file(INTERLEAVED[..., :4].astype(np.uint8), **options))
    assert "colour picture (RGB) of 4 channels" in cube.notes[0]


def test_an_image_that_ome_spreads_over_files_is_put_together(tmp_path):
    def xml(own):
        planes = "".join(
            f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{c}.ome.tif">'
            f"urn:uuid:{c}</UUID></TiffData>"
            for c in range(5)
        )
        return (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{own}"><Image ID="Image:0"><Pixels DimensionOrder="XYZCT" '
            'ID="Pixels:0" SizeC="5" SizeT="1" SizeX="50" SizeY="40" SizeZ="1" Type="uint16">'
            f"{planes}</Pixels></Image></OME>"
        )

    for band in range(5):
        options = {"description": xml(band), "metadata": None, "align": 16 << band}
        tifffile.imwrite(tmp_path / f"{band}.ome.tif", IMAGE[band], **options)
    cube = read(tmp_path / "0.ome.tif")
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE[:5])


def test_a_single_image_is_a_cube_of_one_band_that_says_so(tiff_file):
    cube = read(tiff_file(IMAGE[0], compression="deflate"))
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE[:1])
    np.testing.assert_array_equal(np.asarray(cube.data[0, 3:5]), IMAGE[0, 3:5])
    assert "single image" in cube.notes[0]


def test_a_file_without_suffix_is_known_by_its_content(tiff_file):
    path = tiff_file(IMAGE, **PLANAR)
    path = path.rename(path.with_suffix(""))
    np.testing.assert_array_equal(read(path).data, IMAGE)


def test_complex_numbers_are_refused(tiff_file):
    with pytest.raises(FormatError, match="real numbers"):
        read(tiff_file(IMAGE.astype(np.complex64), **PLANAR))


@pytest.mark.parametrize("content", [b"something else", b"II*\0", b"II*\0\x08\0\0\0" + b"\xff" * 9])
def test_what_is_no_tiff_file_is_refused(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(FormatError, match="a.tif"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("options", [{}, {"compression": "deflate"}], ids=["plain", "compressed"])
def test_a_file_that_is_cut_off_is_refused_when_it_is_opened(tmp_path, options):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(IMAGE, **PLANAR, **options)
    os.truncate(path, path.stat().st_size - 1000)
    with pytest.raises(FormatError, match="cut off: it has"):
        read(path)


def test_a_file_that_is_read_can_be_replaced_meanwhile(tiff_file):
    path = tiff_file(IMAGE, **PLANAR, compression="deflate")
    data = read(path).data
    tiff_file(IMAGE[::-1].copy(), "other.tif", **PLANAR, compression="deflate").replace(path)
    np.testing.assert_array_equal(data[3].compute(), IMAGE[3])


def test_tifffile_can_warn_others_after_two_threads_have_read(tiff_file, monkeypatch, caplog):
    path, opened = tiff_file(IMAGE, **PLANAR), tifffile.TiffFile
    first_in, second_in, first_done = (threading.Event() for _ in range(3))

    def opening(file):
        mine, others = (second_in, first_done) if first_in.is_set() else (first_in, second_in)
        mine.set()
        others.wait(10)
        return opened(file)

    monkeypatch.setattr(tifffile, "TiffFile", opening)
    first, second = (threading.Thread(target=read, args=(path,)) for _ in range(2))
    first.start()
    first_in.wait(10)
    second.start()
    first.join()
    first_done.set()
    second.join()
    logging.getLogger("tifffile").warning("It is damaged.")
    assert "It is damaged." in caplog.text


def test_the_real_cave_scenes_open_with_their_wavelengths(shared_data):
    path = sorted((shared_data / "cave_train").glob("*.tif"))[0]
    cube = read(path)
    assert cube.shape == (31, 512, 512)
    np.testing.assert_array_equal(cube.wavelengths, np.arange(400, 701, 10))
