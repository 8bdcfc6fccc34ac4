"""Check of lesson 0."""

from resnet_edu.checks.answers import run
from resnet_edu.checks.comparing import Call, compare


def check_depth(answer, *, cases=(1, 3, 9, 18)):
    """Check `depth(n)`: the number of layers of a network with n two-layer blocks in each of three stages."""
    mistakes = [
        (lambda n: 6 * n, "only the layers inside the blocks were counted.", "Add the first and the last layer."),
        (lambda n: 6 * n + 1, "one layer is missing.", "Both the first convolution and the classifier count."),
        (lambda n: 3 * n + 2, "a block was counted as one layer.", "Each block has two convolutions."),
        (lambda n: 2 * n + 2, "one stage was counted.", "There are three stages of n blocks."),
    ]

    def verify():
        compare(
            answer,
            "depth",
            [Call(each) for each in cases],
            right=lambda n: 6 * n + 2,
            mistakes=mistakes,
            hint="3 stages × n blocks × 2 layers, and 2 layers more.",
        )
        return "Right: 3 × n × 2 + 2 = 6n + 2, so n = 3 gives 20 layers and n = 9 gives 56."

    return run(answer, verify)
