"""File > Open Sample: a scene that needs no download, with its reference and an RGB picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dodn.plugin.viewer.placing import LayerData
    from napari_dodn.sample import Sample


def sample_layers() -> list[LayerData]:
    """Return the layers of the sample scene, and label the wavelengths of the viewer at work."""
    from napari import current_viewer

    from napari_dodn.plugin.viewer.setting_up import set_up
    from napari_dodn.sample import sample_scene

    if (viewer := current_viewer()) is not None:
        set_up(viewer)
    return layers_of_sample(sample_scene())


def layers_of_sample(sample: Sample) -> list[LayerData]:
    """Return a scene's LR cube and its colours, under the hidden reference and RGB picture."""
    from napari.layers import Layer

    from napari_dodn.plugin.viewer.layers import layer_data_from_cube, picture_layer
    from napari_dodn.plugin.viewer.placing import laid_over

    low, colours = layer_data_from_cube(sample.lr)
    reference, _ = layer_data_from_cube(sample.reference)
    (reference,) = laid_over([reference], Layer.create(*low), sample.scale)
    picture = picture_layer(sample.rgb, sample.lr, f"{sample.lr.name} (RGB picture)")
    hidden = [(data, {**rest, "visible": False}, kind) for data, rest, kind in (reference, picture)]
    return [low, colours, *hidden]
