"""Small files as other software would write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

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
        replace, refusals = Path.replace, []

        def refusing(source: Path, target: Path) -> Path:
            if not refusals and {"source": source, "target": target}[part].name == name:
                refusals.append(name)
                raise PermissionError(13, "Permission denied", str(source))
            return replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", refusing)
            yield
        assert refusals

    return forbid
