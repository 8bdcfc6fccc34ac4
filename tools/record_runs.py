"""Record the trainings that lessons show: `python tools/record_runs.py cifar10_quick --data FOLDER`.

Each experiment is a list of plans, trained one after the other. Each keeps a checkpoint under trainings/, so an
interrupted recording goes on where it was.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resnet_edu import lesions, plans, recipes, runs, surfaces, trained
from resnet_edu.recipe_training import RecipeTraining

QUICK = recipes.find_recipe("quick")
# Small images shift by less, and a mirrored digit is another sign. Few images: many epochs.
DIGITS = replace(
    recipes.shorten_recipe(recipes.find_recipe("paper"), 120),
    batch_size=64,
    learning_rate=0.05,
    shift=1,
    flip=False,
)
LESION_IMAGES = 2000  # of the test images, at most
SURFACE_IMAGES = 360  # of the training images


@dataclass(frozen=True)
class Experiment:
    """What is trained, whose weights are kept, which networks are taken apart and which have their loss mapped."""

    what: str
    plans: list
    keeps: Callable = lambda plan: False
    lesions: bool = False
    surface: Callable = lambda plan: False


EXPERIMENTS = {
    "cifar10_quick": Experiment(
        "three epochs of depth 20 on CIFAR-10, as long as the owner of a laptop may wait; the seconds were taken "
        "while the machine did other things, too: benchmarks/training.md has the speed",
        [
            *(plans.Plan("resnet_v1", 20, QUICK, seed=seed) for seed in range(3)),
            plans.Plan("plain_net", 20, QUICK),
            plans.Plan("resnet_v1", 20, recipes.shorten_recipe(recipes.find_recipe("article"), 3)),
        ],
    ),
    "digits_trained": Experiment(
        "networks trained on the digits until they are good, and what becomes of them without some of their "
        "blocks; the weights of seed 0 come with the course",
        [
            plans.Plan(model, depth, DIGITS, seed=seed, images="digits")
            for seed in range(3)
            for model, depth in [("plain_net", 20), ("resnet_v1", 20), ("resnet_v1", 56), ("plain_net", 56)]
        ],
        keeps=lambda plan: plan.seed == 0 and (plan.model, plan.depth) != ("plain_net", 56),
        lesions=True,
        surface=lambda plan: plan.depth == 56,
    ),
    "cifar10_lesions": Experiment(
        "ten epochs of depth 20 on CIFAR-10, on a CPU, and what becomes of the networks without some of their "
        "blocks; the seconds were taken while the machine did other things, too",
        [plans.Plan(model, 20, recipes.shorten_recipe(QUICK, 10)) for model in ("plain_net", "resnet_v1")],
        lesions=True,
    ),
}


def record(name, path):
    """Train what the file of this experiment does not hold yet, and add it there."""
    experiment = EXPERIMENTS[name]
    try:
        run = runs.continue_run(name, experiment.what, command=f"python tools/record_runs.py {name}")
    except runs.OtherVersionsError as error:
        raise SystemExit(str(error)) from error
    recorded = [plans.Plan.from_dict(row) for row in run["rows"]]
    splits = {}
    for plan in [plan for plan in experiment.plans if plan not in recorded]:
        if plan.images not in splits:
            splits[plan.images] = plans.load_images(plan.images, path)
        run["rows"].append(train(plan, splits[plan.images], experiment))
        run["rows"].sort(key=lambda row: experiment.plans.index(plans.Plan.from_dict(row)))
        runs.save_run(name, run)


def train(plan, splits, experiment):
    """Train one plan, or go on with it, and return its row."""
    training = RecipeTraining(plan, splits, folder=Path("trainings") / plan.title, resume=True)
    for figures in training.epochs():
        print(plan.title, {key: round(value, 4) for key, value in figures.items()}, flush=True)
    row = training.finish()["rows"][0]
    network = trained.Trained(training.model, row)
    if experiment.lesions:
        row |= measure_lesions(network, splits)
    if experiment.surface(plan):
        row |= {"surface": measure_surfaces(network, splits)}
    if experiment.keeps(plan):
        path = runs.folder() / f"{plan.title}.weights.h5"
        training.model.save_weights(path)
        row |= {"weights": path.name, "sha256": trained.hash_file(path)}
    return row


def measure_lesions(network, splits):
    """Return the accuracies on test images without one block, without several, and with several swapped."""
    x, y = (array[:LESION_IMAGES] for array in network.scale_images(splits)[1])
    parts = lesions.dissect(network.model)
    counts = range(1, len(lesions.find_removable(parts)) + 1)
    return {
        "without": lesions.measure_deletions(parts, x, y),
        "without_some": lesions.measure_random_deletions(parts, x, y, counts=counts),
        "swapped": lesions.measure_random_swaps(parts, x, y, counts=counts),
    }


def measure_surfaces(network, splits):
    """Return the loss around the weights on training images, with either kind of statistics, and the positions."""
    x, y = (array[:SURFACE_IMAGES] for array in network.scale_images(splits)[0])
    positions = np.linspace(-1, 1, 25).tolist()
    return {"positions": positions} | {
        name: surfaces.measure_surface(network.model, x, y, positions=positions, batch_statistics=own).tolist()
        for name, own in [("moving statistics", False), ("batch statistics", True)]
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=EXPERIMENTS, metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--data", help="where CIFAR-10 is; by default it is looked for")
    arguments = parser.parse_args()
    for name in arguments.names:
        record(name, arguments.data)


if __name__ == "__main__":
    main()
