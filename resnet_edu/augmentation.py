"""Shifted and mirrored images: drawn on the host, small, and done on the device, inside the compiled step.

What is drawn for an image depends on the seed and the epoch alone. So it is the same on every backend and any
number of devices, and a training that goes on after a kill draws what it would have drawn.
"""

from keras import ops


def draw_augmentation(recipe, count, rng):
    """Draw for `count` images the shifts, float32 `(count, 2)`, and the flips, bool `(count,)`.

    A shift is in rows and columns, in pixels. `recipe` is a `recipes.Recipe`, `rng` a NumPy generator.
    """
    if recipe.whole_pixels:
        shifts = rng.integers(-int(recipe.shift), int(recipe.shift), (count, 2), endpoint=True)
    else:
        shifts = rng.uniform(-recipe.shift, recipe.shift, (count, 2))
    flips = rng.random(count) < (0.5 if recipe.flip else 0)
    return shifts.astype("float32"), flips


def augment(images, shifts, flips, *, fill="zero"):
    """Return the images, each with its own shift and, where `flips` is true, mirrored left to right.

    `images` are float `(n, h, w, c)`, `shifts` `(n, 2)` in pixels: the value at row i comes from row i + shift.
    Between pixels it is interpolated linearly, beyond the border it is 0 or, with `fill="nearest"`, the border's.
    One product with a small matrix a side, so that it compiles on every backend. Whole pixels are
    moved exactly, but for a GPU that rounds the factors of products (TF32, to 11 bits).
    """
    _, height, width, channels = images.shape
    rows, columns = (ops.arange(size, dtype="float32") for size in (height, width))
    columns = ops.where(flips[:, None], width - 1 - columns, columns)
    row_sources = _sampling_matrix(rows + shifts[:, :1], height, fill)
    column_sources = _sampling_matrix(columns + shifts[:, 1:], width, fill)
    images = ops.matmul(row_sources, ops.reshape(images, (-1, height, width * channels)))
    images = ops.reshape(images, (-1, height, width, channels))
    return ops.matmul(column_sources[:, None], images)


def _sampling_matrix(positions, size, fill):
    """Return for each of `positions` (n, size) the share that each of `size` pixels has in its value."""
    if fill == "nearest":
        positions = ops.clip(positions, 0, size - 1)
    return ops.relu(1 - ops.abs(positions[:, :, None] - ops.arange(size, dtype="float32")))
