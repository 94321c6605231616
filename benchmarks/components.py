"""How many components does a network need? Print what it is worth with fewer, without training.

    python benchmarks/components.py CAVE --scale 4 --out OUT

The first pair of figures keeps what the model adds in the first k components, and leaves the others
as linear upsampling; the second pair is of a network that sees no more than k. These networks
are also written to OUT as models, so that other benchmarks can measure them:

    napari-dodn benchmark sensors --data FOLDER --model OUT/dodn-x4-k6.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from architecture import held_out, scores, upscaled
from torch import Tensor

from napari_dodn.degradation import reduce_by_blur
from napari_dodn.network.dodn import DODN, resized
from napari_dodn.network.model_file import find_model, load_network, save_network


def seeing(network: DODN, components: int) -> DODN:
    """Return a network that sees fewer components; it has the same weights otherwise."""
    fewer = DODN(**network.architecture | {"components": components})
    fewer.load_state_dict(resized(network.state_dict(), fewer.state_dict()))
    return fewer.eval().requires_grad_(False)


def adding(components: int, result: Tensor, linear: Tensor, basis: Tensor) -> Tensor:
    """Keep what a result (bands, y, x) adds to linear upsampling in the first components alone."""
    kept = basis[:, :components]
    return linear + torch.tensordot(kept @ kept.T, result - linear, 1)


def main() -> None:
    """Print the table and write the networks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cave", type=Path, help="CAVE's scenes as downloaded")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--model", help="name or file; the bundled one by default")
    parser.add_argument("--out", type=Path, help="where models that see fewer components go")
    parser.add_argument("--components", type=int, nargs="+", default=[1, 2, 3, 4, 6, 8])
    args = parser.parse_args()
    torch.set_num_threads(1)
    card = find_model(args.model, args.scale)
    network = load_network(card).eval().requires_grad_(False)
    counts = [k for k in args.components if k < network.components]
    networks = {k: seeing(network, k) for k in counts}
    found: dict[int, list[tuple[float, ...]]] = {}
    for truth in held_out(args.cave).values():
        lr = reduce_by_blur(truth[None], network.scale, 0)[0]
        linear = torch.nn.functional.interpolate(
            lr[None], scale_factor=network.scale, mode="bilinear"
        )[0]
        whole, basis = upscaled(network, lr, 0, "bilinear")
        for k in counts:
            alone, _ = upscaled(networks[k], lr, 0, "bilinear")
            kept = adding(k, whole, linear, basis)
            found.setdefault(k, []).append((*scores(truth, kept), *scores(truth, alone)))
        whole_scores = scores(truth, whole)
        found.setdefault(network.components, []).append((*whole_scores, *whole_scores))
    print("| k | adds in k components: PSNR (dB) | SAM (°) | sees k components: PSNR | SAM |")
    print("|--:|--:|--:|--:|--:|")
    for k, rows in sorted(found.items()):
        print(f"| {k} |", " | ".join(f"{v:.3f}" for v in np.mean(rows, axis=0)), "|")
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        for k, fewer in networks.items():
            save_network(
                fewer.half(),
                args.out / f"{card.name}-k{k}.safetensors",
                training={**card.training, "components": f"the first {k} of {network.components}"},
                scores={},
                licence=card.licence,
            )


if __name__ == "__main__":
    main()
