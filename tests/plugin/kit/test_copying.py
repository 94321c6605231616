"""Commands as they are copied."""

from __future__ import annotations

import pytest

from napari_dodn.plugin.kit.copying import command_line

WORDS = ["napari-dodn", "upscale", "a cube.hdr", "out.zarr"]


@pytest.mark.parametrize(
    ("system", "quoted"),
    [("linux", "'a cube.hdr'"), ("darwin", "'a cube.hdr'"), ("win32", '"a cube.hdr"')],
)
def test_a_command_is_quoted_as_the_systems_shell_takes_it(monkeypatch, system, quoted):
    monkeypatch.setattr("sys.platform", system)
    assert command_line(WORDS) == f"napari-dodn upscale {quoted} out.zarr"
