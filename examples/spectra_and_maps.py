"""
Spectra and maps
================

Take spectra from a cube, and map where the cube has spectra like them.
"""

import matplotlib.pyplot as plt

from napari_dodn.jobs import result_of
from napari_dodn.sample import sample_scene
from napari_dodn.spectra.colour import render
from napari_dodn.spectra.maps import angle_map_steps, normalised_difference_steps
from napari_dodn.spectra.profiles import point_spectrum
from napari_dodn.spectra.transforms import continuum_removed

cube = sample_scene().reference
print(cube)

# %%
# The spectrum of a pixel, by row and column, and the same spectrum without its continuum, which
# leaves the absorption bands.

points = {"first": (60, 100), "second": (200, 40)}
_, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
for name, (y, x) in points.items():
    spectrum = point_spectrum(cube, y, x)
    left.plot(cube.wavelengths, spectrum, label=f"{name}, row {y}, column {x}")
    right.plot(cube.wavelengths, continuum_removed(cube.wavelengths, spectrum), label=name)
left.set(xlabel="wavelength (nm)", ylabel="reflectance")
right.set(xlabel="wavelength (nm)", ylabel="continuum removed")
left.legend()

# %%
# Long jobs are generators that report their progress, so that a window can show it and stop the
# job. A script that shows no progress calls ``result_of``, which waits for the result.
#
# The spectral angle between every pixel and a spectrum does not depend on brightness: small
# angles mark the same material in sun and shade.

angles = result_of(angle_map_steps(cube, point_spectrum(cube, *points["first"])))
ndvi = result_of(normalised_difference_steps(cube, 850, 650))

_, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
axes[0].imshow(render(cube))
axes[0].plot(*points["first"][::-1], "r+", markersize=12)
axes[0].set_title("true colours")
for ax, values, title in (
    (axes[1], angles, "angle to the marked spectrum (°)"),
    (axes[2], ndvi, "normalised difference 850 / 650 nm"),
):
    plt.colorbar(ax.imshow(values), ax=ax, shrink=0.7)
    ax.set_title(title)
for ax in axes:
    ax.set_axis_off()

# %%
# How much of the scene is vegetation? Plants reflect far more at 850 nm than at 650 nm.

print(f"{(ndvi > 0.5).mean():.0%} of the pixels have a difference above 0.5")
