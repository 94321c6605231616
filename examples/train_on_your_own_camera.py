"""
Train on your own camera
========================

Train a model on cubes of one sensor, and use it. This is what the panel *Train by distillation*
does, without a window.

Training is a command, and a run is a folder: it can be stopped, resumed, and watched from napari
meanwhile. The tutorial takes 150 steps, which is a minute on a laptop. The 2000 steps of
``--preset quick`` take some minutes and make a better model.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import napari_dodn
from napari_dodn.metrics import compare
from napari_dodn.sample import sample_scene
from napari_dodn.upscaling import bicubic

folder = Path(mkdtemp())
napari_dodn.write(sample_scene(seed=1).reference, folder / "village.hdr")

# %%
# ``--prepare`` makes the run's folder with its configuration, a text file in which you can change
# everything. Here it is the number of steps.


def napari_dodn_command(*words: str | Path) -> None:
    """Run the command napari-dodn."""
    subprocess.run([sys.executable, "-m", "napari_dodn", *map(str, words)], check=True)


run = folder / "my_camera"
data = folder / "village.hdr"
napari_dodn_command("train", "--data", data, "--preset", "quick", "--out", run, "--prepare")
configuration = run / "config.toml"
text = configuration.read_text()
assert "steps = 2000" in text
configuration.write_text(text.replace("steps = 2000", "steps = 150"))

# %%
# If there is one cube, a strip at its end is held out. There the model is compared with bicubic
# interpolation.

napari_dodn_command("train", run)

# %%
# The model is a file. Here it sharpens another scene of the same camera, which it has never seen.

other = sample_scene(seed=2)
sharper = napari_dodn.upscale(other.lr, 4, model=run / "best.safetensors")
for name, result in (("bicubic", bicubic(other.lr, 4)), ("my model", sharper)):
    found = compare(result, other.reference)
    print(f"{name}: {found.psnr:.2f} dB, {found.sam:.2f}°")
