"""Checks a capstone's network against its budget: `python -m instructor.capstone network.py`.

The file defines `build(input_shape, num_classes)`. It is executed without the sandbox of `make grade`: students
run this themselves and hand in what it prints. Run it for them in a container only.
"""

import runpy
import sys
from pathlib import Path

import numpy as np

from resnet_edu import backend, costs, gradients

DEPTH, PARAMETERS, MULTIPLY_ADDS = 50, 500_000, 80_000_000
IMAGES = (32, 32, 3)


def count_layers(model):
    """Return the most convolutions and dense layers on one path, the papers' depth: projections lie beside it."""
    depths = {}
    for operation in model.operations:
        parents = [parent.operation for node in operation._inbound_nodes for parent in node.parent_nodes]
        counted = isinstance(operation, costs.COUNTED)
        depths[operation.name] = max((depths.get(parent.name, 0) for parent in parents), default=0) + counted
    return max(depths.values())


def judge_network(model):
    """Return rows of what is asked, what the network has, and whether that is in order."""
    total = costs.total_costs(costs.layer_costs(model))
    x = np.random.default_rng(0).normal(size=(8, *IMAGES)).astype("float32")
    output = backend.ops.convert_to_numpy(model(x))
    norms = np.array(list(gradients.gradient_norms(model, x, np.arange(8)).values()))
    depth = count_layers(model)
    return [
        (f"{DEPTH} layers", f"{depth}", depth == DEPTH),
        (f"at most {PARAMETERS:,} parameters", f"{total.parameters:,}", total.parameters <= PARAMETERS),
        (
            f"at most {MULTIPLY_ADDS / 1e6:.0f} million multiply-adds",
            f"{total.multiply_adds / 1e6:.1f}",
            total.multiply_adds <= MULTIPLY_ADDS,
        ),
        (
            "10 probabilities an image",
            f"{output.shape}",
            output.shape == (8, 10) and np.allclose(output.sum(axis=1), 1, atol=1e-4),
        ),
        (
            "a gradient for every kernel",
            f"norms {norms.min():.1e} to {norms.max():.1e}",
            bool(np.isfinite(norms).all() and (norms > 0).all()),
        ),
    ]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python -m instructor.capstone network.py")
    if not Path(sys.argv[1]).is_file():
        sys.exit(f"there is no file {sys.argv[1]}")
    build = runpy.run_path(sys.argv[1]).get("build")
    if build is None:
        sys.exit(f"{sys.argv[1]} defines no function build(input_shape, num_classes)")
    rows = judge_network(build(IMAGES, 10))
    for asked, found, in_order in rows:
        print(f"{'✓' if in_order else '✗'} {asked}: {found}")
    sys.exit(not all(in_order for _, _, in_order in rows))


if __name__ == "__main__":
    main()
