"""Images per second: the course's training, the article's pipeline as published, and PyTorch, in one run.

Each contestant is a process of its own that trains a ResNet on 32×32×3 images when it is told to. They take
turns, so that whatever else the machine does hits all alike. PyTorch is not among the course's packages: without
it, its row is left out. On a machine with a GPU all contestants use it, and others compete: what makes JAX fast
there, step by step.

    python benchmarks/training.py [--rounds 5] [--seconds 4] [--depths 20 56 110]

The report of depth 20 is training.md, on a GPU training_gpu.md; those of other depths have it in their name:
training_gpu_56.md.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import statistics
import subprocess
import sys
import time

import numpy as np

IMAGES = 50_000  # an epoch of CIFAR-10, with what comes once an epoch
# What a contestant is: who makes it, the backend, and what it does other than the course.
CONTESTANTS = {
    "article, as published": "published tensorflow",
    "ours, recipe article": "article tensorflow",
    "ours, recipe paper": "paper tensorflow",
    "ours, recipe paper, bfloat16": "paper tensorflow bfloat16",
    "ours, recipe paper, on JAX": "paper jax",
    "ours, recipe paper, bfloat16, on JAX": "paper jax bfloat16",
    "PyTorch, the paper's network and recipe": "torch torch",
}
ON_A_GPU = {
    "PyTorch, the paper's network and recipe": "torch torch",
    "PyTorch, the same, bfloat16": "torch torch bfloat16",
    "JAX, each step a call, Keras' batch normalization": "paper jax step keras_normalization",
    "JAX, an epoch as one program, Keras' batch normalization": "paper jax keras_normalization",
    "ours: JAX, an epoch as one program": "paper jax",
    "the same, convolutions in CUDA graphs": "paper jax graphs",
    "ours, bfloat16": "paper jax bfloat16",
}
SHORT = ("PyTorch, the paper's network and recipe", "PyTorch, the same, bfloat16", "ours, bfloat16")
# XLA leaves convolutions out of CUDA graphs. On an H200 cuDNN failed with them (status 5003) where the choice of
# its algorithms came from the cache of another process.
GRAPHS = "--xla_gpu_enable_command_buffer=+CONVOLUTION"
# Seconds an epoch: 15 passes over the output of each convolution, in bfloat16, at an H100's 3 TB/s.
LIMITS = {20: 0.094, 56: 0.266, 110: 0.524}


def make_images():
    """Noise will do: the time does not depend on what the images show."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8), rng.integers(0, 10, IMAGES, np.uint8)
    y[:10] = np.arange(10)
    return (x, y), (x[:100], y[:100])


def make_ours(depth, recipe, engine, *words):
    import keras

    from resnet_edu import blocks, plans, recipes
    from resnet_edu.recipe_training import RecipeTraining

    if "keras_normalization" in words:
        blocks.BatchNormalization = keras.layers.BatchNormalization
    precision = "mixed_bfloat16" if "bfloat16" in words else "float32"
    plan = plans.Plan("resnet_v1", depth, recipes.RECIPES[recipe], precision=precision)
    training = RecipeTraining(plan, make_images(), steps_at_once=steps_at_once(words))

    def train(seconds):
        start, done = time.perf_counter(), {}

        def report(*, epoch, steps, **_):
            done[epoch] = steps

        for _ in training.epochs(report=report, should_stop=lambda: time.perf_counter() - start > seconds):
            pass
        return sum(done.values()) * plan.recipe.batch_size

    return train


def steps_at_once(words):
    from resnet_edu import backend

    if "step" in words:
        return 1
    return sys.maxsize if backend.on_accelerator() else None


def make_published(depth):
    """The Keras CIFAR-10 example: its network, its ImageDataGenerator, `fit` on batches of 32."""
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator  # gone from the public interface

    from resnet_edu import blocks, models

    blocks.BatchNormalization = keras.layers.BatchNormalization  # the course's own layer is one of the differences
    (x, y), _ = make_images()
    x = x.astype("float32") / 255
    x -= x.mean(axis=0)
    model = models.resnet_v1((32, 32, 3), depth)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    generator = ImageDataGenerator(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)
    batches = generator.flow(x, keras.utils.to_categorical(y, 10), batch_size=32)

    def train(seconds):
        start, images = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            model.fit(batches, steps_per_epoch=10, epochs=1, verbose=0)
            images += 320
        return images

    return train


def make_torch(depth, *words):
    """The paper's network and recipe in plain PyTorch, channels last, crops and flips on the device."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self, before, filters, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(before, filters, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(filters), nn.BatchNorm2d(filters)
            self.stride, self.new = stride, filters - before

        def forward(self, x):
            branch = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
            x = x[:, :, :: self.stride, :: self.stride]
            return functional.relu(branch + functional.pad(x, (0, 0, 0, 0, 0, self.new)))

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    blocks = (depth - 2) // 6
    plan = [(16, 16, 1)] * blocks
    for before, filters in [(16, 32), (32, 64)]:
        plan += [(before, filters, 2)] + [(filters, filters, 1)] * (blocks - 1)
    model = nn.Sequential(
        *[nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()],
        *[Block(*sizes) for sizes in plan],
        *[nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)],
    ).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=1e-4)
    (x, y), _ = make_images()
    x = torch.tensor(x.transpose(0, 3, 1, 2)).to(device, memory_format=torch.channels_last)
    y = torch.tensor(y).long().to(device)
    mean = x.float().mean(axis=0) / 255
    grid = torch.arange(32, device=device)

    def train_once():
        rows = torch.randint(IMAGES, (128,), device=device)
        images = functional.pad(x[rows].float() / 255 - mean, (4, 4, 4, 4))
        shifts = torch.randint(0, 9, (2, 128, 1), device=device) + grid
        flipped = torch.where(torch.rand(128, 1, device=device) < 0.5, shifts[1].flip(1), shifts[1])
        batch = torch.arange(128, device=device)[:, None, None]
        images = images[batch, :, shifts[0][:, :, None], flipped[:, None, :]].permute(0, 3, 1, 2)
        with torch.autocast(device, torch.bfloat16, enabled="bfloat16" in words):
            logits = model(images.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def train(seconds):
        start, images = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            for _ in range(10):
                train_once()
            if device == "cuda":
                torch.cuda.synchronize()
            images += 10 * 128
        return images

    return train


def serve(what, depth):
    """For each line of the standard input, a number of seconds, train so long and answer with images a second."""
    maker, engine, *words = what.split()
    if maker == "published":
        train = make_published(depth)
    elif maker == "torch":
        train = make_torch(depth, *words)
    else:
        train = make_ours(depth, maker, engine, *words)
    for _ in range(2):  # the first may end when it has compiled
        train(1)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        images = train(float(line))
        print(images / (time.perf_counter() - start), flush=True)


def start(what, depth):
    engine = what.split()[1]
    return subprocess.Popen(
        [sys.executable, __file__, "--serve", what, "--depths", str(depth)],
        env=os.environ
        | {"KERAS_BACKEND": engine if engine != "torch" else "tensorflow"}
        | ({"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {GRAPHS}"} if "graphs" in what.split() else {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--depths", type=int, nargs="+", default=[20], help="6n+2; 20 by default")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, *arguments.depths)
        return
    from resnet_edu import backend

    backend.share_device()
    on_gpu = backend.on_accelerator()
    processes = {
        (depth, label): start(what, depth)
        for depth in arguments.depths
        for label, what in (ON_A_GPU if on_gpu else CONTESTANTS).items()
        if importlib.util.find_spec(what.split()[1]) and (not on_gpu or depth == 20 or label in SHORT)
    }
    for (depth, label), process in list(processes.items()):
        if process.stdout.readline() != "ready\n":
            print(f"{label}, depth {depth}: does not run here", file=sys.stderr)
            del processes[depth, label]
    speeds = {key: [] for key in processes}
    for _ in range(arguments.rounds):
        for key, process in processes.items():
            print(arguments.seconds, file=process.stdin, flush=True)
            speeds[key].append(float(process.stdout.readline()))
    for process in processes.values():
        process.stdin.close()
        process.wait()
    for depth in dict.fromkeys(depth for depth, _ in speeds):
        write({label: values for (of, label), values in speeds.items() if of == depth}, depth, on_gpu)


def write(speeds, depth, on_gpu):
    from report import write_report

    medians = {label: statistics.median(values) for label, values in speeds.items()}
    first = next(iter(medians.values()))
    rows = [
        [
            label,
            f"{median:,.0f}",
            f"{min(speeds[label]):,.0f} to {max(speeds[label]):,.0f}",
            f"{50_000 / median:,.3g}",
            f"{median / first:.2f}",
        ]
        for label, median in medians.items()
    ]
    note = "Images per second of whole training steps, augmentation included. The contestants took turns. "
    if on_gpu:
        note += "All train the paper's network by the paper's recipe, on batches of 128; in float32, convolutions "
        note += "round their factors as the library does by itself (TF32)."
        if depth in LIMITS:
            note += " For comparison: 15 passes over the output of each convolution, in bfloat16 at 3 TB/s, the "
            note += f"rate of an H100's memory, are {LIMITS[depth]} s an epoch. (An H200's memory is faster.)"
    else:
        note += "The article's network has projection shortcuts and biases, and is trained on batches of 32; the "
        note += "paper's has neither, on batches of 128."
    if importlib.util.find_spec("torch"):
        note += f" PyTorch is {importlib.metadata.version('torch')}."
    write_report(
        "training",
        f"Training ResNet-{depth}",
        ["training", "images/s, median", "least to greatest", "seconds an epoch of 50,000", "ratio to the first"],
        rows,
        note=note,
        suffix=("_gpu" if on_gpu else "") + ("" if depth == 20 else f"_{depth}"),
    )


if __name__ == "__main__":
    main()
