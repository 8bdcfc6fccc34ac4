"""How many images a cross-entropy of probabilities would leave out: `python benchmarks/cut_off.py --data FOLDER`.

On JAX Keras clips probabilities at 1e-7. An image whose right class is given less has the loss 16.1 and no
gradient. The course's runs from a GPU (cifar10_paper, _warm, _56) were trained so; now both backends use logits.
This counts such images in the first steps of the same trainings, with the exact loss, by TensorFlow.
"""

import argparse
import itertools
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from report import write_report

from resnet_edu import plans, recipes
from resnet_edu.backend import tensorflow_steps
from resnet_edu.recipe_training import RecipeTraining

CUT_OFF = -np.log(1e-7)
PAPER = recipes.find_recipe("paper")
CAREFUL = replace(PAPER, warm_up=replace(PAPER.warm_up, from_depth=56))
TRAININGS = [
    ("depth 20", PAPER, "plain_net", 20, 0),
    ("depth 20", PAPER, "resnet_v1", 20, 0),
    ("0.1 at once", PAPER, "plain_net", 56, 0),
    ("0.1 at once", PAPER, "resnet_v1", 56, 0),
    ("careful start", CAREFUL, "plain_net", 56, 0),
    *(("careful start", CAREFUL, "resnet_v1", 56, seed) for seed in range(3)),
]
STEPS_AT_ONCE = 10


def watch_losses(training, steps):
    """Train so many steps and return the loss of every image, an array `(steps, batch)`."""
    seen = []

    def remember(losses):
        seen.append(losses)
        return np.float32(0)

    def mean_cross_entropy(labels, logits):
        losses = keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        nothing = tf.numpy_function(remember, [losses], tf.float32)
        nothing.set_shape(())
        return keras.ops.mean(losses) + nothing

    exact = tensorflow_steps.mean_cross_entropy
    tensorflow_steps.mean_cross_entropy = mean_cross_entropy
    try:
        list(training.epochs(should_stop=lambda: len(seen) >= steps))
    finally:
        tensorflow_steps.mean_cross_entropy = exact
    return np.array(seen)[:steps]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="where CIFAR-10 is; by default it is looked for")
    parser.add_argument("--steps", type=int, default=450, help="of each training; an epoch has 390")
    arguments = parser.parse_args()
    splits, rows = plans.load_images("cifar10", arguments.data), []
    bounds = sorted({min(bound, arguments.steps) for bound in (0, 50, 390, arguments.steps)})
    for start, recipe, model, depth, seed in TRAININGS:
        plan = plans.Plan(model, depth, recipe, seed=seed, precision="mixed_bfloat16")
        training = RecipeTraining(plan, splits, steps_at_once=STEPS_AT_ONCE)
        losses = watch_losses(training, arguments.steps)
        counts = [int((losses[a:b] > CUT_OFF).sum()) for a, b in itertools.pairwise(bounds)]
        rows.append([f"{model} {depth}", start, seed, *counts, f"{losses.max():.0f}"])
        print(*rows[-1], flush=True)
    columns = [f"steps {a + 1} to {b}" for a, b in itertools.pairwise(bounds)]
    write_report(
        "cut_off",
        "Images that a cross-entropy of probabilities leaves out",
        ["network", "start", "seed", *columns, "largest loss"],
        rows,
        note="Images with a loss above 16.1, of 128 in each step, in the first steps of trainings by the paper's "
        "recipe in bfloat16, here with the exact loss. On JAX they had no gradient before it was exact there.",
    )


if __name__ == "__main__":
    main()
