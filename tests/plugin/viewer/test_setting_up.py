"""What a viewer gets, whoever brings the first cube."""

import gc

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils._proxies import PublicOnlyProxy

from napari_dodn import HyperCube
from napari_dodn.plugin.viewer.layers import layer_data_from_cube
from napari_dodn.plugin.viewer.setting_up import set_up


def test_what_a_panel_has_set_up_stays_when_the_panel_goes(qapp):
    viewer = ViewerModel()
    proxy = PublicOnlyProxy(viewer)
    set_up(proxy)
    del proxy
    gc.collect()
    cube = HyperCube(np.ones((3, 4, 4), np.float32), wavelengths=[500, 550, 600], name="field")
    _, picture = (viewer.add_layer(Layer.create(*x)) for x in layer_data_from_cube(cube))
    viewer.dims.set_point(0, 2)
    assert not picture.visible
    assert viewer.canvas.overlays.text.text == "600 nm · band 3 of 3"
