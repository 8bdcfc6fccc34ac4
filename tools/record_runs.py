"""Record the trainings that lessons show: `python tools/record_runs.py cifar10_quick --data FOLDER`.

Each experiment is a list of plans. Those of all experiments named are trained one after the other, or with
`--at-once N` several at a time on the one device: a small network leaves most of a large GPU idle. Each keeps a
checkpoint under trainings/, so an interrupted recording goes on where it was, and each is added to its file under
runs/ as soon as it is done. `--minutes` ends a recording in time, where a machine is lent for so long.
"""

import argparse
import functools
import math
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path

import numpy as np

from resnet_edu import backend, data, lesions, plans, recipes, runs, surfaces, trained
from resnet_edu.checkpoints import TrainingError
from resnet_edu.recipe_training import RecipeTraining

QUICK, PAPER, ARTICLE = map(recipes.find_recipe, ("quick", "paper", "article"))
# Small images shift by less, and a mirrored digit is another sign. Few images: many epochs.
DIGITS = replace(
    recipes.shorten_recipe(PAPER, 120),
    batch_size=64,
    learning_rate=0.05,
    shift=1,
    flip=False,
)
TEN_EPOCHS = recipes.shorten_recipe(QUICK, 10)
# A small rate until half of the images are right, a fifth of them (as in the paper), or for one epoch.
CAREFUL, AS_THE_PAPER, ONE_EPOCH = (
    recipes.WarmUp(rate=0.001, error=error, from_depth=56) for error in (0.5, 0.8, 1.0)
)
# The paper's own start for 110 layers, its rate included.
AS_FOR_110 = replace(PAPER.warm_up, from_depth=56)
AS_THE_PAPERS_110 = replace(PAPER, warm_up=AS_FOR_110)
STEPS_AT_ONCE = 100  # on a CPU: nobody waits for a stop here, and each call costs a few milliseconds
WHOLE_EPOCHS = sys.maxsize  # on a GPU
LESION_IMAGES = 2000  # of the test images, at most
SURFACE_IMAGES = 360  # of the training images


def _all(plan):
    return True


def _none(plan):
    return False


@dataclass(frozen=True)
class Experiment:
    """What is trained, whose weights are kept, which networks are taken apart and which have their loss mapped.

    What `grows` may be handed in with some of its trainings, in order; others only whole.
    """

    what: str
    plans: list
    keeps: Callable = _none
    lesions: Callable = _none
    surface: Callable = _none
    grows: bool = False


EXPERIMENTS = {
    "cifar10_quick": Experiment(
        "three epochs of depth 20 on CIFAR-10, as long as the owner of a laptop may wait; the seconds were taken "
        "while the machine did other things, too: benchmarks/training.md has the speed",
        [
            *(plans.Plan("resnet_v1", 20, QUICK, seed=seed) for seed in range(3)),
            plans.Plan("plain_net", 20, QUICK),
            plans.Plan("resnet_v1", 20, recipes.shorten_recipe(ARTICLE, 3)),
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
        lesions=_all,
        surface=lambda plan: plan.depth == 56,
    ),
    "digits_rates": Experiment(
        "three networks on the digits, trained with smaller learning rates than in digits_trained, and plain-56 "
        "with a small one for a while and the usual one from then on",
        [
            *(
                plans.Plan(model, depth, replace(DIGITS, learning_rate=rate), seed=seed, images="digits")
                for model, depth in [("plain_net", 20), ("plain_net", 56), ("resnet_v1", 56)]
                for rate in (0.01, 0.003, 0.001, 0.0003)
                for seed in range(3)
            ),
            *(
                plans.Plan("plain_net", 56, replace(DIGITS, warm_up=start), seed=seed, images="digits")
                for start in (CAREFUL, AS_THE_PAPER, ONE_EPOCH)
                for seed in range(3)
            ),
        ],
    ),
    "cifar10_short": Experiment(
        "ten epochs on CIFAR-10, on a CPU, and what becomes of the networks without some of their blocks; the "
        "seconds were taken while the machine did other things, too",
        [
            *(
                plans.Plan(model, depth, TEN_EPOCHS)
                for model, depth in [
                    ("plain_net", 20),
                    ("resnet_v1", 20),
                    ("plain_net", 56),
                    ("resnet_v1", 56),
                    ("resnet_v2", 29),
                    ("resnet_v2", 56),
                ]
            ),
            # Degradation should not hang on one seed.
            *(plans.Plan("plain_net", depth, TEN_EPOCHS, seed=1) for depth in (20, 56)),
        ],
        lesions=lambda plan: plan.seed == 0,
    ),
    "cifar10_rates": Experiment(
        "ten epochs on CIFAR-10, on a CPU, with smaller learning rates than in cifar10_short; the seconds were "
        "taken while the machine did other things, too",
        [
            *(
                plans.Plan(model, depth, replace(TEN_EPOCHS, learning_rate=rate))
                for rate in (0.01, 0.001)
                for model, depth in [("plain_net", 56), ("plain_net", 20)]
            ),
            plans.Plan("resnet_v1", 56, replace(TEN_EPOCHS, learning_rate=0.01)),
            plans.Plan("plain_net", 56, replace(TEN_EPOCHS, warm_up=ONE_EPOCH)),
            plans.Plan("resnet_v1", 56, replace(TEN_EPOCHS, warm_up=AS_FOR_110)),
        ],
    ),
    "cifar10_full": Experiment(
        "the paper's recipe at its full length on a CPU, in bfloat16: all 50,000 training images, and one test; "
        "the seconds were taken while the machine did other things, too",
        [plans.Plan("resnet_v1", 20, PAPER, precision="mixed_bfloat16")],
        keeps=_all,
        lesions=_all,
    ),
    "cifar10_full_article": Experiment(
        "the article's recipe at its full length on a CPU, in bfloat16, which chooses the epoch on the test set; "
        "the seconds were taken while the machine did other things, too",
        [plans.Plan("resnet_v1", 20, ARTICLE, split="leaky", precision="mixed_bfloat16")],
    ),
    # The paper's table. For a GPU: on two CPU cores, days. Networks can be taken apart, and their loss be mapped,
    # without one, with the weights. ResNet-20 in bfloat16 has its weights from cifar10_full.
    "cifar10_paper": Experiment(
        "the paper's networks of depth 20 on CIFAR-10 by the paper's recipe, in bfloat16: all 50,000 training "
        "images, and one test; several trainings shared the GPU, whose speed is in benchmarks/training_gpu.md",
        [
            plans.Plan(model, 20, PAPER, seed=seed, precision="mixed_bfloat16")
            for seed in range(3)
            for model in ("plain_net", "resnet_v1")
        ],
        keeps=lambda plan: plan.seed == 0 and plan.model == "plain_net",
        grows=True,
    ),
    # At the usual rate ResNet-56 learns nothing in its first epochs, see cifar10_paper_56.
    "cifar10_paper_warm": Experiment(
        "the networks of depth 56 on CIFAR-10 by the paper's recipe, in bfloat16, with the start that the paper "
        "has for 110 layers; several trainings shared the GPU, whose speed is in benchmarks/training_gpu.md",
        [
            plans.Plan(model, 56, AS_THE_PAPERS_110, seed=seed, precision="mixed_bfloat16")
            for seed in range(3)
            for model in ("resnet_v1", "plain_net")
        ],
        keeps=lambda plan: plan.seed == 0,
        grows=True,
    ),
    # What a GPU had done of others when its time was up.
    "cifar10_paper_56": Experiment(
        "networks of depth 56 by the paper's recipe, in bfloat16, ended where the GPU's time was up, and tested "
        "then: two with the recipe's start for this depth, the others with that of cifar10_paper_warm",
        [
            plans.Plan(model, 56, replace(recipe, length=390 * epochs), seed=seed, precision="mixed_bfloat16")
            for recipe, model, seed, epochs in [
                (PAPER, "plain_net", 0, 127),
                (PAPER, "resnet_v1", 0, 126),
                (AS_THE_PAPERS_110, "plain_net", 1, 73),
                (AS_THE_PAPERS_110, "resnet_v1", 1, 77),
                (AS_THE_PAPERS_110, "resnet_v1", 2, 72),
            ]
        ],
        keeps=lambda plan: plan.recipe.length == 390 * 126,
    ),
    "cifar10_paper_depths": Experiment(
        "more depths, and ResNet v2, on CIFAR-10 by the paper's recipe: all 50,000 training images, and one test",
        [
            *(plans.Plan(model, depth, PAPER) for depth in (32, 44) for model in ("plain_net", "resnet_v1")),
            plans.Plan("resnet_v1", 110, PAPER),
            *(plans.Plan("resnet_v2", depth, PAPER) for depth in (110, 164)),
        ],
        grows=True,
    ),
    "cifar10_article": Experiment(
        "the article's networks on CIFAR-10 by the article's recipe, which chooses the epoch on the test set",
        [
            *(plans.Plan("resnet_v1", 20, ARTICLE, seed=seed, split="leaky") for seed in range(3)),
            *(plans.Plan("resnet_v2", depth, ARTICLE, split="leaky") for depth in (29, 56)),
        ],
        grows=True,
    ),
}


load_images = functools.cache(plans.load_images)


def record(names, path, at_once, until=math.inf):
    """Train what the files of these experiments do not hold yet, and add it there; return whether all are whole.

    A training that is not done at the moment `until`, by `time.time()`, is left after its last finished epoch.
    """
    found, missing = {}, []
    for name in dict.fromkeys(names):  # named twice, it is trained once
        experiment = EXPERIMENTS[name]
        command = f"python tools/record_runs.py {name}"
        try:
            found[name] = runs.continue_run(name, experiment.what, command=command)
        except runs.OtherVersionsError as error:
            raise SystemExit(str(error)) from error
        recorded = [plans.Plan.from_dict(row) for row in found[name]["rows"]]
        for plan in recorded:
            if plan not in experiment.plans:
                raise SystemExit(f"{name}.json has a training that is not planned: {plan.title}; take it out")
        missing += [(name, index) for index, plan in enumerate(experiment.plans) if plan not in recorded]
    for (name, index), work in start_all(functools.partial(train, path, until), missing, at_once, until):
        planned = EXPERIMENTS[name].plans
        title = planned[index].title
        try:
            row = work()
        except TrainingError as error:  # the others go on
            print(f"{title}: {error}", file=sys.stderr)
            continue
        except (data.DataError, BrokenProcessPool):  # no other training would fare better
            raise
        except Exception:
            print(f"{title}: {traceback.format_exc()}", file=sys.stderr)
            continue
        if row is None:
            print(f"{title}: the time is up; the same command goes on", file=sys.stderr)
            continue
        run = found[name]
        runs.add_row(run, row)
        run["rows"].sort(key=lambda row, planned=planned: planned.index(plans.Plan.from_dict(row)))
        runs.save_run(name, run)
    return all(len(found[name]["rows"]) == len(EXPERIMENTS[name].plans) for name in names)


def start_all(work, tasks, at_once, until=math.inf):
    """Yield each task with a function that returns what `work(task)` does, as they end; so many `at_once`.

    After the moment `until`, by `time.time()`, none is begun.
    """
    waiting = takewhile(lambda _: time.time() < until, tasks)
    if at_once == 1:
        yield from ((task, functools.partial(work, task)) for task in waiting)
        return
    # A process each, that ends with its training: none takes over another one's memory.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, mp_context=spawn, max_tasks_per_child=1) as pool:
        # Never more than run at once: what waits in the pool would still begin after an error or Ctrl-C.
        running = {}
        while True:
            free = at_once - len(running)
            running |= {pool.submit(work, task): task for task in islice(waiting, free)}
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result


def train(path, until, task):
    """Train one plan, or go on with it, and return its row; None where the time is up before.

    `task` is the name of its experiment and its place among the plans there.
    """
    name, index = task
    experiment = EXPERIMENTS[name]
    plan = experiment.plans[index]
    splits = load_images(plan.images, path)
    folder = Path("trainings") / name / f"{index:02}-{plan.title}"  # recipes of one name can have other rates
    at_once = WHOLE_EPOCHS if backend.on_accelerator() else STEPS_AT_ONCE
    training = RecipeTraining(plan, splits, folder=folder, resume=True, steps_at_once=at_once, measure_norms=True)
    if training.changes:
        print(folder.name, "is no longer trained as before:", ", ".join(training.changes), flush=True)
    for figures in training.epochs(should_stop=lambda: time.time() >= until):
        print(folder.name, {key: round(value, 4) for key, value in figures.items()}, flush=True)
    if len(training.history) < training.total_epochs:
        return None
    row = training.finish()["rows"][0]
    network = trained.Trained(training.model, row)
    if experiment.lesions(plan):
        row |= measure_lesions(network, splits)
    if experiment.surface(plan):
        row |= measure_surfaces(network, splits)
    if experiment.keeps(plan):
        # Not the title: recipes of one name can have other rates.
        path = runs.folder() / f"{name}-{plan.model}-{plan.depth}-seed{plan.seed}.weights.h5"
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


def measure_surfaces(network, splits, *, points=25):
    """Return `surface`: the loss around the weights on training images, with either kind of statistics.

    `points` is the odd number of positions on an axis, from -1 to 1, which it holds, too.
    """
    x, y = (array[:SURFACE_IMAGES] for array in network.scale_images(splits)[0])
    positions = np.linspace(-1, 1, points).tolist()
    losses = {
        name: surfaces.measure_surface(network.model, x, y, positions=positions, batch_statistics=own).tolist()
        for name, own in [("moving statistics", False), ("batch statistics", True)]
    }
    return {"surface": {"positions": positions} | losses}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=EXPERIMENTS, metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--data", help="where CIFAR-10 is; by default it is looked for")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="how many trainings share the device")
    parser.add_argument("--minutes", type=float, default=math.inf, metavar="M", help="end after so many minutes")
    arguments = parser.parse_args()
    if arguments.at_once < 1 or not arguments.minutes > 0:
        parser.error("--at-once must be at least 1, --minutes more than 0")
    until = time.time() + 60 * arguments.minutes
    if arguments.at_once > 1:
        backend.share_device()
        # In the processes to come JAX compiles a network once, not again for each seed and each interruption.
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path("trainings", "jax_cache").absolute()))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    try:
        whole = record(arguments.names, arguments.data, arguments.at_once, until)
    except data.DataError as error:
        sys.exit(f"error: {error}")
    except BrokenProcessPool:
        sys.exit(
            "A training was killed, perhaps for want of memory. The same command with a smaller --at-once goes on."
        )
    except KeyboardInterrupt:
        print("Stopped. The same command goes on after the last finished epochs.", file=sys.stderr)
        sys.exit(130)
    sys.exit(not whole)


if __name__ == "__main__":
    main()
