"""The picture that the panel is set to, made elsewhere by what was copied."""

import numpy as np
from imageio.v3 import imread

from napari_dodn import read, write
from napari_dodn.plugin.colour.recipe import as_python
from napari_dodn.spectra.colour import Mode, Rendering, render


def test_python_writes_the_same_picture(cube, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored = read(write(cube, tmp_path / "field.hdr"))
    rendering = Rendering(mode=Mode.THREE_BANDS, channels=(600, 550, 450), gamma=1.5)
    exec(as_python(stored, rendering), {})
    np.testing.assert_array_equal(
        imread(tmp_path / "colours.png"), render(stored, rendering=rendering)
    )
