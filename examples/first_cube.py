"""
Your first cube
===============

Open a cube, make it four times as sharp, look at the result, save it.

The scene comes with the package: a village from the air, 61 bands of 64 × 64 pixels, with its
truth at four times the resolution beside it. With your own file, begin with
``cube = napari_dodn.read("my_cube.hdr")``.
"""

from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np

import napari_dodn
from napari_dodn.metrics import compare
from napari_dodn.sample import sample_scene
from napari_dodn.spectra.colour import render
from napari_dodn.upscaling import bicubic

scene = sample_scene()
cube = scene.lr
print(cube)

# %%
# Super-resolution is one call. How much the sensor blurs is estimated from the cube unless you
# say it (``blur=0.4``, in pixels of the cube); the history names what was used.

sharper = napari_dodn.upscale(cube, scale=4)
print(sharper)
print(*sharper.history, sep="\n")

# %%
# Here the truth is known, so the result can be judged: the peak signal-to-noise ratio, and the
# angle between the spectra of result and truth.

plain = bicubic(cube, 4)
for name, result in (("bicubic interpolation", plain), ("DODN", sharper)):
    found = compare(result, scene.reference)
    print(f"{name}: {found.psnr:.2f} dB, {found.sam:.2f}°")

# %%
# The pictures are rendered from the spectra, as the eye would see the scene.

_, axes = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
shown = {"the cube": cube, "bicubic": plain, "DODN": sharper, "the truth": scene.reference}
for ax, (name, of) in zip(axes, shown.items(), strict=True):
    ax.imshow(render(of))
    ax.set_title(name)
    ax.set_axis_off()

# %%
# Every pixel has its spectrum.

y, x = 60, 100
plt.figure(figsize=(6, 3.4), layout="constrained")
for name, of in (("the truth", scene.reference), ("bicubic", plain), ("DODN", sharper)):
    plt.plot(of.wavelengths, np.asarray(of.data[:, y, x]), label=name)
plt.xlabel("wavelength (nm)")
plt.ylabel("reflectance")
plt.legend()

# %%
# A file keeps wavelengths, units, pixel size and history. The ending says the format.

file = Path(mkdtemp()) / "village_x4.hdr"
napari_dodn.write(sharper, file)
print(napari_dodn.read(file))
