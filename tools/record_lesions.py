"""Measure the networks that a GPU trained on CIFAR-10: `python tools/record_lesions.py --data FOLDER`.

No training, only their weights under runs/. `cifar10_lesions` takes them apart: minutes for a network of depth 20,
half an hour for one of depth 56 on two CPU cores. `cifar10_surfaces` has the loss around them, as long again. What
`record_runs` trains on a CPU, it measures itself.
"""

import argparse
import functools
import sys

from record_runs import measure_lesions, measure_surfaces

from resnet_edu import data, plans, runs, trained

COMMAND = "python tools/record_lesions.py"
EXPERIMENTS = {
    "cifar10_lesions": (
        "networks that a GPU trained by the paper's recipe, taken apart on a CPU, on 2,000 test images",
        measure_lesions,
    ),
    "cifar10_surfaces": (
        "the loss around networks that a GPU trained by the paper's recipe, on 360 of the training images",
        functools.partial(measure_surfaces, points=17),
    ),
}
NETWORKS = [
    ("cifar10_paper", "plain_net", 20),
    ("cifar10_paper_warm", "resnet_v1", 56),
    ("cifar10_paper_warm", "plain_net", 56),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="where CIFAR-10 is; by default it is looked for")
    try:
        splits = plans.load_images("cifar10", parser.parse_args().data)
        for name in EXPERIMENTS:
            record(name, splits)
    except (data.DataError, runs.OtherVersionsError, trained.WeightsError) as error:
        sys.exit(f"error: {error}")


def record(name, splits):
    """Measure the networks that the file of this experiment does not hold yet, and add them there."""
    what, measure = EXPERIMENTS[name]
    run = runs.continue_run(name, what, command=COMMAND)
    for source, model, depth in NETWORKS:
        network = trained.load_trained(source, model=model, depth=depth)
        named = {"source": source, "model": model, "depth": depth, "seed": network.row["seed"]}
        if not runs.select_rows(run, **named):
            runs.add_row(run, named | {"epochs": len(network.row["accuracy"])} | measure(network, splits))
            runs.save_run(name, run)
            print(name, source, model, depth, flush=True)


if __name__ == "__main__":
    main()
