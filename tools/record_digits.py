"""Record the digits experiments that lessons quote: `python tools/record_digits.py digits_causal --processes 2`.

Each experiment is a list of settings, trained one by one, several processes side by side. A row is written as
soon as it is there, so an interrupted recording goes on where it was.
"""

import argparse
import itertools
import os
import time

EPOCHS = 8
TINY = "normal, σ = 0.01"


def _settings(**factors):
    return [dict(zip(factors, values, strict=True)) for values in itertools.product(*factors.values())]


def _without_norm(**factors):
    """Plain-56 without batch normalization and L2 term, at three learning rates."""
    return _settings(
        network=["plain"],
        batch_norm=[False],
        **factors,
        learning_rate=[1e-3, 3e-4, 1e-4],
        depth=[56],
        seed=range(3),
        l2=[0.0],
        epochs=[EPOCHS],
    )


EXPERIMENTS = {
    "digits_degradation": (
        "the live experiment of lesson 2, with five seeds",
        [
            {"network": network, "depth": depth, "seed": seed, "epochs": EPOCHS}
            for network, depth in [("plain", 20), ("plain", 56), ("residual", 56)]
            for seed in range(5)
        ],
    ),
    "digits_patience": (
        "plain-56 for five times as many epochs, and with a smaller learning rate",
        _settings(network=["plain"], depth=[56], learning_rate=[1e-3, 1e-4], seed=range(3), epochs=[5 * EPOCHS]),
    ),
    "digits_causal": (
        "shortcuts, batch normalization and initialization, each switched by itself",
        _settings(
            network=["plain", "residual"],
            batch_norm=[True, False],
            initializer=["he_normal", TINY],
            depth=[8, 20, 32, 44, 56],
            seed=range(3),
            epochs=[EPOCHS],
        ),
    ),
    "digits_no_l2": (
        "the half of digits_causal without batch normalization again, without the L2 term in the loss",
        _settings(
            network=["plain", "residual"],
            batch_norm=[False],
            initializer=["he_normal", TINY],
            depth=[8, 20, 32, 44, 56],
            seed=range(3),
            l2=[0.0],
            epochs=[EPOCHS],
        ),
    ),
    "digits_level": (
        "plain-56 without batch normalization and L2 term, from weights of four sizes, at three learning rates",
        _without_norm(scale=[2.0, 2.4, 2.8, 3.2]),
    ),
    "digits_epsilon": (
        "plain-56 of digits_level again, with Adam's epsilon below its vanished gradients, or above its healthy "
        "ones",
        _without_norm(scale=[2.0], epsilon=[1e-12]) + _without_norm(scale=[3.2], epsilon=[0.1]),
    ),
    "digits_orders": (
        "ResNet v1 with the operations of its blocks in other orders",
        _settings(
            network=[
                "residual",
                "BN after addition",
                "ReLU before addition",
                "ReLU-only pre-activation",
                "full pre-activation",
            ],
            depth=[56, 110],
            seed=range(3),
            epochs=[EPOCHS],
        ),
    ),
}


def train(setting):
    """Train the network of one setting on the digits and return its row."""
    import keras  # noqa: PLC0415, only where a process trains

    from resnet_edu import data, models, training  # noqa: PLC0415

    options = dict(setting)
    network, depth, epochs = (options.pop(key) for key in ("network", "depth", "epochs"))
    optimizer = {key: options.pop(key) for key in ("learning_rate", "epsilon") if key in options}
    if options.get("initializer") == TINY:
        options["initializer"] = keras.initializers.RandomNormal(stddev=0.01)
    if "scale" in options:  # 2 is he_normal
        scale = options.pop("scale")
        options["initializer"] = keras.initializers.VarianceScaling(scale, "fan_in", "truncated_normal")
    (x, y), _ = data.load_digits()
    x = ((x - x.mean()) / 255).astype("float32")
    build = {"plain": models.plain_net, "residual": models.resnet_v1}.get(network)
    if build:
        model = build(x.shape[1:], depth, **options)
    else:
        model = models.resnet_reordered(x.shape[1:], depth, network, **options)
    start = time.monotonic()
    record = training.record_training(
        model,
        x,
        y,
        epochs=epochs,
        measure_at=(0, 1, 2, 4, epochs),
        seed=setting["seed"],
        **optimizer,
    )
    keras.utils.clear_session()
    return setting | record | {"seconds": time.monotonic() - start}


def record(name, processes):
    """Train what the file of this experiment does not hold yet, and add it there."""
    import record_runs  # noqa: PLC0415

    from resnet_edu import runs  # noqa: PLC0415

    what, settings = EXPERIMENTS[name]
    try:
        run = runs.continue_run(name, what, command=f"python tools/record_digits.py {name}")
    except runs.OtherVersionsError as error:
        raise SystemExit(str(error)) from error
    missing = [setting for setting in settings if not runs.select_rows(run, **setting)]
    for _, work in record_runs.start_all(train, missing, processes):
        row = work()
        runs.add_row(run, row)
        run["rows"].sort(key=lambda row: settings.index({key: row[key] for key in settings[0]}))
        runs.save_run(name, run)
        shown = {key: row[key] for key in settings[0]}
        print(f"{len(run['rows'])} of {len(settings)}", shown, f"accuracy {row['accuracy'][-1]:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        choices=[[], *EXPERIMENTS],
        metavar="NAME",
        help=f"{', '.join(EXPERIMENTS)}; all by default",
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    # One thread each: such small networks do not gain from more, and several processes do.
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    for name in arguments.names or EXPERIMENTS:
        record(name, arguments.processes)


if __name__ == "__main__":
    main()
