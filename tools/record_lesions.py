"""Take the networks apart that a GPU trained on CIFAR-10: `python tools/record_lesions.py --data FOLDER`.

No training, only their weights under runs/: minutes for a network of depth 20, half an hour for one of depth 56 on
two CPU cores. What `record_runs` trains on a CPU, it takes apart itself.
"""

import argparse
import sys

from record_runs import measure_lesions

from resnet_edu import data, plans, runs, trained

NAME = "cifar10_lesions"
WHAT = "networks that a GPU trained by the paper's recipe, taken apart on a CPU, on 2,000 test images"
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
    except data.DataError as error:
        sys.exit(f"error: {error}")
    try:
        run = runs.continue_run(NAME, WHAT, command="python tools/record_lesions.py")
    except runs.OtherVersionsError as error:
        sys.exit(str(error))
    for source, model, depth in NETWORKS:
        network = trained.load_trained(source, model=model, depth=depth)
        named = {"source": source, "model": model, "depth": depth, "seed": network.row["seed"]}
        if not runs.select_rows(run, **named):
            runs.add_row(run, named | {"epochs": len(network.row["accuracy"])} | measure_lesions(network, splits))
            runs.save_run(NAME, run)
            print(source, model, depth, flush=True)


if __name__ == "__main__":
    main()
