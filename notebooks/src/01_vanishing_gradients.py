# %% [markdown]
# # 1 · Vanishing gradients
#
# **You will** measure the gradient of every layer of deep networks, see it vanish, explode and grow, and find out which part of the network does what.
#
# **You will learn** to read a gradient plot in two ways, its trend along depth and its level.
#
# **You need** Python, NumPy and the idea of a neural network that is trained by gradient descent. No GPU, no download: the images are 1,437 handwritten digits of 8 × 8 pixels, which come with scikit-learn.
#
# **Time:** about 90 minutes with the exercises. All cells together run in about 30 seconds on two CPU cores.

# %% [markdown]
# ## 1. One number for each layer
#
# Deep networks used to be hard to train, and the usual explanation has two words: *vanishing gradients*. We measure first and explain later.
#
# We take a batch of 64 digits, centred around zero.

# %% tags=["nbval-check-output"]
from resnet_edu import data

(x_train, y_train), _ = data.load_digits()
x = ((x_train[:64] - x_train.mean()) / 255).astype("float32")
y = y_train[:64]
print(x.shape, y.shape, x_train.shape)

# %% [markdown]
# Now a network: 20 layers, one after the other. It starts with a convolution, then come three *stages* of 3 × 3 convolutions with 16, 32 and 64 filters, and a classifier at the end. The second and the third stage each halve the image: 8 × 8, 4 × 4, 2 × 2 pixels. After each convolution every value goes through an *activation function*, here the sigmoid $\sigma(z) = 1/(1+e^{-z})$, an S-shaped curve from 0 to 1. There is no normalization yet, and no shortcut (a path around layers: section 7). A network without shortcuts is called *plain*.

# %% tags=["nbval-check-output"]
from resnet_edu import models

sigmoid = {"activation": "sigmoid", "initializer": "glorot_uniform", "batch_norm": False}
model = models.plain_net(x.shape[1:], depth=20, seed=0, **sigmoid)
convolutions = [layer.name for layer in model.layers if "_conv" in layer.name]
print(len(convolutions), "convolutions:", *convolutions[:3], "...", convolutions[-1])

# %% [markdown]
# Gradient descent moves each *kernel*, the weights of a layer, a step against its gradient. A layer whose gradient is close to zero hardly moves. (Some optimizers, such as Adam, divide by the gradient's usual size: lesson 10.) So we ask for one number per layer: the length (L2 norm) of the gradient of the loss, the mean cross-entropy, with respect to its kernel. The network is not trained yet. We look at the moment before the first step. Here are the two layers that are closest to the loss:

# %%
from resnet_edu.gradients import describe_norms, gradient_norms, select_convolutions

norms = gradient_norms(model, x, y)
for name in ["stage3_block3_conv2", "classifier"]:
    print(f"{name:20} {norms[name]:.1e}")

# %% [markdown]
# ## 2. Predict, then look
#
# How does the gradient of the **first** convolution compare with that of the **last** one, in this sigmoid network and in deeper ones?
#
# - `"a"`: both are tiny, as the whole network is dead
# - `"b"`: the first one's is smaller by many orders of magnitude
# - `"c"`: they are about equal
# - `"d"`: the first one's is larger
#
# Write your letter, between quotation marks, in place of the dots and run the cell.

# %% tags=["exercise"]
prediction_sigmoid = "b"  ### SOLUTION

# %% [markdown]
# Now all convolutions, for three depths. `fresh_gradient_norms` gives the same numbers as `gradient_norms`, for freshly drawn weights, without building a Keras model. `describe_norms` puts them in words, and tells two things apart. The *trend* compares the first convolution with the last: a ratio from 1/10 to 10 is called even. The *level* is the median of all norms: below 0.0001 it is called tiny, above 1,000 huge. (The limits are ours.)

# %%
import matplotlib.pyplot as plt
from resnet_edu import plotting
from resnet_edu.gradients import fresh_gradient_norms


def measure(depth, images=x, **setting):
    return select_convolutions(fresh_gradient_norms(images, y, depth=depth, **setting))


def show(norms, title=""):
    fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
    plotting.plot_gradient_norms(norms, ax)
    ax.set_title(title)
    plt.show()
    for label, series in norms.items():
        print(f"{label}\n    {describe_norms(series)}")


# %% [markdown]
# By default, `fresh_gradient_norms` takes a plain network with ReLU, He weights and batch normalization; sections 4 and 6 explain them. We change what we want to look at.

# %%
by_depth = {f"depth {depth}": measure(depth, **sigmoid) for depth in (8, 20, 56)}
show(by_depth, "sigmoid, Glorot uniform, no normalization")

# %% [markdown]
# Read the figure from right to left, the way the gradient travels. The last convolution has a gradient norm of about 0.56 at every depth. With each layer towards the input the norm drops by a similar factor, so on a logarithmic axis the curves are almost straight. In the network of 56 layers the first norms are exactly **0**: too small. Below about 1e-38 single precision loses its digits, and a computation may put 0 there.

# %%
from resnet_edu import checks

checks.check_prediction("sigmoid", prediction_sigmoid)

# %% [markdown]
# This is the vanishing gradient, found in the early 1990s in recurrent networks: the layers near the input get almost no gradient. Plain gradient descent then changes only the layers near the output.

# %% [markdown]
# ## 3. Why: a product of slopes
#
# Take the simplest deep network: one neuron per layer, each weight 1, $h_l = \sigma(h_{l-1})$. By the chain rule the derivative of the output with respect to the input is a product,
#
# $$\frac{\partial h_L}{\partial h_0} = \sigma'(h_{L-1}) \cdots \sigma'(h_1)\,\sigma'(h_0).$$
#
# How large can one factor be?

# %% tags=["nbval-check-output"]
import numpy as np

z = np.linspace(-8, 8, 1601)
value = 1 / (1 + np.exp(-z))
slope = value * (1 - value)
print(f"largest slope {slope.max():.4f} at z = {abs(z[slope.argmax()]):.1f}")

# %% [markdown]
# A sigmoid is never steeper than one quarter. In a real layer $h_l = \phi(W_l h_{l-1})$, with activation $\phi$, the factor is a matrix, the *Jacobian*: the slopes times the weights. Going back multiplies by its transpose. Let $\delta_l$ be the derivative of the loss with respect to the output $h_l$. Then
#
# $$\frac{\partial\,\text{loss}}{\partial W_l} = \left(\phi'(W_l h_{l-1}) \odot \delta_l\right) h_{l-1}^\top, \qquad \delta_{l-1} = W_l^\top \left(\phi'(W_l h_{l-1}) \odot \delta_l\right),$$
#
# where $\odot$ multiplies element by element. A product of many factors becomes tiny or huge, unless their geometric mean is close to 1. We cannot see the factors in the figure, but the kernels' norms fall with them. In the sigmoid network of depth 20 they fall from layer to layer by, on average,

# %%
series = np.array(list(by_depth["depth 20"].values()))
factor = (series[0] / series[-1]) ** (1 / (len(series) - 1))
print(f"{factor:.2f} per layer, which makes {factor**54:.0e} over 54 layers")

# %% [markdown]
# (A rough average: the first layer and the two changes of size count in it, too.)
#
# ### Exercise 1 · How much can pass? (easy, 5 minutes)
#
# In a chain of `depth` sigmoids with weights 1, each factor is at most the largest slope. Write the function `shrink_factor(depth)`. It returns the upper bound that this gives for the whole product.


# %% tags=["exercise"]
def shrink_factor(depth):
    ### BEGIN SOLUTION
    return 0.25**depth
    ### END SOLUTION


checks.check_shrink_factor(shrink_factor)

# %% [markdown]
# <details><summary>Hint: I do not know where to start</summary>
#
# One sigmoid passes on at most the largest slope, which a cell above printed. What do two in a row pass on?
#
# </details>

# %% [markdown]
# ## 4. ReLU: the trend is repaired, the level is not
#
# ReLU, $\max(0, z)$, has slope 1 where its input is above 0. Now the weights decide. Three common choices for their size:
#
# - **normal, σ = 0.01** (here σ is the standard deviation), a small number that "should be safe",
# - **Glorot uniform**, the default of Keras, made for layers without ReLU,
# - **He normal**, made for ReLU: variance 2 / fan-in, where *fan-in* is the number of values that one output sums over.

# %%
import keras

small = keras.initializers.RandomNormal(stddev=0.01)
relu = {
    "He normal": measure(20, batch_norm=False),
    "Glorot uniform": measure(20, batch_norm=False, initializer="glorot_uniform"),
    "normal, σ = 0.01": measure(20, batch_norm=False, initializer=small),
}
show(relu, "plain, ReLU, depth 20, no normalization")

# %% [markdown]
# Look at the shape of the curves. They are nearly **flat**. First and last convolution differ by less than a factor of ten, in all three networks. Yet the levels lie many orders of magnitude apart. If you plot only the ratio of first to last norm, all three look fine.
#
# So there are two different problems:
#
# - the **trend**: the gradient gets smaller (or larger) from layer to layer on its way back,
# - the **level**: it is too small (or too large) in all layers at once.
#
# Why does a network with small weights have no trend? By the formula in section 3, the gradient of a kernel is a product of two things: the δ that comes **back** to the layer, and the activations that came **forward** into it. The next cell follows both through 20 dense ReLU layers whose weights have variance `gain / width`. Gain 2 is He's rule. Gain 1 is Glorot's, for layers as wide as their input.


# %%
def signals(gain, depth=20, width=200):
    rng = np.random.default_rng(0)
    weights = rng.normal(scale=np.sqrt(gain / width), size=(depth, width, width))
    h = [rng.normal(size=(width, 64))]
    for w in weights:
        h.append(np.maximum(w @ h[-1], 0))
    delta, backward = rng.normal(size=h[-1].shape), []
    for w, after in zip(weights[::-1], h[:0:-1]):
        delta = delta * (after > 0)  # back through ReLU
        backward.append(np.sqrt(np.mean(delta**2)))
        delta = w.T @ delta  # back through the weights
    forward = [np.sqrt(np.mean(signal**2)) for signal in h[:-1]]
    return np.array(forward), np.array(backward[::-1])


# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained", sharey=True)
for ax, gain in zip(axes, (1, 2)):
    plotting.plot_signals(*signals(gain), ax)
    ax.set_title(f"variance {gain} / width")
axes[0].get_legend().remove()
plt.show()
for gain in (1, 2):
    forward, backward = signals(gain)
    print(f"gain {gain}: forward {forward[0]:.1e} to {forward[-1]:.1e},", end=" ")
    print(f"backward {backward[-1]:.1e} to {backward[0]:.1e}")

# %% [markdown]
# With gain 1 the signal loses half of its mean square in every layer on the way forward, because ReLU sets half of it to zero. The δ loses the same on the way back. Their product is the same everywhere, and small everywhere: a flat curve at a low level. So δ does vanish, but the norms of the kernels' gradients do not show it (Glorot and Bengio 2010, section 4.2). He's factor of 2 makes up for the half that ReLU removes.
#
# In the sigmoid network only one of the two falls. The output of a sigmoid lies around ½ in every layer, however weak the signal in it. The forward factor stays up, and so the product has a trend.

# %% [markdown]
# ### Exercise 2 · He's rule (medium, 10 minutes)
#
# Write `he_stddev(kernel_shape)`: the standard deviation that He's rule gives to a convolution kernel of shape `(height, width, channels in, channels out)`.


# %% tags=["exercise"]
def he_stddev(kernel_shape):
    ### BEGIN SOLUTION
    height, width, channels_in, _ = kernel_shape
    return (2 / (height * width * channels_in)) ** 0.5
    ### END SOLUTION


checks.check_he_stddev(he_stddev)

# %% [markdown]
# <details><summary>Hint: what is the fan-in of a convolution?</summary>
#
# One output pixel of one filter is a sum over all pixels under the kernel, in all input channels. How many terms has this sum?
#
# </details>

# %% [markdown]
# ### He's rule is not the end of it
#
# He's rule keeps the level in dense layers. In our convolutional network of 56 layers it does not:

# %%
(large_train, _), _ = data.load_digits(size=32)
x_large = ((large_train[:64, :, :, :1] - large_train.mean()) / 255).astype("float32")
for size, images in [(8, x), (32, x_large)]:
    print(f"{size} × {size}: {describe_norms(measure(56, images, batch_norm=False))}")

# %% [markdown]
# The weights follow the same rule, only the images are larger, and the level is thousands of times higher. The reason should be the zeros around the image. A 3 × 3 kernel at the border sums over fewer real pixels than He's rule counts. In the last stage of the small network the maps have 2 × 2 pixels. There each output sums over 4 pixels and not over 9, so the mean square falls to 4/9 in every layer. The same count for all layers:


# %%
def share_left(size):
    """The share of the mean square that is left after all 55 convolutions."""
    layers = {size: 20, size // 2: 18, size // 4: 17}  # by the size of their inputs
    return np.prod([(1 - 2 / (3 * n)) ** (2 * count) for n, count in layers.items()])


print(
    f"reckoned: {np.sqrt(share_left(32) / share_left(8)):,.0f} times as high on 32 × 32 pixels"
)

# %% [markdown]
# Along an edge of $n$ pixels a kernel is laid down in $n$ places, three pixels each, and 2 of these $3n$ are zeros. An image has two directions: hence the 2 in the exponent. The gradient of any kernel meets all layers, those in front of it on the way forward and those behind it on the way back. And the root makes a size of a mean square. The reckoning is rough, as it takes means where single pixels and layers differ. It gives a difference that is nearly twice what you see. So the zeros alone can explain it.

# %% [markdown]
# ## 5. The other side: exploding
#
# If factors below 1 make a product vanish, factors above 1 make it explode. Here are weights with σ = 0.2:

# %%
large = {"batch_norm": False, "initializer": keras.initializers.RandomNormal(stddev=0.2)}
for depth in (8, 20, 56):
    print(f"depth {depth:2}: {describe_norms(measure(depth, **large))}")

# %% [markdown]
# The ratio is again near 1. At depth 20 and 56 the level is wrong, not the trend. One step of plain gradient descent with such a gradient throws every weight far away.

# %% [markdown]
# ## 6. Batch normalization: predict first
#
# Batch normalization (Ioffe and Szegedy 2015) rescales every channel after each convolution to mean 0 and variance 1 over the batch. (A learned scale and shift follow, which start at 1 and 0.) It measures the size of the signal and corrects it, layer by layer. What will the gradient norms of a **plain network of 56 layers** with He weights and batch normalization look like?
#
# - `"a"`: tiny at every layer
# - `"b"`: even, about the same at every layer
# - `"c"`: larger towards the input
# - `"d"`: smaller towards the input

# %% tags=["exercise"]
prediction_norm = "c"  ### SOLUTION

# %%
with_norm = {
    "He, batch normalization": measure(56),
    "σ = 0.01, batch normalization": measure(56, initializer=small),
    "He, no normalization": measure(56, batch_norm=False),
}
show(with_norm, "plain, ReLU, depth 56")

# %%
checks.check_prediction("batch_norm", prediction_norm)

# %% [markdown]
# Two things happen. The level is repaired: even the weights with σ = 0.01, useless before, now give gradients of moderate size. Batch normalization (BN) divides the signal by its size after each layer, and the gradient by the same number on its way back. (The signal does not get quite to size 1 where it is very weak, as BN adds a small ε to the variance.) The small factors no longer multiply. And a new trend appears, in the **opposite** direction: the gradient grows towards the input. By how much?

# %%
for label in ["He, batch normalization", "σ = 0.01, batch normalization"]:
    series = list(with_norm[label].values())
    print(f"{label}: first / last {series[0] / series[-1]:.0f}")

# %% [markdown]
# Why? The output of a ReLU has a mean. Batch normalization removes it, about a third of the mean square, and stretches the rest back to 1. The gradient is stretched with it. For wide dense layers theory gives a factor of √(π / (π − 1)) ≈ 1.21 per layer (Yang et al. 2019). Ours has other layers at its two ends, so one network does not tell the factor per layer. Section 7 compares depths.
#
# It is often said that deep plain networks fail because their gradients vanish. The authors of the ResNet paper checked this for their networks, which use batch normalization, and called it unlikely; they found gradients of healthy size (He et al. 2015b, section 4.1). What you see here is uneven, but nothing vanishes. Can such a network be trained? Lesson 2 asks that.

# %% [markdown]
# ## 7. A first look at shortcuts
#
# A residual network adds a *shortcut* around every two layers. The layers then compute a correction to their input instead of a new signal. Lesson 3 builds this block. Here we only measure: the same weights, with and without shortcuts.

# %%
with_shortcuts = {
    "plain, batch normalization": measure(56),
    "residual, batch normalization": measure(56, network="resnet_v1"),
    "residual, no normalization": measure(56, network="resnet_v1", batch_norm=False),
}
show(with_shortcuts, "ReLU, He normal, depth 56")

# %% [markdown]
# With normalization and shortcuts together the curve is nearly even. With shortcuts alone it is fairly even too, but its level is hundreds of times higher: what the two layers give is of the order of the signal that enters them, so the sum grows in every block. Compare it with the plain network without normalization in section 6, whose gradients were tiny. There, with He weights, the shortcuts do cure a vanished gradient.
#
# Is this chance, or special to this depth? Five depths and three draws each:

# %%
depths = (8, 20, 32, 44, 56)
settings = {
    "plain, batch normalization": {},
    "residual, batch normalization": {"network": "resnet_v1"},
}
ratios = {label: np.empty((len(depths), 3)) for label in settings}
for label, setting in settings.items():
    for row, depth in enumerate(depths):
        for seed in range(3):
            series = list(measure(depth, seed=seed, **setting).values())
            ratios[label][row, seed] = series[0] / series[-1]

fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
plotting.plot_ratios(depths, ratios, ax)
plt.show()
for label, values in ratios.items():
    least, greatest = values[-1].min(), values[-1].max()
    print(f"{label}: at depth 56 between {least:.2g} and {greatest:.2g} over three draws;")
    medians = np.median(values, axis=1)
    growth = (medians[-1] / medians[0]) ** (1 / (depths[-1] - depths[0]))
    print(f"    from depth 8 to 56 the median goes from {medians[0]:.2g}", end=" ")
    print(f"to {medians[-1]:.2g}, × {growth:.2f} per layer")

# %% [markdown]
# Line: median of the three draws; band: least to greatest. In the plain network the ratio grows exponentially with depth, by nearly as much per layer as theory has it for dense ones. (At depth 8 the first norm is still the smaller one.) In the residual network it grows far more slowly.
#
# One caveat. All of this is measured before any training, and on one batch of small images.

# %% [markdown]
# ## 8. Explore
#
# Each setting is measured when you choose it, on a new network. The grey curve shows the setting before. A few things to try:
#
# 1. ReLU, He, no normalization: move the depth from 8 to 56. What changes, the trend or the level? Then draw new weights a few times. How much of it was chance?
# 2. Sigmoid, Glorot, depth 56: turn on batch normalization. Is the problem solved?
# 3. The same, but residual and without normalization: do shortcuts alone solve it?

# %%
from resnet_edu import widgets

widgets.explore_gradients(x, y)

# %% [markdown]
# Without widgets, on GitHub or on paper, here are the answers. Question 1, three draws each:

# %%
for depth in (8, 20, 56):
    for seed in range(3):
        norms = measure(depth, batch_norm=False, seed=seed)
        print(f"depth {depth:2}, draw {seed}: {describe_norms(norms)}")

# %% [markdown]
# The level falls by more than four orders of magnitude, and the trend stays even, within a factor of ten. Three draws differ by less than a factor of ten, much less than the depths do. Questions 2 and 3:

# %%
answers = {
    "plain, no normalization": measure(56, **sigmoid),
    "plain, batch normalization": measure(56, **sigmoid | {"batch_norm": True}),
    "residual, no normalization": measure(56, network="resnet_v1", **sigmoid),
    "residual, batch normalization": measure(
        56, network="resnet_v1", **sigmoid | {"batch_norm": True}
    ),
}
show(answers, "sigmoid, Glorot uniform, depth 56")

# %% [markdown]
# Batch normalization helps the sigmoid by many orders of magnitude. Still the first norm is thousands of times smaller than the last. The figure shows where it is lost: in the last third, where the maps have 2 × 2 pixels. Is the slope of the sigmoid too small even with BN? Or is it the small maps, as in section 4? We measure on larger images, and compute what theory says of wide dense layers: the factor per layer is the root of (mean square of the slope) / (variance of the output), for inputs that are normal with variance 1, which is how BN leaves them (Yang et al. 2019).

# %%
for size, images in [(8, x), (32, x_large)]:
    norms = measure(56, images, **sigmoid | {"batch_norm": True})
    print(f"plain, sigmoid, BN, {size} × {size}: {describe_norms(norms)}")
share = np.exp(-(z**2) / 2)
share /= share.sum()  # of each z under the normal distribution
for name, output, steepness in [
    ("ReLU", np.maximum(z, 0), z > 0),
    ("tanh", np.tanh(z), 1 - np.tanh(z) ** 2),
    ("sigmoid", value, slope),
]:
    variance = share @ output**2 - (share @ output) ** 2
    factor = np.sqrt(share @ steepness**2 / variance)
    print(f"wide dense layers, {name:7}: × {factor:.2f} per layer")

# %% [markdown]
# On 32 × 32 pixels nearly all of the loss is gone. And in wide dense layers behind BN the gradient does not shrink with any of the three: BN stretches it by a little more than the slopes take. So it is not the slope. We suspect the zeros around the image again: the outputs of a sigmoid lie around ½, and at the border zeros stand beside them. That makes a pattern which is the same for every image, and BN divides by the size of this pattern, too.
#
# Without BN the shortcut does not solve it, either. In this block the sigmoid stands *behind* the addition, so on both paths the gradient passes through the sigmoid of every block. Lesson 5 moves it.

# %% [markdown]
# ## 9. Two more exercises
#
# ### Exercise 3 · Backpropagation by hand (hard, 25 minutes)
#
# The network is a chain of dense layers with tanh, $h_l = \tanh(W_l h_{l-1})$, that starts with $h_0 = x$. The loss is half the squared length of its output, $\frac{1}{2}\lVert h_L\rVert^2$. Write `backward_norms(weights, x)`: `weights` is a list of square NumPy matrices, first layer first, `x` is a vector. It returns a list with the norm of the gradient with respect to each matrix, in the same order. Use NumPy and the two formulas of section 3. The check compares with finite differences on chains that you have not seen.


# %% tags=["exercise"]
def backward_norms(weights, x):
    ### BEGIN SOLUTION
    signals = [x]
    for w in weights:
        signals.append(np.tanh(w @ signals[-1]))
    delta, norms = signals[-1], []
    for w, before, after in zip(weights[::-1], signals[-2::-1], signals[:0:-1]):
        delta = delta * (1 - after**2)
        norms.append(np.linalg.norm(np.outer(delta, before)))
        delta = w.T @ delta
    return norms[::-1]
    ### END SOLUTION


checks.check_backward_norms(backward_norms)

# %% [markdown]
# <details><summary>Hint: the first steps</summary>
#
# Go forward first and keep every $h_l$. The gradient of the loss with respect to the output $h_L$ is $h_L$ itself: this is the first δ.
#
# </details>
#
# <details><summary>Hint: one step back</summary>
#
# The slope of tanh at a point where its value is $h$ is $1 - h^2$. Multiply δ by it. The gradient of the weight matrix is then the outer product of δ and the layer's input. To go on to the layer before, multiply δ by the transposed matrix.
#
# </details>
#
# <details><summary>Hint: only the last number is right</summary>
#
# Then δ lost something on its way back. Pass on the δ that already contains the slope, through the transposed matrix.
#
# </details>

# %% [markdown]
# ### Exercise 4 · Rescue a network without normalization (medium, 15 minutes)
#
# A plain network of 56 layers without batch normalization and without shortcuts. Find an `activation` and an `initializer` such that the gradient norms of all 55 convolutions lie between 0.001 and 1000, for the 64 digits `x` and newly drawn weights (the check draws twice). An answer has the form `{"activation": "relu", "initializer": "he_normal"}`, which is not a right one. Several answers are right: another activation of Keras (`tanh`, `elu`, `selu`, ...), or weights of another size.

# %% tags=["exercise"]
setting = {"activation": "tanh", "initializer": "he_normal"}  ### SOLUTION
checks.check_rescue(setting)

# %% [markdown]
# <details><summary>Hint: weights of a size of my own</summary>
#
# `keras.initializers.VarianceScaling(scale=..., mode="fan_in", distribution="normal")`. He's rule is `scale=2`.
#
# </details>
#
# <details><summary>Hint: which scale?</summary>
#
# Compared with scale 2, each layer of a ReLU network multiplies the norms by about √(scale / 2). You start at about 3e-06 with scale 2, and there are 55 layers. Which scale gives about 0.1?
#
# </details>

# %% [markdown]
# ## What to take along
#
# - A gradient is multiplied at every layer on its way back. Sigmoids make a trend of it: the first layers get almost nothing. Bad weights under ReLU change the level of all layers.
# - Look at the **trend** along depth and at the **level**. A ratio alone hides half of the picture.
# - Before training, batch normalization repairs the level of ReLU networks. In a deep plain one the gradient then does **not** vanish. It grows towards the input. With sigmoids it still falls in our network of small maps, and hardly on larger ones. (Lesson 2 measures during training.)
# - In ResNet v1, with ReLU, He weights and normalization, the first norm is less than ten times the last one at every depth we tried. (Lesson 5 has residual networks where it is not.)
#
# **Next:** lesson 2 trains plain and residual networks side by side and asks whether gradients explain the difference.
#
# **Sources:** Hochreiter 1991, *Untersuchungen zu dynamischen neuronalen Netzen* · Bengio, Simard and Frasconi 1994, *Learning long-term dependencies with gradient descent is difficult* · Glorot and Bengio 2010, [Understanding the difficulty of training deep feedforward neural networks](https://proceedings.mlr.press/v9/glorot10a.html) · He et al. 2015a, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852) · He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · Ioffe and Szegedy 2015, [Batch Normalization](https://arxiv.org/abs/1502.03167) · Yang et al. 2019, [A Mean Field Theory of Batch Normalization](https://arxiv.org/abs/1902.08129).
