"""Gradient norms of a model against those of a network that was never built: `python benchmarks/gradients.py`.

Both ways measure a freshly initialized network on a batch of 64 digits; the model has to be built first.
"""

import statistics
import time

from report import write_report

from resnet_edu import backend, data, gradients, models  # noqa: F401, the backend first: it is quiet

DEPTHS = (8, 20, 56, 110)
RUNS = 7


def seconds_of(action):
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def main():
    (x, y), _ = data.load_digits()
    x, y = ((x[:64] - x.mean()) / 255).astype("float32"), y[:64]
    gradients.gradient_norms(models.plain_net(x.shape[1:], 8), x, y)  # what happens once a session
    rows = []
    for depth in DEPTHS:
        times = {"build": [], "norms": [], "fresh": []}
        for seed in range(RUNS):
            build, model = seconds_of(lambda: models.resnet_v1(x.shape[1:], depth, seed=seed))  # noqa: B023
            norms, _ = seconds_of(lambda: gradients.gradient_norms(model, x, y))  # noqa: B023
            fresh, _ = seconds_of(
                lambda: gradients.fresh_gradient_norms(x, y, depth=depth, network="resnet_v1", seed=seed)  # noqa: B023
            )
            for name, value in [("build", build), ("norms", norms), ("fresh", fresh)]:
                times[name].append(value)
        build, norms, fresh = (statistics.median(times[name]) for name in ("build", "norms", "fresh"))
        rows.append([depth, f"{build:.2f}", f"{norms:.2f}", f"{fresh:.2f}", f"{(build + norms) / fresh:.1f}"])
    write_report(
        "gradients",
        "Gradient norms, with and without a model",
        ["depth", "build a model, s", "gradient_norms, s", "fresh_gradient_norms, s", "model / fresh"],
        rows,
        note=f"ResNet v1 with batch normalization, 64 digits of 8 × 8 pixels; medians of {RUNS} runs in turn.",
    )


if __name__ == "__main__":
    main()
