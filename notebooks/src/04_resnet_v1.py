# %% [markdown]
# # 4 · ResNet v1
#
# **You will** stack residual blocks into ResNet v1, draw it, count the parameters and multiplications of each layer, hunt a bug that the parameter count hardly shows, and compare the article's network with the paper's.
#
# **You will learn** where the depth rule $6n + 2$ comes from, why stages 2 and 3 halve the image and double the filters, and how to check a network builder.
#
# **You need** lesson 3. No GPU, no download.
#
# **Time:** about 100 minutes with the exercises. All cells together run in about 10 seconds on two CPU cores.

# %% [markdown]
# ## 1. From the block to the network
#
# ResNet v1 for CIFAR-10 images (He et al. 2015b, section 4.2) has
#
# - a *stem*: one 3 × 3 convolution with 16 filters, batch normalization and ReLU,
# - three *stages* of $n$ residual blocks, with 16, 32 and 64 filters,
# - a *classifier*: average pooling over the whole map, and one dense layer with softmax, which turns its outputs into probabilities: positive, with the sum 1.
#
# Each block has two layers, so the depth is $3 \cdot n \cdot 2 + 2 = 6n + 2$. Counted are the layers with a kernel, without the convolutions on shortcuts. With $n = 3$ it is 20:

# %%
import matplotlib.pyplot as plt
from resnet_edu import costs, diagrams, models

resnet20 = models.resnet_v1((32, 32, 3), 20)
described = costs.describe_blocks(resnet20)
fig, ax = plt.subplots(figsize=(10, 3), layout="constrained")
diagrams.draw_network(described, ax)
plt.show()
print(diagrams.summarize_network(described))

# %% [markdown]
# Each bar is a layer; a blue one is as high as its feature map. Each arc is a shortcut, and ⊕ the addition where it ends. Stages 2 and 3 begin with a block of stride 2. The stride sits in the **first** convolution of the **first** block of the stage, and in the shortcut around it, nowhere else. There the shape changes, and so the shortcut is a projection in the article's network, which is drawn here. (The paper's pads: section 6.)
#
# The same network as layers:

# %% tags=["nbval-check-output"]
convolutions = [layer for layer in resnet20.layers if "_conv" in layer.name]
for layer in [*convolutions[:3], *convolutions[6:9], convolutions[-1]]:
    kernel = str(tuple(layer.kernel.shape))
    print(f"{layer.name:20} kernel {kernel:18} output {layer.output.shape[1:]}")

# %% [markdown]
# ## 2. What a convolution costs
#
# Two numbers tell the cost of a layer. Its *parameters* are what has to be learned and stored. Its *multiply-adds* are the multiplications, each with the addition of its product, that it needs for one image. A kernel is used again at every output pixel. So multiply-adds depend on the size of the image, and parameters do not.
#
# ### Exercise 1 · Count one convolution (easy, 10 minutes)
#
# Write `conv_cost(height, width, channels_in, filters, kernel=3, stride=1, bias=True)`. It returns two numbers, parameters and multiply-adds, of a convolution with padding `same` on an input of `height` × `width` pixels. The bias counts as parameters, not as multiply-adds. Products with the zeros of the padding are counted like the others.


# %% tags=["exercise"]
def conv_cost(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
    ### BEGIN SOLUTION
    weights = kernel * kernel * channels_in * filters
    pixels = -(-height // stride) * -(-width // stride)  # rounded up
    return weights + filters * bias, weights * pixels
    ### END SOLUTION


from resnet_edu import checks

checks.check_conv_cost(conv_cost)

# %% [markdown]
# <details><summary>Hint: which size counts, before or after the stride?</summary>
#
# One output pixel of one filter costs one multiplication for each weight of the filter. How many output pixels are there? With stride 2 and 7 pixels there are 4: the division is rounded up.
#
# </details>

# %% [markdown]
# ## 3. Where the cost sits: predict first
#
# Stage 1 works on 32 × 32 pixels with 16 filters, stage 2 on 16 × 16 with 32, stage 3 on 8 × 8 with 64. Which stage of ResNet-20 needs the most multiply-adds?
#
# - `"a"`: stage 1 by far, its images are the largest
# - `"b"`: stage 3 by far, it has the most filters
# - `"c"`: all three need about the same

# %% tags=["exercise"]
prediction_cost = "c"  ### SOLUTION

# %%
rows = costs.layer_costs(resnet20)
fig, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
diagrams.plot_stage_costs(costs.group_costs(rows), ax)
plt.show()
print(costs.format_costs(rows, by="stage"))

# %%
checks.check_prediction("stage_costs", prediction_cost)

# %% [markdown]
# Halving height and width leaves a quarter of the pixels. Doubling the channels, those that come in and those that go out, makes four times as many weights. The product stays. So each stage takes about a third of the multiply-adds, and three quarters of the parameters sit in the last one. (The first convolution of stages 2 and 3 has half as many channels coming in, and costs half.) VGG networks double their filters in this way up to 512 (Simonyan and Zisserman 2014), and the paper makes it a rule.
#
# The same layer by layer, along the depth. Shortcuts and BN are left out of the picture:

# %%
fig, axes = plt.subplots(2, 1, figsize=(9, 5), layout="constrained", sharex=True)
diagrams.plot_layer_costs(rows, axes)
plt.show()
print("\n".join(costs.format_costs(rows).splitlines()[:8]))
print("...")

# %% [markdown]
# From stage to stage a layer has about four times as many parameters; the first layer of stages 2 and 3 has half of its stage's number. The multiply-adds are flat, but for the two layers with stride 2 and both ends: the stem sees only three channels, and the classifier needs 640.
#
# Batch normalization appears in the table with four numbers per channel: scale and offset (lesson 1's shift), which are trained, and the moving mean and variance, which are not. Keras' `count_params` counts them all. Papers usually count the trained ones.
#
# ### Exercise 2 · Count a whole network (hard, 20 minutes)
#
# Write `count_parameters(depth)`: all parameters of the article's ResNet v1 for images of 32 × 32 × 3 and 10 classes, as `count_params` counts them. Use plain Python, no Keras. Every convolution and the classifier have biases. Every convolution outside of the shortcuts is followed by BN. The first block of stages 2 and 3 has a 1 × 1 projection, with a bias and without BN.


# %% tags=["exercise"]
def count_parameters(depth):
    ### BEGIN SOLUTION
    def conv(kernel, before, filters):
        return kernel**2 * before * filters + filters

    n = (depth - 2) // 6
    before = 16
    total = conv(3, 3, before) + 4 * before
    for filters in (16, 32, 64):
        for _ in range(n):
            total += conv(3, before, filters) + conv(3, filters, filters) + 8 * filters
            if before != filters:
                total += conv(1, before, filters)
            before = filters
    return total + before * 10 + 10
    ### END SOLUTION


checks.check_count_parameters(count_parameters)

# %% [markdown]
# <details><summary>Hint: my number is close, but not equal</summary>
#
# Print your number for each part and compare with `print(costs.format_costs(rows, by="block"))`.
#
# </details>

# %% [markdown]
# ## 4. The builder
#
# A builder is a function from depth to network. It has two loops, over stages and over blocks, and a special case: the first block of stages 2 and 3. Keep a running tensor `x`, and let each block replace it.
#
# ### Exercise 3 · Build ResNet v1 (hard, 25 minutes)
#
# Write `build_v1(input_shape, depth, num_classes=10)`. It returns the article's network, with projections as described above, as a Keras model that maps images to class probabilities. Two functions help: `blocks.conv_bn_act(x, filters, name=...)` is a 3 × 3 convolution with BN and ReLU, and `blocks.residual_block(x, filters, stride=..., name=...)` is the block of lesson 3. Each name must be given once. (Or copy your `residual` from lesson 3.) A depth that is not $6n + 2$ with $n = 1, 2, …$ must raise a `ValueError`. The check compares the layers, and the outputs with the same weights in both networks, and tells you the number of parameters. The article's network has 274,442 at depth 20.

# %%
import keras
from keras import layers
from resnet_edu import blocks


# %% tags=["exercise"]
def build_v1(input_shape, depth, num_classes=10):
    ### BEGIN SOLUTION
    if (depth - 2) % 6 or depth < 8:
        raise ValueError("the depth must be 6n + 2")
    inputs = layers.Input(input_shape)
    x = blocks.conv_bn_act(inputs, 16, name="stem")
    for stage, filters in enumerate([16, 32, 64], start=1):
        for number in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            name = f"stage{stage}_block{number}"
            x = blocks.residual_block(x, filters, stride=stride, name=name)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(num_classes, activation="softmax")(x))
    ### END SOLUTION


checks.check_resnet_v1(build_v1)

# %% [markdown]
# <details><summary>Hint: how do I start and end?</summary>
#
# `inputs = layers.Input(input_shape)`, at the end `keras.Model(inputs, outputs)`. In between, `x` is the tensor that goes on.
#
# </details>
#
# <details><summary>Hint: "All operation names should be unique"</summary>
#
# Two blocks got the same `name`. Build it from the numbers of stage and block.
#
# </details>

# %% [markdown]
# ## 5. A bug that the parameter count hardly shows
#
# The following builder has a mistake that is easily made. At depth 20 it has 274,714 parameters, only 272 more than ResNet-20:


# %%
def broken_v1(input_shape, depth, num_classes=10):
    n = models.blocks_per_stage(depth, layers_per_block=2)
    inputs = layers.Input(input_shape)
    x = blocks.conv_bn_act(inputs, 16, name="stem")
    stride = 2
    for stage, filters in enumerate([16, 32, 64], start=1):
        for number in range(1, n + 1):
            name = f"stage{stage}_block{number}"
            x = blocks.residual_block(x, filters, stride=stride, name=name)
            stride = 1
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs)


# %% tags=["nbval-check-output"]
broken20 = broken_v1((32, 32, 3), 20)
for name, network in [("ResNet-20", resnet20), ("broken", broken20)]:
    total = costs.total_costs(costs.layer_costs(network))
    mega = total.multiply_adds / 1e6
    print(f"{name:9} {total.parameters:,} parameters, {mega:.1f} million multiply-adds")

# %% [markdown]
# The 272 parameters are one more projection. (With option A as shortcut the counts would be equal. The 272, and the equality with option A, hold because this builder pools the whole map. The article's pooling by 8 × 8 would leave 2 × 2 pixels of the broken network's last map, and the classifier would get four times the weights.) The broken network runs without an error. But it needs 1.7 times the multiply-adds. Where do they come from?
#
# ### Exercise 4 · Bug hunt: the stride (medium, 10 minutes)
#
# Compare the two networks: `print(costs.format_costs(costs.layer_costs(broken20), by="block"))`, and the same for `resnet20`. Or draw the broken one as in section 1, from `costs.describe_blocks(broken20)`. Then copy the builder into the next cell as `mended_v1` and mend it.


# %% tags=["exercise"]
def mended_v1(input_shape, depth, num_classes=10):
    ### BEGIN SOLUTION
    n = models.blocks_per_stage(depth, layers_per_block=2)
    inputs = layers.Input(input_shape)
    x = blocks.conv_bn_act(inputs, 16, name="stem")
    for stage, filters in enumerate([16, 32, 64], start=1):
        for number in range(1, n + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            name = f"stage{stage}_block{number}"
            x = blocks.residual_block(x, filters, stride=stride, name=name)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs)
    ### END SOLUTION


checks.check_stride_position(mended_v1)

# %% [markdown]
# <details><summary>Hint: what should I look for?</summary>
#
# Look at the output sizes. In which block does the image become smaller, and in which ones should it?
#
# </details>

# %% [markdown]
# ## 6. The article's network and the paper's
#
# Two networks go by the name of ResNet v1. This course builds the one of the article it grew out of, a tutorial on the Keras example for CIFAR-10. The paper's differs in the five things that follow. The third, pooling, matters only for images of another size. In `resnet_edu.models` they are data, two entries of one table:

# %% tags=["nbval-check-output"]
for name in ("article", "paper"):
    variant = models.VARIANTS[name]
    style = variant.style
    pooling = "global" if variant.global_pooling else "8×8, then flatten"
    print(f"{name:7} bias in convolutions: {style.conv_bias}, shortcut: {variant.shortcut}")
    print(f"        pooling: {pooling}")
    print(f"        gradient of L2: {2 * style.l2:g} · w,", end=" ")
    print(f"on the classifier too: {style.l2_on_classifier}")
    print(f"        BN: momentum {style.bn_momentum}, epsilon {style.bn_epsilon}")

# %% [markdown]
# - A **bias** before BN does nothing in training: BN subtracts it again. It only adds parameters. (The two projections have no BN behind them. Their 96 biases at depth 20 do learn, but the offset of the branch's last BN could do the same.)
# - **Padding** shortcuts (option A) have no parameters, so the paper's plain and residual networks are equal in size, and differ in the shortcut alone. In the article's they are not.
# - **Pooling** is the same for images of 32 × 32: the last map has 8 × 8 pixels.
# - The **L2** factor: Keras' `L2(1e-4)` adds 10⁻⁴ · w² to the loss, whose gradient is 2 · 10⁻⁴ · w. The paper's weight decay of 10⁻⁴ has the gradient 10⁻⁴ · w. So the article's term has twice the gradient of the paper's. (*Weight decay* pulls each weight a little towards zero at every step. How strongly a term in the loss does so depends on the optimizer, too: lesson 6.) We take the paper's decay to mean the classifier too, but not BN's scale and offset; it does not say.
# - **BN**: *momentum* is the share of the old moving mean that is kept at each step, *epsilon* the small number that is added to the variance. The article takes Keras' defaults. The paper does not print its own. We take PyTorch's, 0.9 and 10⁻⁵. (PyTorch writes this momentum as 0.1.)
#
# The counts, plain against residual:

# %% tags=["nbval-check-output"]
import numpy as np


def trained(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


for name in ("article", "paper"):
    plain = trained(models.plain_net((32, 32, 3), 20, variant=name))
    residual = trained(models.resnet_v1((32, 32, 3), 20, variant=name))
    print(f"{name:7} plain-20 {plain:,}, ResNet-20 {residual:,} trained parameters")

# %% [markdown]
# ### Exercise 5 · Option A (medium, 10 minutes)
#
# Write `padding_shortcut(x, filters, stride)` in NumPy: `x` has the shape (batch, height, width, channels). Take every `stride`-th pixel, and append channels of zeros until there are `filters`.


# %% tags=["exercise"]
def padding_shortcut(x, filters, stride):
    ### BEGIN SOLUTION
    x = x[:, ::stride, ::stride]
    return np.pad(x, [(0, 0), (0, 0), (0, 0), (0, filters - x.shape[-1])])
    ### END SOLUTION


checks.check_padding_shortcut(padding_shortcut)

# %% [markdown]
# <details><summary>Hint: a function that appends zeros</summary>
#
# `np.pad` takes, for each axis, how many zeros come before and how many after. Or make an array of zeros of the right shape with `np.zeros`, and write `x` into a part of it.
#
# </details>

# %% [markdown]
# ## 7. Check against published counts
#
# Published numbers are an independent test. The totals of the article's networks are known to the last parameter: `model.summary()` prints them for the Keras example. The paper rounds its own to two digits (He et al. 2015b, table 6):

# %% tags=["nbval-check-output"]
article = {20: 274_442, 56: 861_770, 110: 1_742_762}
paper = {20: "0.27", 32: "0.46", 44: "0.66", 56: "0.85", 110: "1.7"}
for depth, published in article.items():
    built = models.resnet_v1((32, 32, 3), depth).count_params()
    counts = f"published {published:9,}  built {built:9,}"
    print(f"article, depth {depth:3}: {counts}  equal: {built == published}")
for depth, published in paper.items():
    built = trained(models.resnet_v1((32, 32, 3), depth, variant="paper"))
    counts = f"published {published:>7} M  built {built:9,}"
    print(f"paper,   depth {depth:3}: {counts}  equal: {f'{built / 1e6:.2g}' == published}")

# %% [markdown]
# What does such a check show? The count grows by 97,888 with each $n$. So two totals fix the line, and the third follows. That they agree to the last parameter makes it very likely that kernels, biases, BN and projections are all there, in the right sizes. The paper's two digits show much less: BN's trained parameters are half a percent at depth 20 (1,376 of 269,722), so a network without any BN rounds to the same 0.27. What does neither show? Where the stride is, as long as no projection and no size in front of the classifier changes; in which order BN, ReLU and addition come, and what is connected to what. The exact total does catch the bug of exercise 4, but only by the projection that it adds; the paper's two digits do not. The bug of the block in lesson 3 changes no count. So check more than one property: counts, output sizes, multiply-adds, and the output for known weights. This is what the checks in this course do.
#
# ## What to take along
#
# - ResNet v1 is a stem, three stages of $n$ two-layer blocks, and a classifier: $6n + 2$ layers.
# - Half the height and width, twice the filters: each stage needs about the same multiply-adds, and the last holds most of the parameters.
# - The stride sits in the first convolution of the first block of stages 2 and 3, and in the shortcut beside it.
# - A parameter count checks sizes. It sees a wrong stride only where that adds a projection or enlarges the classifier, and never a wrong order.
# - The article's and the paper's ResNet v1 differ in bias, shortcut, weight decay and BN, and for other image sizes in pooling. Say which one a number belongs to.
#
# **Next:** lesson 5 moves the ReLU and builds ResNet v2.
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · Simonyan and Zisserman 2014, [Very Deep Convolutional Networks](https://arxiv.org/abs/1409.1556) · the Keras example: [cifar10_resnet.py](https://github.com/keras-team/keras/blob/334df8d5069bbed0763c08e7a6a89880adac39c5/examples/cifar10_resnet.py).
