# %% [markdown]
# # 8 · ImageNet ResNets
#
# **You will** count what AlexNet, VGG-19 and the ResNets cost, show that Keras' ResNet-50 and ours compute the same function, and move blocks between stages.
#
# **You will learn** what changes from CIFAR-10 to ImageNet, what the famous numbers measure, and where the shortcut lives on today.
#
# **You need** lessons 2 to 5. No GPU, no download, no ImageNet.
#
# **Time:** about 80 minutes with the exercises. All cells together run in about 40 seconds on two CPU cores.

# %% [markdown]
# ## 1. Deeper, step by step
#
# ImageNet has 1.28 million training images of 1,000 classes (the subset of the yearly contest, ILSVRC). Networks see crops of 224 × 224 pixels, 49 times as many as CIFAR-10's 32 × 32. In the years from 2012 to 2015 they got deeper: AlexNet had 8 layers with weights, VGG-19 had 19, ResNet-152 had 152.
#
# VGG-19 is easy to describe. Five stages of 3 × 3 convolutions, with 64, 128, 256, 512 and 512 filters and 2, 2, 4, 4 and 4 convolutions. A pooling after each stage halves the image. Three dense layers follow, with 4096, 4096 and 1000 outputs.
#
# ### Exercise 1 · What does VGG cost? (medium, 15 minutes)
#
# Write `vgg_cost(stages)`. `stages` is a list of pairs, filters and number of convolutions, one pair a stage. Return the multiply-adds for one image of 224 × 224 pixels with 3 channels, the three dense layers included. Each stage works at the size that it gets; after it, both sides are halved (the fraction is dropped). Biases and poolings are not counted.


# %% tags=["exercise"]
def vgg_cost(stages):
    ### BEGIN SOLUTION
    side, channels, total = 224, 3, 0
    for filters, convolutions in stages:
        for _ in range(convolutions):
            total += 9 * channels * filters * side**2
            channels = filters
        side //= 2
    return total + side**2 * channels * 4096 + 4096 * 4096 + 4096 * 1000
    ### END SOLUTION


from resnet_edu import checks

checks.check_vgg_cost(vgg_cost)

# %% [markdown]
# <details><summary>Hint: one convolution</summary>
#
# At each of side × side pixels, each filter sums over 9 pixels of all channels that enter. The first convolution of a stage gets the channels of the stage before.
#
# </details>
#
# ### Predict first
#
# ResNet-152 is eight times as deep as VGG-19. Which of the two needs more multiply-adds for one image?
#
# - `"a"`: ResNet-152, about eight times as many
# - `"b"`: VGG-19
# - `"c"`: about the same, within a tenth

# %% tags=["exercise"]
prediction_vgg = "b"  ### SOLUTION

# %% [markdown]
# `models.resnet_imagenet` builds the five ResNets of the paper, `models.plain_imagenet` the two plain networks. AlexNet and VGG-19 are counted layer by layer from their papers: kernel size, channels in, filters, side of the output. (AlexNet ran on two GPUs. In three of its layers a filter sees the channels of one GPU only, hence 48 and 192.)

# %%
import itertools

from resnet_edu import costs, models

ALEXNET = [
    (11, 3, 96, 55),
    (5, 48, 256, 27),
    (3, 256, 384, 13),
    (3, 192, 384, 13),
    (3, 192, 256, 13),
]
VGG19 = [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]


def count_table(convolutions, dense):
    """Count parameters, biases included, and multiply-adds."""
    weights = [(k * k * c * f, f, side * side) for k, c, f, side in convolutions]
    weights += [(a * b, b, 1) for a, b in itertools.pairwise(dense)]
    parameters = sum(kernel + bias for kernel, bias, _ in weights)
    return costs.Cost(parameters, sum(kernel * size for kernel, _, size in weights))


# %% tags=["nbval-check-output"]


def show_cost(name, depth, cost):
    millions, billions = cost.parameters / 1e6, cost.multiply_adds / 1e9
    print(f"{name:10} {depth:3} layers {millions:6.1f} million parameters", end=" ")
    print(f"{billions:6.2f} billion multiply-adds")


vgg_convolutions, before = [], 3
for stage, (filters, convolutions) in enumerate(VGG19):
    for _ in range(convolutions):
        vgg_convolutions.append((3, before, filters, 224 >> stage))
        before = filters
table = {
    "AlexNet": (8, count_table(ALEXNET, (9216, 4096, 4096, 1000))),
    "VGG-19": (19, count_table(vgg_convolutions, (25088, 4096, 4096, 1000))),
}
for name, (depth, cost) in table.items():
    show_cost(name, depth, cost)

# %% tags=["nbval-check-output"]
import math

import keras

for name, depth, build in [
    ("plain-34", 34, models.plain_imagenet),
    *((f"ResNet-{depth}", depth, models.resnet_imagenet) for depth in (18, 34, 50, 101, 152)),
]:
    network = build(depth, initializer="zeros")  # zeros are quick to draw, and only counted
    trainable = sum(math.prod(weight.shape) for weight in network.trainable_variables)
    rows = costs.layer_costs(network)
    table[name] = depth, costs.Cost(trainable, costs.total_costs(rows).multiply_adds)
    del network
    keras.utils.clear_session()  # gives its memory back at once
    show_cost(name, *table[name])
    without = sum(row.multiply_adds for row in rows if "shortcut" not in row.name)
    if without != table[name][1].multiply_adds:
        print(f"{'':41} {without / 1e9:6.2f} billion without the projections")

# %%
checks.check_prediction("vgg_152", prediction_vgg)

# %% [markdown]
# The paper's abstract says "8× deeper than VGG nets but still having lower complexity". That holds: ResNet-152 needs 11.3 billion multiply-adds, VGG-19 19.6. Two things make it possible. At 56 × 56 pixels the ResNet's 3 × 3 convolutions have 64 filters where VGG's have 256, and it hardly works on larger maps at all. And in the later stages, too, the bottlenecks keep the 3 × 3 convolutions narrow. (VGG-19's three dense layers hold 124 of its 144 million parameters, the one dense layer of ResNet-152 two million. In multiply-adds they hardly count.)
#
# The paper prints 1.8, 3.6, 3.8, 7.6 and 11.3 billion for its ResNets. We count 1.81, 3.66, 3.86, 7.57 and 11.28. 3.6 fits 34 layers without projections (3.64). For 50 layers 3.8 fits neither our 3.86 nor the 3.50 without projections. Perhaps the figure was cut off, although 7.6 and 11.3 were not. Its "FLOPs" are multiply-adds, as in lesson 4. The trainable parameters are, to the last one, those that torchvision states for its networks of the same depths (a test of the course compares them).

# %%
import matplotlib.pyplot as plt

errors = {
    "AlexNet": 43.48,
    "VGG-19": 27.62,
    "ResNet-18": 30.24,
    "ResNet-34": 26.69,
    "ResNet-50": 23.87,
    "ResNet-101": 22.63,
    "ResNet-152": 21.69,
}
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for name, error in errors.items():
    depth, cost = table[name]
    adds, color = cost.multiply_adds / 1e9, "C0" if name.startswith("ResNet") else "C1"
    ax.scatter(adds, error, s=4 * cost.parameters / 1e6, color=color, alpha=0.6)
    ax.annotate(name, (adds + 0.45, error + 0.4))
ax.set(xlabel="billion multiply-adds", ylabel="top-1 error, %", ylim=(20, 46), xlim=(0, 22.5))
ax.set_title("ImageNet; the area of a disc shows the parameters")
plt.show()
print("against VGG-19:")
for name, error in errors.items():
    share = table[name][1].multiply_adds / table["VGG-19"][1].multiply_adds
    more = error - errors["VGG-19"]
    print(f"{name:10} {share:4.0%} of the multiply-adds, top-1 error {more:+.1f} points")

# %% [markdown]
# The errors are those of torchvision's first weights (`IMAGENET1K_V1`; for 50 layers and more it has newer ones with less error, from another recipe): the share of the 50,000 validation images whose right class does not get the largest probability (*top-1*), one crop an image. So they come from one source and one way of testing, though not from equal training. ResNet-34 and deeper have less error than this VGG-19 at 19 to 57 % of its multiply-adds. ResNet-18 has more. But VGG-19 is here as in its paper, without batch normalization. torchvision's VGG-19 with it has 25.78 % error: less than ResNet-34, more than ResNet-50. So not all of the distance belongs to the shortcuts. (Counts of parameters and multiply-adds are those above; torchvision's AlexNet differs a little from the paper's, and its ResNets of 50 layers and more have a stride elsewhere: section 3.)

# %% [markdown]
# ## 2. The 18 and the 34
#
# Lesson 2 was about this experiment, on a small task. He et al. trained both depths on ImageNet, with and without shortcuts. What did they find? (Lesson 2 had the numbers. Answer from memory, or predict, before you look at the table below.)
#
# - `"a"`: deeper is better, with and without shortcuts
# - `"b"`: deeper is worse without shortcuts and better with them
# - `"c"`: shortcuts help at 18 layers and hurt at 34

# %% tags=["exercise"]
prediction_imagenet = "b"  ### SOLUTION
checks.check_prediction("imagenet_plain", prediction_imagenet)

# %% [markdown]
# Top-1 error on the validation images, ten crops (He et al. 2015b, table 2):
#
# | | plain | ResNet |
# |---|---|---|
# | 18 layers | 27.94 % | 27.88 % |
# | 34 layers | 28.54 % | 25.03 % |
#
# Ten crops: each image is judged by the mean over five parts of it and their mirror images, which makes errors smaller than with one. The ResNets here have shortcuts without parameters (option A), so the two networks of a row have equally many. (The builder above uses projections, hence 21.8 against 21.6 million.)
#
# At 18 layers the difference is 0.06 points, at 34 it is 3.5. Without shortcuts the deeper network is the worse one, and its **training** error is higher, too (figure 4 of the paper): degradation, not overfitting. At 18 layers the authors report faster convergence as the only gain.
#
# ## 3. The blueprint
#
# The networks follow one table: a 7 × 7 stem with stride 2 and a 3 × 3 maximum pooling with stride 2; four stages with 64, 128, 256 and 512 filters; a global average; a dense layer. 18 and 34 layers use the two-layer block. 50 and more use the bottleneck, with four times the filters at its output.

# %% tags=["nbval-check-output"]
from resnet_edu import imagenet

for depth, (bottleneck, counts) in imagenet.STAGES.items():
    kind = "bottlenecks" if bottleneck else "two 3×3"
    print(f"ResNet-{depth:<3} {kind:11} blocks in the stages: {counts}")

# %% [markdown]
# ### Exercise 2 · Why is it called ResNet-50? (easy, 5 minutes)
#
# Write `count_layers(blocks, layers_per_block)`: the depth of a network with so many blocks in each stage. `blocks` is a tuple of any length. Count as the authors do: the convolutions and dense layers on the way from input to output along the branches. Projections do not count.


# %% tags=["exercise"]
def count_layers(blocks, layers_per_block):
    ### BEGIN SOLUTION
    return sum(blocks) * layers_per_block + 2
    ### END SOLUTION


checks.check_count_layers(count_layers)

# %% [markdown]
# <details><summary>Hint: my number is a little too small, or too large</summary>
#
# Try it on ResNet-50: 3 + 4 + 6 + 3 blocks of three layers are 48. Which two layers stand outside of the blocks? If you are above 50, you counted projections.
#
# </details>

# %%
import numpy as np
from resnet_edu import diagrams

fifty = models.resnet_imagenet(50, initializer="zeros")
described = costs.describe_blocks(fifty)
fig, ax = plt.subplots(figsize=(10, 3), layout="constrained")
diagrams.draw_network(described, ax)
plt.show()
print(diagrams.summarize_network(described))

# %% [markdown]
# (The stem's bar stands for the 7 × 7 convolution and the pooling. It has the colour of the 3 × 3 ones, and the height of the map after the pooling.) All five are ResNets v1: BN after each convolution, a ReLU after the addition. Unlike the article's network of lesson 4, the projections have batch normalization, too.
#
# Three of the details in which published ResNets of one name differ: BN's ε, and these two:
#
# - **Where the stride is.** In the authors' released networks the stride of 2 is in the first 1 × 1 convolution of a stage, which then never reads three of four pixels. torchvision puts it into the 3 × 3 ("version 1.5"), with as many parameters:


# %% tags=["nbval-check-output"]
def count_adds(depth, stride_at):
    network = models.resnet_imagenet(depth, stride_at=stride_at, initializer="zeros")
    return costs.total_costs(costs.layer_costs(network)).multiply_adds


for depth in (50, 101, 152):
    first, second = (count_adds(depth, place) / 1e9 for place in ("conv1", "conv2"))
    keras.utils.clear_session()
    print(f"ResNet-{depth}: {first:.2f} billion multiply-adds,", end=" ")
    print(f"or {second:.2f} with the stride in the 3×3")

# %% [markdown]
# - **Biases.** The convolutions of `keras.applications.ResNet50` have biases, although batch normalization follows, which subtracts a mean. They add 26,560 parameters and no function that was not there. The next section shows it.
#
# ## 4. Equal outputs, other weights
#
# Is our ResNet-50 the same function as Keras'? The test: give ours the weights of the other, and compare outputs. The layers correspond one to one, but for the biases.
#
# ### Exercise 3 · Fold a bias (medium, 10 minutes)
#
# A convolution with a bias is followed by batch normalization with the moving mean `moving_mean`. Write `fold_bias(bias, moving_mean)`: which moving mean gives the same outputs if the bias is left out?


# %% tags=["exercise"]
def fold_bias(bias, moving_mean):
    ### BEGIN SOLUTION
    return moving_mean - bias
    ### END SOLUTION


checks.check_fold_bias(fold_bias)

# %% [markdown]
# <details><summary>Hint: the formula</summary>
#
# Batch normalization computes scale · (x + bias − mean) / √(variance + ε) + offset. The mean stands in the same bracket as the bias. Which mean, without the bias, leaves the bracket as it was? (The offset could take the bias in, too, but that needs scale and variance.)
#
# </details>
#
# If you have the trained weights of Keras' ResNet-50 on this computer, the next cell takes them. It does not download them (100 MB). Without them, every weight and every statistic is drawn at random, so that each counts.

# %%
theirs, is_trained = imagenet.load_keras_resnet50()
ours = models.resnet_imagenet(50, bn_epsilon=1.001e-5)
imagenet.copy_resnet50(theirs, ours)
rng = np.random.default_rng(0)
images = 50 * rng.normal(size=(2, 224, 224, 3)).astype("float32")
expected = theirs.predict(images, verbose=0)
difference = np.abs(ours.predict(images, verbose=0) - expected).max()
print("weights:", "trained on ImageNet" if is_trained else "drawn at random")
print(f"largest output {expected.max():.2g}, largest difference {difference:.0e}")
print(f"parameters: theirs {theirs.count_params():,}, ours {ours.count_params():,}")
other = models.resnet_imagenet(50, bn_epsilon=1.001e-5, stride_at="conv2")
imagenet.copy_resnet50(theirs, other)
difference = np.abs(other.predict(images, verbose=0) - expected).max()
print(f"largest difference with the stride in the 3×3: {difference:.1g}")

# %% [markdown]
# Equal up to rounding, with 26,560 parameters less. So at inference "ResNet-50" with and without biases is one set of functions. (Keras' ε is 1.001e-5, hence `bn_epsilon`. Here our 1e-5 would give the same outputs up to rounding. Even a larger difference in ε can be taken into the moving variance, as the bias into the moving mean: only their sum counts.) With the stride elsewhere, the same weights are another function, and no count of parameters tells. A test of equal outputs does. (Before you use trained weights: each library has its own preprocessing of the pixels, which belongs to the network that was trained.)
#
# ## 5. What 3.57 % and 28 % measure
#
# - **3.57 %** is the top-5 error (the right class is not among the first five) of an *ensemble of six networks* on the *test* set of ILSVRC 2015, the first place. A single ResNet-152 has 4.49 % on the validation set, and 19.38 % top-1 (He et al. 2015b, tables 4 and 5). There the scores are averaged over several image sizes; the 21.69 % in the figure of section 1 is one crop, with other weights.
# - **28 %** is a *relative* gain in the detection of objects on the data set COCO: the detector Faster R-CNN with ResNet-101 in place of VGG-16 brings COCO's mean average precision, a measure from 0 to 100, from 21.2 to 27.2. This one is averaged over ten demands on how well a box must overlap the object, from 0.5 to 0.95. With 0.5 alone it goes from 41.5 to 48.4, a gain of 17 %. (Both: table 8.)

# %% tags=["nbval-check-output"]
print(f"relative gain: {27.2 / 21.2 - 1:.0%}, in points: {27.2 - 21.2:.1f}")

# %% [markdown]
# Six points, with only the network below the detector exchanged.
#
# ## 6. Your own
#
# Choose the blocks of each stage. Keep 16 bottlenecks, which makes 50 layers, and move them between the stages. What happens to the multiply-adds, and what to the parameters? Why?

# %%
from resnet_edu import widgets

widgets.explore_stages()

# %% [markdown]
# Without widgets: ResNet-50, the same 16 bottlenecks mostly in stage 1 and mostly in stage 4, and two-layer blocks in ResNet-50's stages, which is ResNet-34:

# %%
from resnet_edu import plotting

compared = {
    "ResNet-50": imagenet.count_costs((3, 4, 6, 3), bottleneck=True),
    "13-1-1-1": imagenet.count_costs((13, 1, 1, 1), bottleneck=True),
    "1-1-1-13": imagenet.count_costs((1, 1, 1, 13), bottleneck=True),
    "ResNet-34": imagenet.count_costs((3, 4, 6, 3), bottleneck=False),
}

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for ax, kind, unit, what in [
    (axes[0], "parameters", 1e6, "million parameters"),
    (axes[1], "multiply_adds", 1e9, "billion multiply-adds"),
]:
    shown = {
        name: {place: getattr(cost, kind) / unit for place, cost in found.items()}
        for name, found in compared.items()
    }
    plotting.plot_costs(shown, ax, what=what)
axes[0].get_legend().remove()
plt.show()
for name, found in compared.items():
    total = costs.sum_costs(found.values())
    shares = [found[f"stage{n}"].multiply_adds / total.multiply_adds for n in (1, 2, 3, 4)]
    millions, billions = total.parameters / 1e6, total.multiply_adds / 1e9
    print(f"{name:9} {millions:4.1f} million parameters, {billions:.2f} billion", end=" ")
    print("multiply-adds, stages 1 to 4:", ", ".join(f"{share:.0%}" for share in shares))

# %% [markdown]
# With at least one block in each stage, 16 bottlenecks always cost 3.86 billion multiply-adds. A further block in the next stage sees a quarter of the pixels and has four times the weights. In ResNet-50 stage 3 has the largest share because it has the most blocks. The parameters are another matter: they sit in the last stages, and go from 11 to 64 million. And for 5 % more multiply-adds than ResNet-34, ResNet-50 has 16 layers more.
#
# ## 7. Which ResNet today, and where the shortcut lives on
#
# **Which one to use.** For a new task with few images, a ResNet-50 with good pretrained weights is a common first choice. (That is our advice; the course does not test it.) Look at how the weights were trained: with a modern recipe a ResNet-50 has 19.6 % error on one crop of 224 × 224 pixels (Wightman et al. 2021), where the weights of the figure above have 23.87 %. (The crops are cut a little differently.) So name the recipe with the network. On a small device, count multiply-adds first, then measure: equal counts can take unequal times. Before you take a newer network, compare at equal cost and equal training.
#
# **ResNeXt** (Xie et al. 2017) splits the bottleneck's 3 × 3 convolution into groups, each of which sees its own channels only. That makes room for more channels at the same cost.
#
# ### Exercise 4 · Groups (medium, 10 minutes)
#
# Write `bottleneck_weights(channels, inner, groups=1)`: the weights of the three kernels of a bottleneck that takes `channels` channels and gives as many, with `inner` filters inside. The 3 × 3 convolution has `groups` groups: each of its filters sees `inner / groups` channels.


# %% tags=["exercise"]
def bottleneck_weights(channels, inner, groups=1):
    ### BEGIN SOLUTION
    return channels * inner + 9 * inner * inner // groups + inner * channels
    ### END SOLUTION


checks.check_bottleneck_weights(bottleneck_weights)

# %% [markdown]
# <details><summary>Hint: what do groups change?</summary>
#
# Only the 3 × 3 convolution. It still has `inner` filters, but each has 9 weights for each of the `inner / groups` channels that it sees. The two 1 × 1 convolutions see all channels.
#
# </details>

# %% [markdown]
# ResNet-50's first stage has 256 channels with 64 inside; ResNeXt-50 (32×4d) has 128 inside, in 32 groups:

# %% tags=["nbval-check-output"]
for name, inner, groups in [("ResNet", 64, 1), ("ResNeXt", 128, 32)]:
    kernels = [(1, 1, 256, inner), (3, 3, inner // groups, inner), (1, 1, inner, 256)]
    print(f"{name:8} {sum(math.prod(kernel) for kernel in kernels):,} weights")

# %% [markdown]
# **DenseNet** (Huang et al. 2017) puts signals side by side instead of adding them: a layer sees all the layers before it in its stage.
#
# **U-Net** (Ronneberger et al. 2015) is older than the ResNet and has another kind of shortcut: across the whole network. Its first half makes the maps smaller, its second half larger again, and each map of the first half, cropped to fit, is put beside one in the second, so that the place of things is not lost.
#
# **Transformers** (Vaswani et al. 2017) add the output of every attention and every dense part to its input: $x + F(x)$. At first the normalization stood after the addition, like "BN after addition" in lesson 5. Later it moved to the start of the branch, as in v2. Xiong et al. (2020) show that in the first order the gradients near the output are large at the start, so that training needs a warm-up (small rates in the first steps), and that in the second it can do without. The input then reaches the last layers through additions alone.
#
# What these have in common is a path past some layers. What lessons 2 to 7 found for ResNets does not automatically hold for them. The tools to find out are the same.
#
# ## What to take along
#
# - ResNet-152 is eight times as deep as VGG-19 at less than two thirds of its multiply-adds.
# - Without shortcuts 34 layers are worse than 18 on ImageNet; with them better. At 18 the shortcut makes little difference.
# - One name, several networks. A bias before BN, or another ε, can be folded into BN's moving statistics: in use the functions stay the same. With the stride in another place the same weights give other outputs. Equal outputs are the test.
# - 3.57 % is an ensemble's top-5 test error; 28 % is a relative gain in detection.
# - Sixteen bottlenecks, at least one in each stage, cost the same multiply-adds in whatever stages they stand; the parameters differ.
#
# **Next:** [lesson 9](09_degradation_up_close.ipynb), optional: plain-56 again, its learning rates and careful starts.
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · Krizhevsky et al. 2012, [ImageNet Classification](https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks) · Simonyan and Zisserman 2014, [VGG](https://arxiv.org/abs/1409.1556) · [Keras Applications](https://keras.io/api/applications/) · [torchvision models](https://pytorch.org/vision/stable/models.html) · Xie et al. 2017, [ResNeXt](https://arxiv.org/abs/1611.05431) · Huang et al. 2017, [DenseNet](https://arxiv.org/abs/1608.06993) · Ronneberger et al. 2015, [U-Net](https://arxiv.org/abs/1505.04597) · Vaswani et al. 2017, [Attention Is All You Need](https://arxiv.org/abs/1706.03762) · Xiong et al. 2020, [On Layer Normalization in the Transformer Architecture](https://arxiv.org/abs/2002.04745) · Wightman et al. 2021, [ResNet Strikes Back](https://arxiv.org/abs/2110.00476).
