"""Whatever happens to a TIFF file, it opens or is refused in a sentence."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from napari_dodn import HyperCube
from napari_dodn.formats import FormatError, contents, read, write

IMAGE = np.arange(6 * 17 * 18, dtype=np.uint16).reshape(6, 17, 18)
PLANAR = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}
HEAD_BYTES = 700

DAMAGE = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FLIPS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)


@pytest.fixture(params=["ours", "deflate", "tiled", "pages"])
def whole(request, tmp_path):
    path = tmp_path / "whole.tif"
    if request.param == "ours":
        write(HyperCube(IMAGE, wavelengths=range(400, 460, 10), nodata=-1), path)
    elif request.param == "deflate":
        tifffile.imwrite(path, IMAGE, compression="deflate", **PLANAR)
    elif request.param == "tiled":
        options = {**PLANAR, "planarconfig": "contig", "tile": (16, 16), "compression": "zstd"}
        tifffile.imwrite(path, IMAGE.transpose(1, 2, 0).copy(), **options)
    else:
        tifffile.imwrite(path, IMAGE, photometric="minisblack", compression="lzw")
    return path


def opens_or_explains(path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(FormatError):
            contents(path)
        with contextlib.suppress(FormatError):
            data = read(path).data
            assert data.ndim == 3
            assert np.asarray(data[:1, :5, :5]).ndim == 3


@DAMAGE
@given(cut=st.floats(0, 1))
def test_a_file_that_is_cut_off(tmp_path, whole, cut):
    content = whole.read_bytes()
    path = tmp_path / "damaged.tif"
    path.write_bytes(content[: int(cut * len(content)) + 1])
    opens_or_explains(path)


@DAMAGE
@given(flips=FLIPS, head=st.booleans())
@example(flips=[(0.21875, 8)], head=True)  # tiles that claim to need more memory than there is
def test_a_file_with_wrong_bytes(tmp_path, whole, flips, head):
    changed = bytearray(whole.read_bytes())
    size = min(HEAD_BYTES, len(changed)) if head else len(changed)
    for place, value in flips:
        changed[int(place * size)] = value
    path = tmp_path / "damaged.tif"
    path.write_bytes(changed)
    opens_or_explains(path)


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
)


@pytest.mark.parametrize("entity", ["&b;", "&secret;"])
def test_metadata_with_entities_are_left_out_with_a_note(tmp_path, entity):
    path = tmp_path / "DESIS-L2A-SPECTRAL_IMAGE.tif"
    tifffile.imwrite(path, IMAGE, **PLANAR)
    text = f"<x>{entity}</x>"
    for name in ("DESIS-L2A-METADATA.xml", f"{path.name}.aux.xml"):
        (tmp_path / name).write_text(text.replace(entity, "fine"))
    assert not any("left out" in note for note in read(path).notes)
    for name in ("DESIS-L2A-METADATA.xml", f"{path.name}.aux.xml"):
        (tmp_path / name).write_text(BOMB + text)
    left_out = [note for note in read(path).notes if note.endswith("damaged and left out.")]
    assert len(left_out) == 2


@pytest.mark.parametrize("big", [False, True])
def test_pages_that_follow_one_another_in_a_circle_are_refused(tmp_path, big):
    path = tmp_path / "circle.tif"
    tifffile.imwrite(path, IMAGE, **PLANAR, bigtiff=big)
    with tifffile.TiffFile(path) as tiff:
        kind, first = tiff.tiff, tiff.pages.first
        at = first.offset + kind.tagnosize + len(first.tags) * kind.tagsize
    content = bytearray(path.read_bytes())
    empty = len(content).to_bytes(kind.offsetsize, "little")
    content[at : at + kind.offsetsize] = empty  # then comes a page without tags, and it again
    path.write_bytes(content + bytes(kind.tagnosize) + empty)
    with pytest.raises(FormatError, match="is damaged"):
        read(path)
