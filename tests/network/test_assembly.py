"""What training puts together is what use puts together."""

import numpy as np
import pytest
import torch

from napari_dodn import HyperCube
from napari_dodn.jobs import result_of
from napari_dodn.network.assembly import assembled
from napari_dodn.network.components import Components
from napari_dodn.network.dodn import BRANCHES_2D, DODN
from napari_dodn.upscaling.engine import upscale_with
from napari_dodn.upscaling.statistics import measure_steps


def measured(cube, count):
    return result_of(measure_steps(cube, count, blur=False))


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_a_cube_is_super_resolved_in_training_as_in_use(branch_2d):
    torch.manual_seed(0)
    network = DODN(2, 3, 4, 2, branch_2d, channels_2d=6).eval().requires_grad_(False)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.1)
    rng = np.random.default_rng(0)
    coarse = rng.random((3, 6, 7)).repeat(3, 1).repeat(3, 2)
    data = np.tensordot(rng.random((5, 3)), coarse, 1).astype(np.float32) * 1000
    cube = HyperCube(data, name="x")
    found = measured(cube, 3)
    components = found.components
    mean = components.mean[:, None, None]
    lr, forward, back = (
        torch.from_numpy(array).float()[None]
        for array in (data - mean, components.forward, components.back)
    )
    ask, sigma = network.forward_with_taps, torch.tensor([0.35])
    result, taps = assembled(ask, lr, forward, back, sigma, 2)
    used = np.asarray(upscale_with(network, cube, blur=0.35).data)
    expected = np.maximum(result[0].numpy() + mean, found.lowest[:, None, None])
    np.testing.assert_allclose(used, expected, atol=1e-5 * np.ptp(used))
    assert len(taps) == 2


def test_components_drawn_anew_are_as_good():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.random((6, 4)))[0]
    weights = np.array([2.0, 1.02, 1.0, 0.0])
    basis[:, 3] = 0
    components = Components(np.zeros(6), 3.0, basis, weights)
    drawn = [components.redrawn(np.random.default_rng(seed)) for seed in range(20)]
    for other in drawn:
        np.testing.assert_allclose(other.basis @ other.basis.T, basis @ basis.T, atol=1e-12)
        np.testing.assert_allclose(np.abs(other.basis[:, 0]), np.abs(basis[:, 0]))
    assert {float(np.sign(other.basis[:, 0] @ basis[:, 0])) for other in drawn} == {1.0, -1.0}
    assert any(abs(other.basis[:, 1] @ basis[:, 1]) < 0.9 for other in drawn)
