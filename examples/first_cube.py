"""
Your first cube
===============

Open a cube, give it four times the pixels along each side, look at the result, and save it.

The scene comes with the package: a village from the air, 61 bands of 64 × 64 pixels, and its truth
at four times the resolution. To use your own file, begin with
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
# Super-resolution is one call. Unless you state how much the sensor blurs (``blur=0.4``, in pixels
# of the cube), the blur is estimated from the cube; the history names the one that was used.

sharper = napari_dodn.upscale(cube, scale=4)
print(sharper)
print(*sharper.history, sep="\n")

# %%
# Here the truth is known, so the result can be measured: by the peak signal-to-noise ratio, and by
# the angle between the spectra of result and truth.

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
# A file keeps wavelengths, units, pixel size and history. Its ending selects the format.

file = Path(mkdtemp()) / "village_x4.hdr"
napari_dodn.write(sharper, file)
print(napari_dodn.read(file))
