"""Record the CIFAR-10 trainings that lessons show: `python tools/record_runs.py cifar10_quick --data FOLDER`.

Each experiment is a list of plans, trained one after the other. Each keeps a checkpoint under trainings/, so an
interrupted recording goes on where it was.
"""

import argparse
from pathlib import Path

from resnet_edu import plans, recipes, runs
from resnet_edu.recipe_training import RecipeTraining

QUICK = recipes.find_recipe("quick")
EXPERIMENTS = {
    "cifar10_quick": (
        "three epochs of depth 20 on CIFAR-10, as long as the owner of a laptop may wait; the seconds were taken "
        "while the machine did other things, too: benchmarks/training.md has the speed",
        [
            *(plans.Plan("resnet_v1", 20, QUICK, seed=seed) for seed in range(3)),
            plans.Plan("plain_net", 20, QUICK),
            plans.Plan("resnet_v1", 20, recipes.shorten_recipe(recipes.find_recipe("article"), 3)),
        ],
    ),
}


def record(name, path):
    """Train what the file of this experiment does not hold yet, and add it there."""
    what, wanted = EXPERIMENTS[name]
    try:
        run = runs.continue_run(name, what, command=f"python tools/record_runs.py {name}")
    except runs.OtherVersionsError as error:
        raise SystemExit(str(error)) from error
    recorded = [plans.Plan.from_dict(row) for row in run["rows"]]
    splits = plans.load_images("cifar10", path)
    for plan in [plan for plan in wanted if plan not in recorded]:
        training = RecipeTraining(plan, splits, folder=Path("trainings") / plan.title, resume=True)
        for figures in training.epochs():
            print(plan.title, {key: round(value, 4) for key, value in figures.items()}, flush=True)
        run["rows"] += training.finish()["rows"]
        run["rows"].sort(key=lambda row: wanted.index(plans.Plan.from_dict(row)))
        runs.save_run(name, run)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=EXPERIMENTS, metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--data", help="where CIFAR-10 is; by default it is looked for")
    arguments = parser.parse_args()
    for name in arguments.names:
        record(name, arguments.data)


if __name__ == "__main__":
    main()
