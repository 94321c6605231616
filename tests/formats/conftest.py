"""Small files as other software would write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_dodn import HyperCube
from napari_dodn.formats.description import OF_THE_FILE

ENVI_CODES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12, "u4": 13, "i8": 14, "u8": 15}
STORED_AXES = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}


@pytest.fixture
def cube_of() -> Callable[..., np.ndarray]:
    """Return pixels that are all different, so that no two axes can be mixed up unseen."""

    def make(bands: int = 3, lines: int = 4, samples: int = 5, dtype: str = "i2") -> np.ndarray:
        return np.arange(bands * lines * samples, dtype=dtype).reshape(bands, lines, samples)

    return make


@pytest.fixture
def envi_file(tmp_path: Path) -> Callable[..., Path]:
    """Write an ENVI file by hand, not by our own writer, and return the path of its header."""

    def make(
        data: np.ndarray,
        *extra: str,
        interleave: str = "bsq",
        header: str = "scene.hdr",
        image: str = "scene.img",
        offset: int = 0,
        without: tuple[str, ...] = (),
        **replaced: object,
    ) -> Path:
        big_endian = data.dtype.byteorder == ">"
        bands, lines, samples = data.shape
        fields = {
            "samples": samples,
            "lines": lines,
            "bands": bands,
            "header offset": offset,
            "file type": "ENVI Standard",
            "data type": ENVI_CODES[data.dtype.str[1:]],
            "interleave": interleave,
            "byte order": int(big_endian),
            **{name.replace("_", " "): value for name, value in replaced.items()},
        }
        lines_of_text = [f"{k} = {v}" for k, v in fields.items() if k not in without]
        path = tmp_path / header
        path.write_text("\n".join(["ENVI", *lines_of_text, *extra, ""]), encoding="utf-8")
        stored = data.transpose(STORED_AXES[interleave.strip().lower()])
        (tmp_path / image).write_bytes(bytes(offset) + stored.tobytes())
        return path

    return make


@pytest.fixture
def forbid_renaming(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[None]]:
    """Refuse once to rename a file, or to rename another to its name, as Windows may do."""

    @contextmanager
    def forbid(name: str, part: str) -> Iterator[None]:
        rename, refusals = Path.rename, []

        def refusing(source: Path, target: Path) -> Path:
            if not refusals and {"source": source, "target": target}[part].name == name:
                refusals.append(name)
                raise PermissionError(13, "Permission denied", str(source))
            return rename(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", refusing)
            yield
        assert refusals

    return forbid


@pytest.fixture(scope="session")
def any_cube() -> st.SearchStrategy[HyperCube]:
    """Return a strategy for cubes of any type with any description; `st.data()` draws from it."""

    @st.composite
    def cubes(draw: st.DrawFn) -> HyperCube:
        shapes = hnp.array_shapes(min_dims=3, max_dims=3, max_side=4)
        types = st.sampled_from([">i2", "u1", "<f4", "f2", "f8", "i8", "u8", "?"])
        data = draw(hnp.arrays(types, shapes))
        text = st.lists(st.text(), max_size=2)

        def per_band(**limits: float) -> np.ndarray | None:
            elements = st.floats(allow_nan=False, allow_infinity=False, **limits)
            return draw(st.none() | hnp.arrays(np.float64, len(data), elements=elements))

        return HyperCube(
            data,
            wavelengths=per_band(min_value=1),
            fwhm=per_band(),
            good_bands=draw(st.none() | hnp.arrays(bool, len(data))),
            nodata=draw(st.none() | st.floats()),
            gain=per_band(),
            offset=per_band(),
            scaled=draw(st.booleans()),
            quantity=draw(st.sampled_from(["", "radiance"])),
            pixel_size=draw(st.none() | st.tuples(st.floats(1, 9), st.floats(1, 9))),
            pixel_unit="m",
            map_info=draw(text),
            default_bands=draw(st.lists(st.integers(0, len(data) - 1), max_size=3)),
            rgb_picture="picture.png",
            notes=draw(text),
            history=draw(text),
            metadata=draw(st.dictionaries(st.text(), st.text() | text, max_size=2)),
        )

    return cubes()


@pytest.fixture(scope="session")
def assert_same_cube() -> Callable[[HyperCube, HyperCube], None]:
    """Check that a cube has the pixels and the description of another, but for its file's."""

    def check(cube: HyperCube, expected: HyperCube) -> None:
        np.testing.assert_array_equal(np.asarray(cube.data), np.asarray(expected.data))
        description, wanted = cube.description(), expected.description()
        for key in sorted({*description, *wanted} - set(OF_THE_FILE)):
            np.testing.assert_equal(description.get(key), wanted.get(key), key)

    return check
