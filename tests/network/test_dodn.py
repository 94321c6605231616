"""The student: any band count, a receptive field that is what it says, bicubic before training."""

import pytest
import torch

from napari_dodn.network.bicubic import bicubic_upsample
from napari_dodn.network.dodn import DODN


def trained_like(network: DODN) -> DODN:
    """Give an untrained network's last layer weights, so that its residual is not zero."""
    torch.nn.init.normal_(network.tail[-1].weight, std=0.1)
    return network.eval()


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("bands", [1, 2, 31])
def test_any_number_of_bands_goes_through_the_same_weights(scale, bands):
    network = DODN(scale, channels=4, blocks=1)
    assert network(torch.randn(2, bands, 5, 6)).shape == (2, bands, 5 * scale, 6 * scale)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_an_untrained_network_is_bicubic_interpolation(scale):
    x = torch.randn(1, 3, 6, 5)
    torch.testing.assert_close(DODN(scale, 4, 2)(x), bicubic_upsample(x, scale))


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_bicubic_phases_equal_pytorchs_interpolation(scale):
    x = torch.rand(2, 3, 7, 9)
    expected = torch.nn.functional.interpolate(x, scale_factor=scale, mode="bicubic")
    torch.testing.assert_close(bicubic_upsample(x, scale), expected)


def test_a_scale_without_a_network_is_refused():
    with pytest.raises(ValueError, match="scale must be one of"):
        DODN(3)


@pytest.mark.parametrize("blocks", [1, 3])
def test_halo_is_the_receptive_field_in_pixels(blocks):
    torch.manual_seed(0)
    network = trained_like(DODN(2, channels=4, blocks=blocks)).double()
    side = 2 * network.halo + 5
    x = torch.randn(1, 2, side, side, dtype=torch.float64, requires_grad=True)
    centre = side // 2
    network(x)[0, :, 2 * centre, 2 * centre].sum().backward()
    rows = torch.nonzero(x.grad.abs().sum(dim=(0, 1, 3))).flatten()
    assert int((rows - centre).abs().max()) == network.halo


def test_spectral_halo_is_the_receptive_field_in_bands():
    torch.manual_seed(0)
    network = trained_like(DODN(2, channels=4, blocks=2)).double()
    bands = 2 * network.spectral_halo + 5
    x = torch.randn(1, bands, 4, 4, dtype=torch.float64, requires_grad=True)
    centre = bands // 2
    network(x)[0, centre].sum().backward()
    seen = torch.nonzero(x.grad.abs().sum(dim=(0, 2, 3))).flatten()
    assert int((seen - centre).abs().max()) == network.spectral_halo


def test_there_is_one_tap_a_block_that_depends_on_its_2d_branch_alone():
    torch.manual_seed(0)
    network = trained_like(DODN(2, channels=4, blocks=2))
    x = torch.randn(1, 5, 6, 6)
    _, taps = network.forward_with_taps(x)
    assert [tuple(tap.shape) for tap in taps] == [(1, 5, 6, 6, 4)] * 2
    torch.nn.init.zeros_(network.blocks[0].branch_3d[2][1].weight)
    torch.testing.assert_close(network.forward_with_taps(x)[1][0], taps[0])


def test_forward_and_forward_with_taps_agree():
    network = trained_like(DODN(4, channels=4, blocks=2))
    x = torch.randn(1, 3, 6, 6)
    torch.testing.assert_close(network(x), network.forward_with_taps(x)[0])
