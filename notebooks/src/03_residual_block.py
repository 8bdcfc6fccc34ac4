# %% [markdown]
# # 3 · The residual block
#
# **You will** build the residual block, find out what it does when its weights are zero, make its shortcut fit, and follow signal and gradient through 50 blocks, from a chain that only carries its input to a residual one.
#
# **You will learn** why a block that adds to its input can easily do nothing, what the shortcut passes on and what it does not, and when the formula "identity plus derivative" is exact.
#
# **You need** lessons 1 and 2, and Keras' functional style: layers are called on tensors. No GPU, no download.
#
# **Time:** about 100 minutes with the exercises. All cells together run in about 10 seconds on two CPU cores.

# %% [markdown]
# ## 1. What if a layer should do nothing?
#
# In lesson 2 the plain network of 56 layers fitted its training images worse than the one of 20 layers. Yet a solution exists that is at least as good: copy the 20 trained layers, and let the other 36 pass their input on unchanged. Training did not find it in the time it had, nor any other good solution. He et al. (2015b) take this as a hint that a stack of layers has difficulty in learning to do *nothing*. That is a conjecture. Here we measure how far a *fresh* stack is from doing nothing; lesson 7, section 4, looks at trained ones.
#
# Here is a small measurement. Two 3 × 3 convolutions with a ReLU between them get an image with 16 channels of values from 0 to 1. How far is their output $F(x)$ from their input, and how far is $F(x) + x$? We draw He weights and multiply them by a factor. There is no normalization yet.

# %%
import keras
import numpy as np
from keras import layers, ops
from resnet_edu import blocks

rng = np.random.default_rng(0)
x = rng.uniform(0, 1, size=(4, 8, 8, 16)).astype("float32")


def branch(x, factor):
    first, second = (
        factor * keras.initializers.HeNormal(seed)((3, 3, 16, 16)) for seed in (1, 2)
    )
    x = ops.relu(ops.conv(x, first, padding="same"))
    return ops.convert_to_numpy(ops.conv(x, second, padding="same"))


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


print("factor   output = F(x)   output = F(x) + x")
for factor in (1, 0.5, 0.1, 0.01, 0):
    change = branch(x, factor)
    print(f"{factor:6}   {distance(change, x):13.4f}   {distance(change + x, x):17.4f}")

# %% [markdown]
# The numbers are distances between output and input, divided by the length of the input. Both kernels carry the factor, so $F(x)$ shrinks with its square: a tenth leaves a hundredth. With small weights, $F(x)$ alone goes to zero, and so its distance from the input to 1. Add the input, and small weights mean a small change. With weights zero the block does nothing.
#
# This is the idea of He et al. (2015b). Let $H(x)$ be what the block should compute. Instead of $H$, let the layers compute the difference to the input, the *residual* $F(x) = H(x) - x$, and add $x$ back:
#
# $$H(x) = F(x) + x.$$
#
# Doing nothing is now the point $F = 0$: easy to say, and, He et al. suppose, easier to learn than a stack of layers that copies. If the best a block can do is a small change, a small $F$ is enough. Without normalization, small weights make $F$ small, as in the table. With batch normalization the size of the kernels is divided out again, and the scale of the last normalization decides. Section 3 comes back to it.

# %% [markdown]
# ## 2. The block as a function
#
# The block of ResNet v1 has two 3 × 3 convolutions in its *branch*, each followed by batch normalization (BN). The *shortcut* goes around them. After the addition comes a ReLU:
#
# ```
#      ┌─ conv 3×3 ─ BN ─ ReLU ─ conv 3×3 ─ BN ─┐
#  x ──┤                                        + ── ReLU ── output
#      └──────────────── shortcut ──────────────┘
# ```
#
# In Keras' functional style a block is a function from a tensor to a tensor. The tensor may be a symbol, without values, as it is here:

# %% tags=["nbval-check-output"]
symbol = layers.Input((8, 8, 16))
y = layers.Conv2D(16, 3, padding="same", kernel_initializer="he_normal")(symbol)
y = layers.BatchNormalization()(y)
print(symbol.shape, "->", y.shape)

# %% [markdown]
# ### Exercise 1 · Write the block (medium, 15 minutes)
#
# Write `block(x, filters)`. It takes a tensor that already has `filters` channels, and returns the output of the block in the drawing. The result has the shape of `x`. The check puts random weights into your block and compares with a block that it trusts.


# %% tags=["exercise"]
def block(x, filters):
    ### BEGIN SOLUTION
    y = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(x)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(y)
    y = layers.BatchNormalization()(y)
    return layers.ReLU()(layers.Add()([x, y]))
    ### END SOLUTION


from resnet_edu import checks

checks.check_identity_block(block)

# %% [markdown]
# <details><summary>Hint: how do I keep x?</summary>
#
# Give the branch a name of its own, `y`. Calling a layer on `x` does not change `x`. At the end both are there, and `layers.Add()([x, y])` adds them.
#
# </details>
#
# <details><summary>Hint: the check says that a ReLU is in the wrong place</summary>
#
# Follow the drawing with a finger. There are two ReLUs. Which of them is inside the branch?
#
# </details>

# %% [markdown]
# The course's own version is `blocks.residual_block`. It names its layers after their place, so that we can address them:

# %% tags=["nbval-check-output"]
inputs = layers.Input((8, 8, 16))
residual_model = keras.Model(inputs, blocks.residual_block(inputs, 16, name="block"))
for layer in residual_model.layers[1:]:
    print(f"{layer.name:12} {tuple(layer.output.shape)}")

# %% [markdown]
# ## 3. A branch of zeros: predict first
#
# We set both kernels of the branch to zero. The biases and the offsets of BN (lesson 1's shifts) are zero already. BN works as in training, with mean and variance of the batch. What does this block return, for any input?
#
# - `"a"`: zeros
# - `"b"`: its input, whatever the input is
# - `"c"`: its input, if the input has no negative values
# - `"d"`: noise, since BN divides by the variance of its input, which is now zero

# %% tags=["exercise"]
prediction_zero = "c"  ### SOLUTION

# %%
for name in ("block_conv1", "block_conv2"):
    kernel = residual_model.get_layer(name).kernel
    kernel.assign(ops.zeros_like(kernel))


def largest_change(x):
    return float(ops.max(ops.abs(residual_model(x, training=True) - x)))


print("largest change of a value, input from  0 to 1:", largest_change(x))
print("largest change of a value, input from -1 to 1:", round(largest_change(2 * x - 1), 3))

# %%
checks.check_prediction("zero_branch", prediction_zero)

# %% [markdown]
# For an input without negative values the output equals the input, to the last bit. The zeros that leave the last convolution stay zeros in BN: it subtracts their mean, which is 0, and divides by the square root of the variance *plus a small number*. For other inputs the ReLU after the addition cuts the negative part off. Inside a ResNet v1 this makes no difference, because every block gets the output of a ReLU.
#
# So a residual network of 56 layers contains the shallower ones with the same three stages: set some branches to zero. Goyal et al. (2017) start training this way, but by another weight: the scale of the last BN in each branch starts at 0, and the whole network starts as a shallow one. The scale gets a gradient at once, and the kernels after its first step. (With both kernels at zero, as here, neither would ever get a gradient: each is multiplied by the other on the way back.)

# %% [markdown]
# ## 4. When the shapes do not match
#
# The first block of the second stage halves the image and doubles the filters. Now branch and input cannot be added:

# %% tags=["nbval-check-output"]
try:
    layers.Add()([layers.Input((8, 8, 16)), layers.Input((4, 4, 32))])
except ValueError as error:
    print(str(error).splitlines()[0])

# %% [markdown]
# The shortcut must bring $x$ to the new shape. He et al. (2015b, sections 3.3 and 4.1) compare three ways:
#
# - **option A**, *padding*: take every second pixel, and append channels of zeros. No parameters.
# - **option B**, *projection*: a 1 × 1 convolution with stride 2 where the shape changes, the identity elsewhere.
# - **option C**: a projection in every block.
#
# What do they cost in parameters? For ResNet v1-20:

# %% tags=["nbval-check-output"]
from resnet_edu import models

for option, shortcut in zip("ABC", ("padding", "projection", "projection_all")):
    count = models.resnet_v1((32, 32, 3), 20, shortcut=shortcut).count_params()
    print(f"option {option}: {count:,} parameters")

# %% [markdown]
# What do they bring? For ResNet-34 on ImageNet the paper reports top-1 errors of 25.03 % (A), 24.52 % (B) and 24.19 % (C), and 28.54 % for the plain network (table 3). The step from no shortcut to any of them is large, the steps between them are small. So projections are not what makes a ResNet work. In section 7 you will see that in a deeper network, on CIFAR-10, a projection in *every* block does harm. The paper uses A on CIFAR-10. The article that this course grew out of, a tutorial on the Keras example for CIFAR-10, uses B.
#
# ### Exercise 2 · Make the shortcut fit (medium, 15 minutes)
#
# Write `residual(x, filters, stride=1)`: your block from exercise 1, for any input. The first convolution of the branch has the stride. If the output has another shape than `x`, the shortcut is a 1 × 1 convolution without BN and without ReLU. If the shapes agree, it is `x` itself.


# %% tags=["exercise"]
def residual(x, filters, stride=1):
    ### BEGIN SOLUTION
    y = layers.Conv2D(
        filters, 3, strides=stride, padding="same", kernel_initializer="he_normal"
    )(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(y)
    y = layers.BatchNormalization()(y)
    if x.shape != y.shape:
        x = layers.Conv2D(
            filters, 1, strides=stride, padding="same", kernel_initializer="he_normal"
        )(x)
    return layers.ReLU()(layers.Add()([x, y]))
    ### END SOLUTION


checks.check_residual_block(residual)

# %% [markdown]
# <details><summary>Hint: how do I know that the shapes differ?</summary>
#
# A symbolic tensor has a `.shape`, such as `(None, 8, 8, 16)`. Compare that of the branch with that of `x`. Or think: which two arguments can change the shape?
#
# </details>

# %% [markdown]
# ## 5. Identity plus derivative
#
# Why should the shortcut help the gradient? The usual argument: the Jacobian of $x + F(x)$ is $I + \partial F/\partial x$. The $I$ passes every gradient on unchanged, however small the other term is. Is it exact? We take a small dense block with 6 values, without BN, and compute its Jacobian by finite differences, without and with the ReLU after the addition.

# %%
w1, w2 = rng.normal(size=(2, 6, 6))


def F(x):
    return w2 @ np.maximum(w1 @ x, 0)


def jacobian(f, x, step=1e-6):
    columns = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(6)]
    return np.stack(columns, axis=1)


point = rng.uniform(0, 1, size=6)
right = np.eye(6) + jacobian(F, point)
without = jacobian(lambda x: x + F(x), point)
with_relu = jacobian(lambda x: np.maximum(x + F(x), 0), point)
print(f"largest difference to I + dF/dx: {abs(without - right).max():.1e} without the ReLU")
print(f"                                 {abs(with_relu - right).max():.1e} with it")
empty_rows = np.flatnonzero(abs(with_relu).sum(axis=1) == 0)
negative = np.flatnonzero(point + F(point) < 0)
print("rows of the Jacobian that are 0 with it:", empty_rows.tolist())
print("outputs that are negative before it:   ", negative.tolist())

# %% [markdown]
# Without the ReLU the formula holds up to rounding. With it, the rows of the outputs that were negative are 0: there the gradient stops, on the shortcut too. The exact Jacobian is $D\,(I + \partial F/\partial x)$, where $D$ is diagonal with ones and zeros. In ResNet v1 the shortcut is free of ReLUs only within a block. From block to block the gradient passes a ReLU each time. Lesson 5 measures what this costs, and builds the block (v2) without it.
#
# A second caveat. $I$ passes the gradient on, but what arrives is the sum $I + \partial F/\partial x$. Where $\partial F/\partial x$ is close to $-I$ the two cancel: with $F(x) = -x$ nothing comes back. He et al. (2016) argue that this is unlikely for all images of a batch. And the sum has no upper bound: in section 7 a chain of 50 blocks without normalization makes the gradient tens of millions of times as large on its way back.

# %% [markdown]
# ### Exercise 3 · Bug hunt: always up (easy, 10 minutes)
#
# A colleague writes the block of section 2, and puts the second ReLU in the wrong place. It runs. But look at what it does to its input, beside the block of the drawing:


# %%
def broken_block(x, filters):
    y = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(y)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    return layers.Add()([x, y])


keras.utils.set_random_seed(0)
inputs = layers.Input((8, 8, 16))
right_output = blocks.residual_block(inputs, 16, name="right")
for name, output in [
    ("broken block", broken_block(inputs, 16)),
    ("right block", right_output),
]:
    change = keras.Model(inputs, output)(x, training=True) - x
    low, high = float(ops.min(change)), float(ops.max(change))
    print(f"{name:12} changes its input by {low:5.2f} to {high:.2f}")

# %% [markdown]
# What can such a branch never do to its input? Copy the block into the next cell as `mended_block` and mend it, so that it is again the block of section 2.


# %% tags=["exercise"]
def mended_block(x, filters):
    ### BEGIN SOLUTION
    y = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(y)
    y = layers.BatchNormalization()(y)
    return layers.ReLU()(layers.Add()([x, y]))
    ### END SOLUTION


checks.check_relu_position(mended_block)

# %% [markdown]
# <details><summary>Hint: where do I start?</summary>
#
# Compare the smallest change of both blocks. The broken one never goes below 0. Which operation makes all its values positive or zero, and what comes right after it?
#
# </details>

# %% [markdown]
# He et al. (2016, table 2) trained this variant, ReLU before the addition, with 110 layers: 7.84 % error on CIFAR-10, against 6.61 % of the original block.

# %% [markdown]
# ## 6. Gates: the highway block
#
# Some months before the residual network, Srivastava et al. (2015) trained very deep networks with *highway* blocks. On CIFAR-10 one of 19 layers had 7.54 % error (the best of several trainings), and one of 32 layers with about half as many parameters 8.80 % (as listed in He et al. 2015b, table 6). A gate $T(x)$ between 0 and 1, a sigmoid with weights of its own, mixes branch and input:
#
# $$y = T(x) \cdot F(x) + (1 - T(x)) \cdot x.$$
#
# If the gate is shut, $T = 0$, the block carries its input on. The bias of the gate starts at a negative number, so that training starts close to carry. A gate that stands at one half gives $\frac{1}{2}\,(F(x) + x)$, half of a residual block. In `blocks.highway_block` we keep the ReLU after the mix, to compare with v1. To see it, both blocks get the same kernels, and the gate's weights are set to 0. (A *style* holds what all layers of a block share; here we give it a seed.)

# %%
from dataclasses import replace

seeded = replace(blocks.ARTICLE, seed=0)
residual_output = blocks.residual_block(inputs, 16, style=seeded, name="residual")
highway_output = blocks.highway_block(inputs, 16, style=seeded, name="highway")
pair = keras.Model(inputs, [residual_output, highway_output])
for part in ("conv1", "conv2"):  # the same kernels in both blocks
    kernel = pair.get_layer(f"residual_{part}").get_weights()
    pair.get_layer(f"highway_{part}").set_weights(kernel)
gate = pair.get_layer("highway_gate")
gate.set_weights([np.zeros(weight.shape) for weight in gate.weights])  # sigmoid(0) = 1/2
of_residual, of_highway = pair(x, training=True)
difference = ops.max(ops.abs(of_highway - of_residual / 2))
print(f"largest |highway - residual / 2|: {float(difference):.1e}")

# %% [markdown]
# Identity shortcuts have no gate: they are never shut, and have no parameters. He et al. (2016, table 1) put gates and other things on the shortcuts of ResNet-110. The original has 6.61 % error on CIFAR-10. With a gate on branch and shortcut, as above, and the best bias, −6, it has 8.70 %. With a gate on the shortcut alone it has 12.86 % where the bias starts at 0, and 6.91 % at −6, where the gate hardly acts.
#
# ### Exercise 4 · Where the gate starts (easy, 5 minutes)
#
# All weights of the gate are zero, only its bias is not. Write `gate_bias(share)`: the bias with which the gate lets the given share of the branch through, for example 0.1.


# %% tags=["exercise"]
def gate_bias(share):
    ### BEGIN SOLUTION
    return np.log(share / (1 - share))
    ### END SOLUTION


checks.check_gate_bias(gate_bias)

# %% [markdown]
# <details><summary>Hint: I have forgotten the sigmoid</summary>
#
# $\sigma(b) = 1 / (1 + e^{-b})$. Solve $\sigma(b) = \text{share}$ for $b$.
#
# </details>

# %% [markdown]
# ## 7. Fifty blocks, from carry to residual
#
# What happens to signal and gradient in between? We use a chain that is simple enough to compute at once: 50 blocks $x \leftarrow a\,x + b\,F(x)$, dense, 64 values wide, with He weights, and a batch of 64 random inputs. The branch is BN, ReLU, weights, and nothing stands after the addition, so the shortcuts pass on exactly $a^{50}$. The signal starts with size 1 at the first block, the gradient with size 1 behind the last (size: the root of the mean square).
#
# The way from carry to residual has two halves. `mix_at(position)` gives $a$ and $b$ on it: first the gate opens, from $a = 1, b = 0$ (position 0) to $a = b = 0.5$ (position 0.5). Then the whole sum grows, to $a = b = 1$ (position 1).
#
# Predict first: in the middle, at $0.5\,x + 0.5\,F(x)$, the shortcuts alone pass on $0.5^{50} \approx 10^{-15}$ of the gradient. How large is the **whole** gradient at the first block, if it is 1 at the last?
#
# - `"a"`: about $10^{-15}$, since nothing else gets through
# - `"b"`: about 1
# - `"c"`: far above 1
# - `"d"`: exactly 0

# %% tags=["exercise"]
prediction_half = "c"  ### SOLUTION

# %%
import matplotlib.pyplot as plt
from resnet_edu import plotting, propagation


def show_chains(chains, top):
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
    for ax, (label, setting) in zip(axes, chains.items()):
        sizes = propagation.chain_signals(**setting)
        plotting.plot_chain(sizes, ax)
        ax.set_title(label, fontsize="medium")
        ax.set_ylim(1e-16, top)
        if ax is not axes[0]:
            ax.set_ylabel("")
        if ax is not axes[-1]:
            ax.get_legend().remove()
        print(f"{label}: {propagation.describe_chain(sizes)}")
    plt.show()


# %%
ways = {"carry: x": 0, "highway: 0.5·x + 0.5·F(x)": 0.5, "residual: x + F(x)": 1}
mixes = {label: propagation.mix_at(position) for label, position in ways.items()}
show_chains({label: {"shortcut": a, "branch": b} for label, (a, b) in mixes.items()}, top=1e4)

# %% tags=["nbval-check-output"]
for label, shortcut, weight in [("halved", 0.5, 0.5), ("plain", 0, 1), ("residual", 1, 1)]:
    sizes = propagation.chain_signals(shortcut=shortcut, branch=weight)
    grown = sizes["backward"][0]
    print(f"{label:8} {grown:9,.0f}, on average {grown ** (1 / 50) - 1:.0%} a block")

# %%
checks.check_prediction("half_shortcut", prediction_half)

# %% [markdown]
# In the left panel all three curves lie on 1: everything is carried. Now read the middle one, from right to left for the gradient. What the shortcuts alone pass on (triangles) falls to $10^{-15}$, as the formula says. The whole gradient does not fall: it *grows*, to about a thousand. BN is the reason. It divides by the size of its input, and this makes up for the halving: the smaller the signal, the steeper the branch. And as in lesson 1 it removes the mean that comes with ReLU and stretches the rest, which adds about 15 % a block on average. The plain chain, $F(x)$ alone, gives 16,000, or 21 % a block. So the halved chain has 14 times less than the plain one, and almost 90 times more than the residual one. Most of its gradient comes back through the branches.
#
# In the right panel, with the whole $x$, the gradient grows to 13 over 50 blocks. Its direct part stays 1. So here, too, most of the gradient has passed through branches. The signal grows too: each block adds its branch of size 1, so the mean square grows by one in each block, and its size as √(number of blocks).
#
# How do deep networks with such shortcuts train? Those of the next table are not our chain: they are convolutional, and have the block of v1 with its ReLU after each addition. He et al. (2016, table 1), ResNet-110 on CIFAR-10, error on the test images; "fails" means more than 20 %:
#
# | shortcut | branch | error |
# |---|---|---|
# | $x$ | $F$ | 6.61 % |
# | $0.5\,x$ | $F$ | fails |
# | $0.5\,x$ | $0.5\,F$ | 12.35 % |
# | $(1 - T)\,x$, gate bias −6 | $T\,F$ | 8.70 % |
# | 1 × 1 convolution in every block | $F$ | 12.22 % |
# | $x$ with dropout, rate 0.5 | $F$ | fails |
#
# The paper's reading: the direct part vanishes, the gradient is forced through the weight layers, and optimization becomes difficult. Our measurement says how large the gradient is that comes this way. In our fresh chain with BN, with shortcuts halved, it does not vanish. It grows, by about 15 % a block on average; in a plain chain it is 21 %. Whether that makes training hard, we did not test, and we did not measure the networks of the table.

# %% [markdown]
# ### Explore
#
# The slider shows the position in percent.
#
# 1. Move it from 0 to 100. Where is the gradient at the first block largest?
# 2. At 100, scale the shortcut by 0.9. This is a small change in one block. What is it over 50?
# 3. Take batch normalization out, and go from 100 down to 50. What happens to the gradient now, and why?

# %%
from resnet_edu import widgets

widgets.explore_shortcuts()

# %% tags=["nbval-check-output"]
print("position: gradient at the first block")
for percent in (0, 25, 40, 45, 50, 55, 60, 75, 100):
    a, b = propagation.mix_at(percent / 100)
    sizes = propagation.chain_signals(shortcut=a, branch=b)
    print(f"{percent:8}: {sizes['backward'][0]:,.0f}")

# %% [markdown]
# The answer to question 1: in the middle, as the numbers above show. Questions 2 and 3 as a figure:

# %%
without = {"batch_norm": False}
chains = {
    "0.9·x + F(x), with BN": {"shortcut": 0.9},
    "x + F(x), without BN": without,
    "0.5·x + 0.5·F(x), without BN": {"shortcut": 0.5, "branch": 0.5} | without,
}
show_chains(chains, top=1e9)

# %% [markdown]
# Question 2: of the direct part, $0.9^{50} \approx 0.005$ is left. The whole gradient is 21, more than with the whole shortcut. Question 3: without BN each residual block doubles the mean square of the signal. After 50 blocks it is about $2^{50}$ times as large, the signal itself tens of millions of times. Halving $x$ and $F$ more than undoes this. Nothing makes up for it now, and signal and gradient vanish together.
#
# ### Exercise 5 · The direct path (easy, 5 minutes)
#
# Write `passed_on(scale, blocks)`: the part of a gradient that comes back through `blocks` blocks by the shortcuts alone, if every shortcut is multiplied by `scale`.


# %% tags=["exercise"]
def passed_on(scale, blocks):
    ### BEGIN SOLUTION
    return scale**blocks
    ### END SOLUTION


checks.check_passed_on(passed_on)

# %% [markdown]
# <details><summary>Hint: one block at a time</summary>
#
# One shortcut passes on `scale` times the gradient. What do two in a row pass on?
#
# </details>

# %% [markdown]
# ## What to take along
#
# - A residual block computes a change to its input. If its branch is zero, it returns its input. In v1 the input must have no negative values for this, which the ReLU before the block sees to.
# - Where shapes differ, the shortcut pads or projects; where they agree, it is the identity. For ResNet-34 on ImageNet padding and projection are half a point apart, and the plain network is more than three points behind.
# - $I + \partial F/\partial x$ is exact for an identity shortcut with nothing after the addition. In v1 a ReLU stands there, and sets the rows of the negative sums to zero.
# - In ResNet-110 on CIFAR-10 the unchanged shortcut had the lowest error of those He et al. (2016) tried.
# - In our chain of 50 blocks, shortcuts scaled by 0.5 pass on 10⁻¹⁵ of the gradient. With BN the whole gradient does not vanish then. It grows, by about 15 % a block on average; in a plain chain it is 21 %.
#
# **Next:** lesson 4 stacks these blocks into ResNet v1 and counts every parameter and multiplication.
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · He et al. 2016, [Identity Mappings in Deep Residual Networks](https://arxiv.org/abs/1603.05027) · Srivastava, Greff and Schmidhuber 2015, [Highway Networks](https://arxiv.org/abs/1505.00387) · Goyal et al. 2017, [Accurate, Large Minibatch SGD](https://arxiv.org/abs/1706.02677) · the Keras example: [cifar10_resnet.py](https://github.com/keras-team/keras/blob/334df8d5069bbed0763c08e7a6a89880adac39c5/examples/cifar10_resnet.py).
