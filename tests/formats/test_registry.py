"""The formats are listed once; all that enumerates them follows from the list."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import napari_dodn
from napari_dodn import HyperCube
from napari_dodn.formats import FormatError, contents, create, is_filled_by_tiles, read, write
from napari_dodn.formats import registry as formats_registry
from napari_dodn.formats.registry import (
    BAND_IMAGES,
    FORMATS,
    NUMPY,
    by_tiles_in_words,
    files_of,
    opened_in_words,
    written_formats,
    written_in_words,
    written_suffixes,
)

PACKAGE = Path(napari_dodn.__file__).parent
GUIDE = PACKAGE.parents[1] / "docs" / "guide.md"

NAMES_OTHERS = {
    "formats/bands/series.py": "takes pictures in any format",
    "formats/bands/images.py": "takes pictures in any format",
    "formats/tiff/gdal.py": "knows GDAL's domains of metadata",
    "formats/arrays/matlab.py": "advises the format that has no limit",
    "formats/tiff/raster.py": "advises the format that has no limit",
    "formats/tables/wavelength_files.py": "takes wavelengths from a header or an array",
    "plugin/training/saving.py": "chooses what layers are written as",
}
"""Modules that name a format which is not theirs, and why."""


@functools.cache
def strings_of(module: Path) -> tuple[str, ...]:
    """Return the texts in a module's code, but for docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return tuple(n.value for n in constants if isinstance(n.value, str) and id(n) not in told)


def home_of(kind) -> str:
    """Return the folder of the family that a format belongs to."""
    return kind.read.__module__.split(".")[2]


def test_no_format_is_named_outside_of_its_family():
    named = {}
    for kind in FORMATS:
        if kind is BAND_IMAGES:  # whose suffixes are those of any picture
            continue
        words = "|".join(re.escape(word) for word in (kind.name, *kind.suffixes))
        naming = re.compile(rf"(?<![\w.])({words})(?!\w)")
        for module in PACKAGE.rglob("*.py"):
            place = module.relative_to(PACKAGE).as_posix()
            if place.startswith(f"formats/{home_of(kind)}/") or place in NAMES_OTHERS:
                continue
            if found := [text for text in strings_of(module) if naming.search(text)]:
                named.setdefault(place, []).extend(found)
    assert named == {}


def test_a_module_is_allowed_to_name_others_only_where_it_does():
    words = [word for kind in FORMATS for word in (kind.name, *kind.suffixes)]
    for place in NAMES_OTHERS:
        texts = strings_of(PACKAGE / place)
        assert any(word in text for word in words for text in texts), place


def test_what_is_said_of_the_formats_names_each():
    for kind in FORMATS:
        assert kind.opened in opened_in_words()
        for suffix in kind.written:
            assert suffix in written_in_words()
        if kind.writer is not None:
            assert f"{kind.written[0]} ({kind.name})" in by_tiles_in_words()


def test_the_guide_has_a_row_for_each_format_with_its_suffixes():
    rows = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    for kind in FORMATS:
        if kind is not BAND_IMAGES:
            (row,) = (
                row
                for row in rows
                if (f"`{kind.suffixes[0]}" if kind.suffixes else kind.name) in row.split("|")[1]
            )
            assert set(kind.suffixes) <= set(re.findall(r"\.\w+", row.split("|")[1])), kind.name


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_a_format_reads_all_that_it_writes(kind, tmp_path, cube_of):
    assert set(kind.written) <= set(kind.suffixes)
    assert (kind.writer is not None) + (kind.write is not None) == bool(kind.written)
    for number, suffix in enumerate(kind.written):
        path = write(HyperCube(cube_of()), tmp_path / f"{number}{suffix}")
        np.testing.assert_array_equal(read(path).data, cube_of())
        assert formats_registry.format_of(path) is kind
        assert files_of(path)[0] == path


def test_a_file_is_filled_by_tiles_where_the_format_can(tmp_path):
    for suffix in written_suffixes():
        by_tiles = suffix in written_suffixes(by_tiles=True)
        assert is_filled_by_tiles(f"a{suffix.upper()}") == by_tiles
        if by_tiles:
            with create(tmp_path / f"a{suffix}", (2, 3, 4)):
                pass
    assert not list(tmp_path.iterdir())


@pytest.fixture
def new_format(monkeypatch):
    """List a format that did not exist before."""
    kind = replace(
        NUMPY,
        name="Novel",
        opened="a Novel file",
        sniff=lambda path: path.suffix == ".novel",
        suffixes=(".novel",),
        written=(".novel",),
    )
    monkeypatch.setattr(formats_registry, "FORMATS", (*FORMATS, kind))
    return kind


def test_a_new_format_is_one_line(new_format, tmp_path, cube_of):
    path = write(HyperCube(cube_of()), tmp_path / "a.novel")
    np.testing.assert_array_equal(read(path).data, cube_of())
    assert [candidate.name for candidate in contents(path)] == ["cube"]
    assert written_formats()["Novel"] == (".novel",)
    with pytest.raises(FormatError, match="or a Novel file"):
        (tmp_path / "a.xyz").write_bytes(b"something else")
        read(tmp_path / "a.xyz")


def test_a_file_of_a_new_format_beside_a_header_is_not_its_data(new_format, tmp_path, cube_of):
    header = write(HyperCube(cube_of()), tmp_path / "a.hdr")
    write(HyperCube(cube_of()), tmp_path / "a.novel")
    assert files_of(header) == (header, header.with_suffix(".img"))
