# %% [markdown]
# # 1 · Vanishing gradients
#
# **You will** measure the gradient of every layer of deep networks, see it vanish, explode and grow, and find out which part of the network does what.
#
# **You will learn** to read a gradient plot in two ways, its trend along depth and its level; why a chain of layers multiplies; what initialization repairs and what it does not; what batch normalization changes.
#
# **You need** Python, NumPy and the idea of a neural network that is trained by gradient descent. No GPU, no download: the images are 1,437 handwritten digits of 8 × 8 pixels, which come with scikit-learn.
#
# **Time:** about 70 minutes with the exercises. All cells together run in about half a minute on two CPU cores.

# %% [markdown]
# ## 1. One number for each layer
#
# Deep networks used to be hard to train, and the usual explanation has two words: *vanishing gradients*. Before we explain anything, we measure it.
#
# We take a batch of 64 digits, centred around zero.

# %% tags=["nbval-check-output"]
from resnet_edu import data

(x_train, y_train), _ = data.load_digits()
x = ((x_train[:64] - x_train.mean()) / 255).astype("float32")
y = y_train[:64]
print(x.shape, y.shape, x_train.shape)

# %% [markdown]
# Now a network: 20 layers, one after the other. It starts with a convolution, then come three *stages* of 3 × 3 convolutions with 16, 32 and 64 filters, and a classifier at the end. Nothing else: no normalization yet, and no shortcuts. Such a network is called *plain*.

# %% tags=["nbval-check-output"]
from resnet_edu import models

model = models.plain_net(x.shape[1:], depth=20, activation="sigmoid", batch_norm=False, seed=0)
convolutions = [layer.name for layer in model.layers if "_conv" in layer.name]
print(len(convolutions), "convolutions:", *convolutions[:3], "...", convolutions[-1])

# %% [markdown]
# Training changes each kernel against its gradient. A layer whose gradient is close to zero does not learn. So we ask for one number per layer: the length (L2 norm) of the gradient of the loss with respect to its kernel. The network is not trained yet. We look at the moment before the first step.

# %%
from resnet_edu.gradients import describe_norms, gradient_norms, select_convolutions

norms = gradient_norms(model, x, y)
for name in ["stem_conv", "stage2_block1_conv1", "stage3_block3_conv2", "classifier"]:
    print(f"{name:22} {norms[name]:.1e}")

# %% [markdown]
# ## 2. Predict, then look
#
# You have seen four of the 20 numbers. How does the gradient of the **first** convolution compare with that of the **last** one, in this sigmoid network and in deeper ones?
#
# - `"a"`: both are tiny, as the whole network is dead
# - `"b"`: the first one's is smaller by many orders of magnitude
# - `"c"`: they are about equal
# - `"d"`: the first one's is larger
#
# Write your letter between quotation marks in place of the dots and run the cell. A wrong guess costs nothing and teaches more.

# %% tags=["exercise"]
prediction = "b"  ### SOLUTION

# %%
from resnet_edu import checks

checks.check_prediction("sigmoid", prediction)

# %% [markdown]
# Now all convolutions, for three depths. `fresh_gradient_norms` gives the same numbers as `gradient_norms` does, for a network that starts with random weights. It is quicker, because it does not build a Keras model first. Two short functions will serve us all through the lesson: one measures, one draws and describes.

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
# By default, `fresh_gradient_norms` takes a plain network with ReLU, He weights and batch normalization. We change what we want to look at.

# %%
sigmoid = {"activation": "sigmoid", "initializer": "glorot_uniform", "batch_norm": False}
by_depth = {f"depth {depth}": measure(depth, **sigmoid) for depth in (8, 20, 56)}
show(by_depth, "sigmoid, Glorot uniform, no normalization")

# %% [markdown]
# Read the figure from right to left, the way the gradient travels. The last convolution gets a gradient of normal size at every depth. With each layer towards the input the norm drops by about the same factor, so on a logarithmic axis the curves are straight lines.
#
# In the network of 56 layers the norms nearest to the input are exactly **0**. That is not a figure of speech. This is the smallest positive number that single precision holds with all its digits. What is smaller is kept with fewer digits or, as here, set to zero:

# %% tags=["nbval-check-output"]
import numpy as np

print(np.finfo("float32").tiny)

# %% [markdown]
# This is the vanishing gradient, found in the early 1990s in recurrent networks: the layers near the input are told nothing about the loss. Training changes only the layers near the output.

# %% [markdown]
# ## 3. Why: a product of slopes
#
# Take the simplest deep network: one neuron per layer, each weight 1, $h_l = \sigma(h_{l-1})$. By the chain rule the derivative of the output with respect to the input is a product,
#
# $$\frac{\partial h_L}{\partial h_0} = \sigma'(h_{L-1}) \cdots \sigma'(h_1)\,\sigma'(h_0).$$
#
# How large can one factor be?

# %% tags=["nbval-check-output"]
z = np.linspace(-8, 8, 1601)
value = 1 / (1 + np.exp(-z))
slope = value * (1 - value)
print(f"largest slope {slope.max():.4f} at z = {abs(z[slope.argmax()]):.1f}")

# %% [markdown]
# A sigmoid is never steeper than one quarter. In real layers a factor is a matrix, the *Jacobian* of the layer: the transposed weights times the slopes. For layers $h_l = \phi(W_l h_{l-1})$ with the error signal $\delta_L = \partial\,\text{loss}/\partial h_L$, going one layer back means
#
# $$\delta_{l-1} = W_l^\top \left(\phi'(W_l h_{l-1}) \odot \delta_l\right).$$
#
# A product of many factors is either tiny or huge, unless the factors are close to 1 on average. In our sigmoid network of depth 20 we can measure the mean factor per layer:

# %%
series = np.array(list(by_depth["depth 20"].values()))
factor = (series[0] / series[-1]) ** (1 / (len(series) - 1))
print(f"{len(series)} convolutions, mean factor per layer {factor:.2f}, over 54 layers {factor**54:.0e}")

# %% [markdown]
# The last number is how much is left of a gradient after the 54 steps of the 56-layer network. It is smaller than the number above. That explains the crosses in the figure.

# %% [markdown]
# ### Exercise 1 · How much can pass? (easy, 5 minutes)
#
# Write the function `shrink_factor(depth)`. It returns the largest factor by which a chain of `depth` sigmoids, all weights 1, can multiply a gradient.


# %% tags=["exercise"]
def shrink_factor(depth):
    ### BEGIN SOLUTION
    return 0.25**depth
    ### END SOLUTION


checks.check_shrink_factor(shrink_factor)

# %% [markdown]
# <details><summary>Hint: I do not know where to start</summary>
#
# One sigmoid passes on at most the largest slope that the cell above printed. What do two in a row pass on?
#
# </details>
#
# <details><summary>Hint: my result grows with depth</summary>
#
# The chain rule for nested functions multiplies derivatives. It does not add them.
#
# </details>

# %% [markdown]
# ## 4. ReLU: the trend is repaired, the level is not
#
# ReLU has slope 1 where it is active. Nothing there shrinks by itself. Now the weights decide. Three common choices for their size:
#
# - **normal, σ = 0.01**, a small number that "should be safe",
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
# Look at the shape of the curves. They are nearly **flat**. First and last convolution differ by less than a factor of ten, in all three networks. Yet the levels lie many orders of magnitude apart. Whoever plots only the ratio of first to last norm would call all three networks healthy.
#
# So there are two different diseases:
#
# - the **trend**: the gradient gets smaller (or larger) from layer to layer on its way back,
# - the **level**: it is too small (or too large) in all layers at once.
#
# Why does a network with small weights have no trend? The gradient of a kernel is a product of two things: the error signal that comes **back** to the layer, and the activations that came **forward** into it. The next cell follows both through 20 dense ReLU layers whose weights have variance `gain / width`. With gain 2 this is He's rule. With gain 1 it is Glorot's.


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
    print(
        f"gain {gain}: forward {forward[0]:.1e} to {forward[-1]:.1e}, backward {backward[-1]:.1e} to {backward[0]:.1e}"
    )

# %% [markdown]
# With gain 1 the signal loses half of its variance in every layer on the way forward, because ReLU sets half of it to zero. The error signal loses the same on the way back. Near the input the activations are large and the error signal is small. Near the output it is the other way round. Their product is the same everywhere, and small everywhere: a flat curve at a low level. He's factor of 2 makes up for the half that ReLU removes.
#
# In the sigmoid network this did not happen. The output of a sigmoid lies around ½ in every layer, however weak the signal in it. The forward factor stays up, only the backward factor falls, and so the product has a trend.

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
#
# <details><summary>Hint: my numbers are far too small</summary>
#
# He's rule gives the variance, 2 / fan-in. You are asked for the standard deviation.
#
# </details>

# %% [markdown]
# ### He's rule is not the end of it
#
# He's rule keeps the level in dense layers. In our convolutional network of 56 layers it does not quite:

# %%
(large_train, _), _ = data.load_digits(size=32)
x_large = ((large_train[:64, :, :, :1] - large_train.mean()) / 255).astype("float32")
for size, images in [(8, x), (32, x_large)]:
    print(f"{size} × {size}: {describe_norms(measure(56, images, batch_norm=False))}")

# %% [markdown]
# The weights follow the same rule, only the images are larger, and the level is more than a thousand times higher. The reason is the zeros around the image. A 3 × 3 kernel at the border sums over fewer real pixels than He's rule counts. In the last stage of the small network the maps have 2 × 2 pixels, and every pixel is at the border. A rule about averages does not know this. We will meet a remedy in section 6 that measures instead of assuming.

# %% [markdown]
# ## 5. The other side: exploding
#
# If factors below 1 make a product vanish, factors above 1 make it explode. Here are weights with σ = 0.2:

# %%
large = keras.initializers.RandomNormal(stddev=0.2)
for depth in (8, 20, 56):
    print(f"depth {depth:2}: {describe_norms(measure(depth, batch_norm=False, initializer=large))}")

# %% [markdown]
# The curve is again flat: the level is wrong, not the trend. A step of gradient descent with such a gradient throws every weight far away. In practice the loss becomes `nan`. Vanishing and exploding are the same thing, a product of many factors that are not 1 on average. They only differ in the side on which the factors miss it.

# %% [markdown]
# ## 6. Batch normalization: predict first
#
# Batch normalization (Ioffe and Szegedy, 2015) rescales every channel after each convolution to mean 0 and variance 1 over the batch. It measures the level and corrects it, layer by layer. What will the gradient norms of a **plain network of 56 layers** with He weights and batch normalization look like?
#
# - `"a"`: tiny at every layer
# - `"b"`: even, about the same at every layer
# - `"c"`: larger towards the input
# - `"d"`: smaller towards the input

# %% tags=["exercise"]
prediction = "c"  ### SOLUTION

# %%
with_norm = {
    "He, batch normalization": measure(56),
    "σ = 0.01, batch normalization": measure(56, initializer=small),
    "He, no normalization": measure(56, batch_norm=False),
}
show(with_norm, "plain, ReLU, depth 56")

# %%
checks.check_prediction("batch_norm", prediction)

# %% [markdown]
# Two things happen. The level is repaired: even the weights with σ = 0.01, hopeless before, now give gradients of normal size, because their scale is divided out after each layer. And a new trend appears, in the **opposite** direction. The gradient grows towards the input, by two to three orders of magnitude.
#
# This contradicts what many texts say, that deep plain networks with batch normalization fail because their gradients vanish. The authors of the ResNet paper did not say so. They checked, and called it unlikely that vanishing gradients are the cause (He et al. 2015, section 4.1). You have just seen the same: nothing vanishes here. Whether such a network can be *trained* is another question. Lesson 2 asks it.

# %% [markdown]
# ## 7. A first look at shortcuts
#
# A residual network adds a *shortcut* around every two layers. The layers then compute a correction to their input instead of a new signal. Lesson 3 builds this block. Here we only measure: the same weights, with and without shortcuts.

# %%
with_shortcuts = {
    "plain, batch normalization": measure(56),
    "residual, batch normalization": measure(56, residual=True),
    "residual, no normalization": measure(56, residual=True, batch_norm=False),
}
show(with_shortcuts, "ReLU, He normal, depth 56")

# %% [markdown]
# With normalization and shortcuts together the curve is nearly even. With shortcuts alone it is even too, but high: each block adds its output to the signal, and without normalization nothing holds the sum down.
#
# Is this the luck of one draw, or of one depth? Five depths and three draws each:

# %%
depths = (8, 20, 32, 44, 56)
settings = {"plain, batch normalization": {}, "residual, batch normalization": {"residual": True}}
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
    print(f"{label}: at depth 56 between {values[-1].min():.2g} and {values[-1].max():.2g} over three draws")

# %% [markdown]
# The line is the median of the three draws, the band runs from the least to the greatest. In the plain network the ratio grows with every layer, exponentially. In the residual network it grows far more slowly.
#
# One caveat. All of this is measured at the start, before any training, and on one batch of small images. What happens during training is the subject of lesson 2.

# %% [markdown]
# ## 8. Explore
#
# Every move of a control draws a new network and measures it. Nothing is looked up. The grey curve is the setting before. A few things to try:
#
# 1. ReLU, He, no normalization: move the depth from 8 to 56. Which changes, the trend or the level?
# 2. Switch the activation to sigmoid, then turn on batch normalization. Is the sigmoid cured at depth 56?
# 3. Residual with sigmoid and without normalization: do shortcuts alone save it? (The block applies the sigmoid *after* the addition. Lesson 5 returns to this.)
# 4. Press "draw new weights" a few times. How much of a curve is chance?

# %%
from resnet_edu import widgets

widgets.explore_gradients(x, y)

# %% [markdown]
# Without widgets, on GitHub or on paper, here are the answers to questions 2 and 3 as a figure:

# %%
answers = {
    "plain, no normalization": measure(56, **sigmoid),
    "plain, batch normalization": measure(56, **sigmoid | {"batch_norm": True}),
    "residual, no normalization": measure(56, residual=True, **sigmoid),
    "residual, batch normalization": measure(56, residual=True, **sigmoid | {"batch_norm": True}),
}
show(answers, "sigmoid, Glorot uniform, depth 56")

# %% [markdown]
# Batch normalization helps the sigmoid by many orders of magnitude, but does not cure it. The shortcut of this block does not either: the sigmoid stands behind the addition, so on either way the gradient must pass the sigmoid of every block.

# %% [markdown]
# ## 9. Two more exercises
#
# ### Exercise 3 · Backpropagation by hand (hard, 25 minutes)
#
# The network is a chain of dense layers with tanh, $h_l = \tanh(W_l h_{l-1})$, that starts with $h_0 = x$. The loss is half the squared length of its output, $\frac{1}{2}\lVert h_L\rVert^2$. Write `backward_norms(weights, x)`. It returns a list with the norm of the gradient with respect to each weight matrix, the first layer's first. Use NumPy only. The check compares with finite differences on chains that you have not seen.


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
# The order of the three operations matters: slope, then gradient, then transposed matrix.
#
# </details>

# %% [markdown]
# ### Exercise 4 · Rescue a network without normalization (medium, 15 minutes)
#
# A plain network of 56 layers without batch normalization and without shortcuts. Find an `activation` and an `initializer` such that the gradient norms of all 55 convolutions lie between 0.01 and 100, for weights drawn anew. Several answers are right. Use what section 4 says about levels.

# %% tags=["exercise"]
setting = {"activation": "tanh", "initializer": "he_normal"}  ### SOLUTION
checks.check_rescue(setting)

# %% [markdown]
# <details><summary>Hint: the form of an answer</summary>
#
# `setting = {"activation": "relu", "initializer": "he_normal"}` is a complete answer, though not a right one. For a size of your own: `keras.initializers.VarianceScaling(scale=..., mode="fan_in", distribution="normal")`. He's rule is `scale=2`.
#
# </details>
#
# <details><summary>Hint: my norms are small at every layer</summary>
#
# Then the trend is fine and the level is not. A larger scale makes up for what the zeros at the border take away.
#
# </details>

# %% [markdown]
# ## What to take along
#
# - A gradient that goes through many layers is multiplied by many factors. Unless these are close to 1 on average, it vanishes or explodes.
# - Look at the **trend** along depth and at the **level**. A ratio alone hides half of the picture.
# - Sigmoids make a trend: most layers hear nothing. Bad weights under ReLU change the level: all layers hear too little or too much.
# - Batch normalization repairs the level. In a deep plain network the gradient then does **not** vanish. It grows towards the input.
# - With shortcuts and normalization the norms stay nearly even at every depth we tried.
#
# **Next:** lesson 2 trains plain and residual networks side by side and asks whether gradients explain the difference.
#
# **Sources:** He et al. 2015, [Deep Residual Learning for Image Recognition](https://arxiv.org/abs/1512.03385), sections 3.4 and 4.1 · He et al. 2015, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852), section 2.2 · Glorot and Bengio 2010, [Understanding the difficulty of training deep feedforward neural networks](https://proceedings.mlr.press/v9/glorot10a.html) · Ioffe and Szegedy 2015, [Batch Normalization](https://arxiv.org/abs/1502.03167) · Bengio, Simard and Frasconi 1994, *Learning long-term dependencies with gradient descent is difficult*, IEEE Transactions on Neural Networks 5(2).
