"""The student: any number of components, a halo that is true, a blur that counts."""

import pytest
import torch

from napari_dodn.network.dodn import BRANCHES_2D, DODN, SIGMAS, hats, shifted


def a_network(scale=2, **options):
    """Return a small network whose residual is not zero."""
    torch.manual_seed(0)
    options = {"components": 3, "channels": 4, "blocks": 2, "channels_2d": 6} | options
    network = DODN(scale, **options)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.1)
    return network.eval()


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("components", [1, 2, 12])
def test_any_number_of_components_and_samples(scale, components, branch_2d):
    network = a_network(scale, components=components, branch_2d=branch_2d)
    result = network(torch.randn(2, components, 5, 6), torch.tensor([0.0, 0.5]))
    assert result.shape == (2, components, 5 * scale, 6 * scale)


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_an_untrained_network_adds_nothing(branch_2d):
    network = DODN(4, 3, 4, 2, branch_2d, 6)
    assert not network(torch.randn(1, 3, 6, 5), torch.zeros(1)).any()


def test_a_scale_or_branch_without_a_network_is_refused():
    with pytest.raises(ValueError, match="scale must be one of"):
        DODN(3)
    with pytest.raises(ValueError, match="branch_2d must be one of"):
        DODN(2, branch_2d="pooled")


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
@pytest.mark.parametrize("blocks", [1, 3])
def test_halo_is_the_receptive_field_in_pixels(blocks, branch_2d):
    network = a_network(blocks=blocks, branch_2d=branch_2d).double()
    side = 2 * network.halo + 5
    z = torch.randn(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    centre = side // 2
    network(z, torch.zeros(1))[0, :, 2 * centre, 2 * centre].sum().backward()
    rows = torch.nonzero(z.grad.abs().sum(dim=(0, 1, 3))).flatten()
    assert int((rows - centre).abs().max()) == network.halo


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_samples_do_not_disturb_one_another(branch_2d):
    network = a_network(branch_2d=branch_2d)
    z, sigma = torch.randn(3, 3, 6, 7), torch.tensor([0.0, 0.3, 0.7])
    together = network(z, sigma)
    for i in range(3):
        torch.testing.assert_close(network(z[i : i + 1], sigma[i : i + 1])[0], together[i])


def test_what_is_told_of_the_blur_counts_and_is_interpolated():
    network = a_network()
    z = torch.randn(1, 3, 6, 6)
    sharp, soft = (network(z, torch.tensor([sigma])) for sigma in (0.0, 0.6))
    assert (sharp - soft).abs().max() > 1e-4
    torch.testing.assert_close(hats(torch.tensor([0.3])), torch.tensor([[0, 0.5, 0.5, 0, 0]]))
    beyond = hats(torch.tensor([SIGMAS[-1] + 1, -1.0]))
    torch.testing.assert_close(beyond, torch.tensor([[0.0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]))


def test_the_tap_of_a_folded_block_depends_on_its_2d_branch_alone():
    network = a_network()
    z, sigma = torch.randn(1, 3, 6, 6), torch.zeros(1)
    _, taps = network.forward_with_taps(z, sigma)
    assert [tuple(tap.shape) for tap in taps] == [(3, 1, 6, 6, 4)] * 2
    torch.nn.init.zeros_(network.blocks[0].branch_3d[2][1].weight)
    torch.testing.assert_close(network.forward_with_taps(z, sigma)[1][0], taps[0])


def test_the_tap_of_a_whole_block_has_the_shape_of_a_teachers():
    network = a_network(branch_2d="whole")
    _, taps = network.forward_with_taps(torch.randn(2, 3, 6, 6), torch.zeros(2))
    assert [tuple(tap.shape) for tap in taps] == [(1, 2, 6, 6, 6)] * 2


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_forward_and_forward_with_taps_agree(branch_2d):
    network = a_network(4, branch_2d=branch_2d)
    z, sigma = torch.randn(1, 3, 6, 6), torch.tensor([0.4])
    torch.testing.assert_close(network(z, sigma), network.forward_with_taps(z, sigma)[0])


def test_what_is_added_to_all_pixels_learns_from_the_sum_of_their_gradients():
    x = torch.randn(3, 2, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    for shape in ((2, 1, 1, 6), (1, 1, 1, 6), (6,)):
        shift = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        assert torch.equal(shifted(x, shift), x + shift)
        assert torch.autograd.gradcheck(shifted, (x, shift))


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_features_stay_in_the_precision_that_training_asks_for(branch_2d):
    network = DODN(2, 4, 4, 2, branch_2d, channels_2d=6)
    with torch.autocast("cpu", torch.bfloat16):
        gain, taps = network.forward_with_taps(torch.randn(1, 4, 6, 6), torch.zeros(1))
    assert {tap.dtype for tap in taps} == {torch.bfloat16}
    assert gain.dtype == torch.float32
