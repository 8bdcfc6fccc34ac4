# %% [markdown]
# # 5 · ResNet v2
#
# **You will** move the ReLU out of the shortcut's way, build the bottleneck block and the network ResNet v2, measure its gradient against that of v1 at depth 110, and compare the orders of operations in a block.
#
# **You will learn** what a clean shortcut is, what it changes and what it does not, and how to compare two networks fairly.
#
# **You need** lessons 3 and 4. No GPU, no download.
#
# **Time:** about 100 minutes with the exercises. All cells together run in about 50 seconds on two CPU cores.

# %% [markdown]
# ## 1. Before instead of after
#
# In the block of v1 a ReLU follows the addition. So the shortcut is not clean: from block to block, signal and gradient pass a ReLU. He et al. (2016) move it. In *pre-activation* each convolution comes **after** its batch normalization and ReLU, and nothing follows the addition:
#
# ```
#      ┌─ conv ─ BN ─ ReLU ─ conv ─ BN ─┐
#  x ──┤                                + ── ReLU ── output                    (v1)
#      └────────────────────────────────┘
#
#      ┌─ BN ─ ReLU ─ conv ─ BN ─ ReLU ─ conv ─┐
#  x ──┤                                       + ── output                     (pre-activation)
#      └───────────────────────────────────────┘
# ```
#
# Write $x_l$ for the signal that enters block $l$. With nothing after the addition, and an identity as the shortcut, $x_{l+1} = x_l + F_l(x_l)$. The first block of a stage has a projection as its shortcut. Behind it, between any two places of the stage,
#
# $$x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i), \qquad \frac{\partial\,\text{loss}}{\partial x_l} = \frac{\partial\,\text{loss}}{\partial x_L}\left(I + \frac{\partial}{\partial x_l}\sum_{i=l}^{L-1} F_i(x_i)\right).$$
#
# The gradient at the end arrives at block $l$ unchanged, and a second term is added. In v1 these formulas hold only where all ReLUs in between are open.

# %% [markdown]
# ## 2. The bottleneck
#
# The article's v2 changes a second thing, which has nothing to do with the order of operations: the branch. It is the *bottleneck* of He et al. 2015b, with three convolutions: 1 × 1, in most blocks to fewer channels, 3 × 3, and 1 × 1 to the channels of the output. The expensive 3 × 3 convolution then works on few channels. What does this save? On 32 × 32 pixels, compare a bottleneck, 64 channels outside and 16 inside, with two layers of 3 × 3 at 64 channels, and with two at 16, as stage 1 of ResNet v1 has them:

# %% tags=["nbval-check-output"]
from keras import Model, layers
from resnet_edu import blocks, costs, models

wide, narrow = layers.Input((32, 32, 64)), layers.Input((32, 32, 16))
compared = {
    "two 3×3 at 64 channels": (wide, blocks.residual_block(wide, 64, name="wide")),
    "two 3×3 at 16 channels": (narrow, blocks.residual_block(narrow, 16, name="narrow")),
    "bottleneck 64–16–64": (wide, blocks.preactivation_bottleneck(wide, 16, 64, name="b")),
}
for name, (signal, output) in compared.items():
    cost = costs.total_costs(costs.layer_costs(Model(signal, output)))
    mega = cost.multiply_adds / 1e6
    print(f"{name:22} {cost.parameters:6,} parameters {mega:5.1f} million multiply-adds")

# %% [markdown]
# At 64 channels the bottleneck takes a seventeenth of the multiply-adds. But v1 does not have 64 channels in stage 1, it has 16. Against v1's own block the bottleneck costs about the same. What it gives for this cost: the signal between the blocks is four times as wide, and the block has three layers instead of two.
#
# This holds where few channels are inside. The article's v2 is wider inside, and costs more than v1 of the same depth: section 6 counts.
#
# ### Exercise 1 · Write the bottleneck (medium, 20 minutes)
#
# Write `bottleneck(x, filters, out_filters, stride=1, preactivate=True)`. The branch is BN, ReLU, 1 × 1 convolution to `filters` with the stride; BN, ReLU, 3 × 3 convolution to `filters`; BN, ReLU, 1 × 1 convolution to `out_filters`. Where the shape changes, the shortcut is a 1 × 1 convolution of `x` with the stride; else it is `x`. With `preactivate=False` the first BN and ReLU are left out: the network's first block, whose input comes out of a ReLU already.


# %% tags=["exercise"]
def bottleneck(x, filters, out_filters, stride=1, preactivate=True):
    ### BEGIN SOLUTION
    same = {"padding": "same", "kernel_initializer": "he_normal"}
    y = x
    if preactivate:
        y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(filters, 1, strides=stride, **same)(y)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(filters, 3, **same)(y)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(out_filters, 1, **same)(y)
    if stride != 1 or x.shape[-1] != out_filters:
        x = layers.Conv2D(out_filters, 1, strides=stride, **same)(x)
    return layers.Add()([x, y])
    ### END SOLUTION


from resnet_edu import checks

checks.check_bottleneck(bottleneck)

# %% [markdown]
# <details><summary>Hint: the check says that the shortcut comes from the wrong place</summary>
#
# The shortcut starts at `x`, before the first BN and ReLU. This holds for the identity and for the projection. Where the shapes agree there is no choice: behind BN and ReLU the shortcut would not be clean. Where it projects, the paper starts behind the first BN and ReLU (section 3). That works, too; the check wants the article's way.
#
# </details>

# %% [markdown]
# ## 3. The network
#
# Three stages of $n$ bottlenecks, three layers each, and two layers more: the stem and the classifier. So the depth is $9n + 2$. The stem is that of lesson 4: a 3 × 3 convolution with 16 filters, BN, ReLU. Because of it the very first block has no BN and ReLU in front of its branch (`preactivate=False`). Stages 2 and 3 begin with stride 2. In the article's v2 the blocks have 16, 64 and 128 filters inside and 64, 128 and 256 at their output. After the last block comes one more BN and ReLU, because the last addition has none. Then average pooling and the dense layer with softmax, as in lesson 4.

# %%
import matplotlib.pyplot as plt
from resnet_edu import diagrams

network = models.resnet_v2((32, 32, 3), 29)
described = costs.describe_blocks(network)
fig, ax = plt.subplots(figsize=(10, 3), layout="constrained")
diagrams.draw_network(described, ax)
plt.show()
print(diagrams.summarize_network(described))

# %% [markdown]
# Look at the first block of the first stage. The image is not halved there, and yet it needs a projection: 16 channels come in, 64 go out. And in the first block of each stage the first 1 × 1 convolution reduces nothing: as many channels come in as it has filters.
#
# ### Exercise 2 · Bug hunt: the forgotten projection (easy, 10 minutes)
#
# This builder follows lesson 4: stages 2 and 3 begin with a projection. It stops with an error.


# %%
def broken_v2(input_shape, depth, num_classes=10):
    n = models.blocks_per_stage(depth, layers_per_block=3)
    inputs = layers.Input(input_shape)
    x = blocks.conv_bn_act(inputs, 16, name="stem")
    for stage, (inner, outer) in enumerate([(16, 64), (64, 128), (128, 256)], start=1):
        for number in range(1, n + 1):
            first, name = number == 1, f"stage{stage}_block{number}"
            stride = 2 if first and stage > 1 else 1
            y = x if first and stage == 1 else blocks.bn_act(x, name=name, number=1)
            y = blocks.conv(y, inner, kernel_size=1, stride=stride, name=f"{name}_conv1")
            y = blocks.bn_act(y, name=name, number=2)
            y = blocks.conv(y, inner, name=f"{name}_conv2")
            y = blocks.bn_act(y, name=name, number=3)
            y = blocks.conv(y, outer, kernel_size=1, name=f"{name}_conv3")
            if stride == 2:
                x = blocks.conv(x, outer, kernel_size=1, stride=2, name=f"{name}_shortcut")
            x = layers.Add(name=f"{name}_add")([x, y])
    x = layers.GlobalAveragePooling2D()(blocks.bn_act(x, name="head"))
    return Model(inputs, layers.Dense(num_classes, activation="softmax")(x))


try:
    broken_v2((32, 32, 3), 11)
except ValueError as error:
    print(str(error).splitlines()[0])

# %% [markdown]
# Copy it into the next cell as `mended_v2` and mend it. Change as little as possible.


# %% tags=["exercise"]
def mended_v2(input_shape, depth, num_classes=10):
    ### BEGIN SOLUTION
    n = models.blocks_per_stage(depth, layers_per_block=3)
    inputs = layers.Input(input_shape)
    x = blocks.conv_bn_act(inputs, 16, name="stem")
    for stage, (inner, outer) in enumerate([(16, 64), (64, 128), (128, 256)], start=1):
        for number in range(1, n + 1):
            first, name = number == 1, f"stage{stage}_block{number}"
            stride = 2 if first and stage > 1 else 1
            y = x if first and stage == 1 else blocks.bn_act(x, name=name, number=1)
            y = blocks.conv(y, inner, kernel_size=1, stride=stride, name=f"{name}_conv1")
            y = blocks.bn_act(y, name=name, number=2)
            y = blocks.conv(y, inner, name=f"{name}_conv2")
            y = blocks.bn_act(y, name=name, number=3)
            y = blocks.conv(y, outer, kernel_size=1, name=f"{name}_conv3")
            if first:
                x = blocks.conv(
                    x, outer, kernel_size=1, stride=stride, name=f"{name}_shortcut"
                )
            x = layers.Add(name=f"{name}_add")([x, y])
    x = layers.GlobalAveragePooling2D()(blocks.bn_act(x, name="head"))
    return Model(inputs, layers.Dense(num_classes, activation="softmax")(x))
    ### END SOLUTION


checks.check_projection(mended_v2)

# %% [markdown]
# <details><summary>Hint: which block fails?</summary>
#
# The message names two shapes. One is that of the branch, the other that of the shortcut. They differ in the channels only. Under which condition does the builder project?
#
# </details>

# %% [markdown]
# ### Exercise 3 · Build ResNet v2 (hard, 25 minutes)
#
# Write `build_v2(input_shape, depth, num_classes=10)`. It returns a Keras model that computes what the article's does. (The check compares layers, and outputs for random weights. It does not look at L2, the initializer and BN's momentum.) Use your `bottleneck` or `blocks.preactivation_bottleneck`. A depth that is not $9n + 2$ with $n = 1, 2, …$ must raise a `ValueError`. Try to write it from the description above, without looking at the mended builder.


# %% tags=["exercise"]
def build_v2(input_shape, depth, num_classes=10):
    ### BEGIN SOLUTION
    if (depth - 2) % 9 or depth < 11:
        raise ValueError("the depth must be 9n + 2")
    inputs = layers.Input(input_shape)
    x = blocks.conv_bn_act(inputs, 16, name="stem")
    for stage, (filters, out_filters) in enumerate([(16, 64), (64, 128), (128, 256)]):
        for number in range((depth - 2) // 9):
            very_first = stage == 0 and number == 0
            x = blocks.preactivation_bottleneck(
                x,
                filters,
                out_filters,
                stride=2 if stage > 0 and number == 0 else 1,
                preactivate=not very_first,
                name=f"stage{stage + 1}_block{number + 1}",
            )
    x = layers.GlobalAveragePooling2D()(blocks.bn_act(x, name="head"))
    return Model(inputs, layers.Dense(num_classes, activation="softmax")(x))
    ### END SOLUTION


checks.check_resnet_v2(build_v2)

# %% [markdown]
# <details><summary>Hint: which layers are missing, or too many?</summary>
#
# Compare `build_v2((32, 32, 3), 20).count_params()` with `models.resnet_v2((32, 32, 3), 20).count_params()`. Then count the BN layers. The very first block has one less than the others, and after the last block comes one more.
#
# </details>

# %% [markdown]
# The paper's v2, `variant="paper"` in `models.resnet_v2`, differs in bias, L2 and BN as in lesson 4, and in two things more:
#
# - **Width.** Its blocks have 16, 32 and 64 filters inside.
# - **Where the projection starts.** In the first block of stages 2 and 3 the article projects the block's input `x`. The paper projects `x` behind the first BN and ReLU (He et al. 2016, appendix).

# %% [markdown]
# ## 4. The clean path, measured: predict first
#
# The article's ResNet v1 and v2 with 110 layers, freshly initialized, on 64 digits. In v1 a ReLU follows each of the 54 additions. V2 has 36 additions, and no ReLU on the way from one to the next. How does the gradient norm at the **first convolution** compare?
#
# - `"a"`: v1's has vanished, it is far below v2's
# - `"b"`: v1's is larger than v2's
# - `"c"`: both are equal, up to chance
# - `"d"`: v2's has exploded, thousands of times above v1's

# %% tags=["exercise"]
prediction_v2 = "b"  ### SOLUTION

# %%
from resnet_edu import data
from resnet_edu.gradients import fresh_gradient_norms, gradient_norms, select_convolutions

(x_train, y_train), _ = data.load_digits()
x = ((x_train[:64] - x_train.mean()) / 255).astype("float32")
y = y_train[:64]


def show(name, norms):
    first, *_, last = select_convolutions(norms).values()
    print(f"{name:25} {first:18.2f} {last:18.3f} {first / last:7.1f}")


print("depth 110                  first convolution   last convolution   ratio")
for version in ("v1", "v2"):
    for seed in range(3):
        norms = fresh_gradient_norms(x, y, depth=110, network=f"resnet_{version}", seed=seed)
        show(f"the article's {version}, seed {seed}", norms)
for version, build in [("v1", models.resnet_v1), ("v2", models.resnet_v2)]:
    model = build((8, 8, 1), 110, seed=0, variant="paper")
    show(f"the paper's {version}, seed 0", gradient_norms(model, x, y))


# %%
checks.check_prediction("first_gradient_v2", prediction_v2)

# %% [markdown]
# No first gradient has vanished, and none is above 33. In the article's networks the gradient at v1's first convolution is several times *larger* than at v2's, and from last to first it grows *less* in v1. If clean shortcuts were needed for a gradient of healthy size, v1 would be in trouble here. It is not.
#
# In the paper's networks (one seed) v2 has the larger one. And again it grows more in v2, here by a factor of hundreds. Why, we did not test: the paper's v2 differs from the article's in where two projections start (section 3), in the width inside and in BN's epsilon. So the clean shortcut alone does not settle which of v1 and v2 has the larger gradient.
#
# Do the ReLUs on v1's shortcuts harm its gradient? The norm for a kernel contains the activations that enter the layer, and the last convolutions also differ in shape. So let us look at the gradient of the signal itself, $\partial\,\text{loss}/\partial x_l$, behind every block: `signal_gradient_norms` measures it.

# %%
import numpy as np
from resnet_edu import plotting
from resnet_edu.gradients import signal_gradient_norms


def behind_blocks(model, last_layer):
    in_blocks = [layer.name for layer in model.layers if "_block" in layer.name]
    names = [name for name in in_blocks if name.endswith(last_layer)]
    return signal_gradient_norms(model, x, y, names)


at_110 = {
    "plain": behind_blocks(models.plain_net((8, 8, 1), 110, seed=0), "_act2"),
    "ResNet v1": behind_blocks(models.resnet_v1((8, 8, 1), 110, seed=0), "_act2"),
    "ResNet v2": behind_blocks(models.resnet_v2((8, 8, 1), 110, seed=0), "_add"),
}

# %%
fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
plotting.plot_gradient_norms(at_110, ax)
ax.set_xlabel("block, from the input (1) to the output")
ax.set_ylabel("gradient norm of the signal")
ax.set_title("depth 110, seed 0, freshly initialized: the gradient behind each block")
plt.show()
for name, norms in at_110.items():
    first, *_, last = norms.values()
    ends = f"first {first:9.2g}, last {last:7.2g}, ratio {first / last:8.2g}"
    print(f"{name:9} {len(norms)} blocks: {ends}")

# %% [markdown]
# Plain and v1 have 54 blocks of two layers, v2 has 36 of three, so its curve ends earlier. In the plain network the gradient grows by a factor of millions on its way back. In both residual networks it grows by a factor of some tens. The 54 ReLUs on v1's shortcuts do not make the gradient vanish. How much do they shut? Of each stage of v1, we print how many of the values are above 0 after an addition, and how many are above 0 after **every** addition of the stage. Below that, for three of its additions, the size of the sum (the root of the mean square) beside the share that is open:

# %%
from keras import ops

v1 = models.resnet_v1((8, 8, 1), 110, seed=0)
additions = [layer for layer in v1.layers if layer.name.endswith("_add")]
for stage in (1, 2, 3):
    ends = [layer.output for layer in additions if f"stage{stage}" in layer.name]
    sums = np.array([*map(ops.convert_to_numpy, Model(v1.input, ends)(x, training=True))])
    shares = (sums > 0).mean(axis=(1, 2, 3, 4))
    sizes = np.sqrt(np.mean(sums**2, axis=(1, 2, 3, 4)))
    every = (sums > 0).all(axis=0).mean()
    print(
        f"stage {stage}, {len(sums)} additions: open on average {shares.mean():.0%},", end=" "
    )
    print(f"open every time {every:.0%} (by chance it would be {np.prod(shares):.0%})")
    for name, place in [("first", 0), ("second", 1), ("last", -1)]:
        print(f"    {name:6} addition: open {shares[place]:.0%}, size {sizes[place]:.1f}")

# %% [markdown]
# Except for the first block of stages 2 and 3, a block adds a branch with mean 0 to a signal that a ReLU has made positive. From the second block of a stage on the signal grows, and the branch makes the sum negative less and less often: compare the second and the last addition. (In the first block of stages 2 and 3 the shortcut is a projection, whose values have both signs.) Much the same positions stay open from block to block, so that a fifth to a third of the direct paths lead through a whole stage. So v1's direct path is narrowed, not shut. But an open path is not needed to keep the gradient from vanishing: the plain network has none, and with BN its gradient grows by millions. What the residual networks have is less growth. Whether the open ReLUs are the reason for that, we did not test. He et al. (2016, section 4.2) say of trained networks: with 164 layers the effect of these ReLUs is not severe, with 1000 layers they cut more often.
#
# ### Explore
#
# The gradient norms of the kernels, for plain, v1 and v2, at any depth that fits both rules. What happens to v2 without batch normalization?

# %%
from resnet_edu import widgets

widgets.explore_gradients(
    x,
    y,
    networks=("plain", "resnet_v1", "resnet_v2"),
    depths=range(20, 111, 18),
    batch_norm=True,
)

# %% [markdown]
# Without widgets, the answer as a figure:

# %%
from resnet_edu.gradients import describe_norms, fresh_gradient_norms

shown = {}
for label, batch_norm in [("BN", True), ("no BN", False)]:
    for version in ("v1", "v2"):
        network = f"resnet_{version}"
        norms = fresh_gradient_norms(x, y, depth=56, network=network, batch_norm=batch_norm)
        shown[f"ResNet {version}, {label}"] = select_convolutions(norms)
fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
plotting.plot_gradient_norms(shown, ax)
ax.set_title("depth 56, seed 0, with and without normalization")
plt.show()
for name, norms in shown.items():
    print(f"{name}: {describe_norms(norms)}")
for version in ("v1", "v2"):
    bn = np.median([*shown[f"ResNet {version}, BN"].values()])
    no_bn = np.median([*shown[f"ResNet {version}, no BN"].values()])
    print(f"ResNet {version}: median without BN / with BN {no_bn / bn:.0f}")

# %% [markdown]
# A clean shortcut does not replace normalization. Without BN the median gradient is hundreds of times as large here, in v1 and in v2. (Our words for the level are wide: all from 0.0001 to 1000 is "moderate".) A possible reason, which we did not test here: without BN the signal grows by a factor in every block, as in lesson 3's chain, and a kernel's gradient contains the signal that enters it. With BN each branch keeps one size, and the sum grows slowly.
#
# What is pre-activation good for, then? He et al. (2016) report these errors on CIFAR-10:
#
# | depth | original (v1 order) | pre-activation |
# |---|---|---|
# | 110, two-layer blocks | 6.61 % | 6.37 % |
# | 164, bottlenecks | 5.93 % | 5.46 % |
# | 1001, bottlenecks | 7.61 % | 4.92 % |
#
# (Table 3; medians of five runs. Single runs of ResNet-110 differ by about ± 0.16 points, He et al. 2015b, so a gain of 0.24 is small.) At 1001 layers the gain is large. The authors name two reasons: easier optimization, visible above all at 1001 layers, and less overfitting (*regularization*) by the BN in front of each branch. For 110 and 164 layers they report a slightly *higher* training loss with pre-activation, and a lower test error. Does the gradient at the start explain the difference at depth 110? We cannot say: our v2 has bottlenecks, the table's network of 110 layers has two-layer blocks. Section 5 compares equal blocks: their gradients and their early training, not the cause of a test error.
#
# ## 5. Orders of operations
#
# If the ReLU can move, other orders can be tried. He et al. (2016, figure 4) compare five. We take them with two-layer blocks. Beside the original there are four, and `blocks.ORDERS` holds them as data: what stands before the first convolution, between the two, after the second, and after the addition.

# %% tags=["nbval-check-output"]
for name, order in blocks.ORDERS.items():
    print(f"{name:25} {order}")

# %% [markdown]
# Which order trains best on our digits? This takes too long for a lesson, so it was recorded: ResNet-56 and ResNet-110 in all five orders, in the article's style, eight epochs of Adam with the rate 0.001, three seeds each.

# %%
from resnet_edu import runs

recorded = runs.load_run("digits_orders")
orders = {"original": "residual"} | {order: order for order in blocks.ORDERS}


def print_orders(columns):
    print(f"{'order':25}", *(f"{title:>15}" for title in columns))
    for order in orders:
        ranges = []
        for depth, read, form in columns.values():
            rows = runs.select_rows(recorded, network=orders[order], depth=depth)
            ranges.append(runs.describe_spread([read(row) for row in rows], form))
        print(f"{order:25}", *(f"{text:>15}" for text in ranges))


# %% tags=["nbval-check-output"]
def accuracy_after(epoch):
    return lambda row: row["accuracy"][epoch - 1]


columns = {}
for depth, epoch in [(56, 2), (56, 8), (110, 2), (110, 8)]:
    columns[f"{depth}, epoch {epoch}"] = depth, accuracy_after(epoch), ".3f"
print("training accuracy, lowest to highest of three seeds")
print_orders(columns)
print(runs.describe_run(recorded))

# %% [markdown]
# One order is far slower: BN after the addition. It stands on the shortcut and rescales the signal in every block. At depth 56 it still learns, at depth 110 hardly in eight epochs. The four orders without BN on the shortcut fit nearly every image. In the second epoch (the figure is the mean over an epoch, while the network trains) the three that leave the shortcut free of all operations are ahead of the original, at both depths. At depth 110 full pre-activation is ahead of the other two as well.
#
# And the gradient before training? These are the norms of the kernels:


# %% tags=["nbval-check-output"]
def ratio(row):
    return row["norms"]["0"][0] / row["norms"]["0"][-1]


columns = {
    "first": (110, lambda row: row["norms"]["0"][0], ".1f"),
    "last": (110, lambda row: row["norms"]["0"][-1], ".2f"),
    "first / last": (110, ratio, ".0f"),
    "at depth 56": (56, ratio, ".0f"),
}
print("gradient norm before training, depth 110, and the ratio at 56; three seeds")
print_orders(columns)

# %% [markdown]
# With BN after the addition the gradient grows towards the input, at depth 110 by a factor of hundreds. (That need not be the reason why it learns slowly: at depth 56, where it is slow, too, its ratio is 13 to 37.) Full pre-activation has a much lower level than the original, at both ends, and about the same trend. But the other two orders with a free shortcut do not have a low level. So it is not the free shortcut alone that makes it low.
#
# What do He et al. (2016, table 2) report for ResNet-110 on CIFAR-10? Error on the test images: BN after addition 8.17 %, ReLU before addition 7.84 %, original 6.61 %, ReLU-only pre-activation 6.71 %, full pre-activation 6.37 %. The worst order is the same. The others cannot be ranked by their end: they all have 0.999 or more on the training images. Nor does the early speed rank them as the paper's test errors do: in the second epoch "ReLU before addition" and "ReLU-only pre-activation" are ahead of the original here, and in the paper both have more error.
#
# ## 6. Compare fairly
#
# The article reports 92.65 % accuracy for its v1 with 110 layers and 93.15 % for its v2 with 110 layers. Is pre-activation better by half a point? Count first:

# %% tags=["nbval-check-output"]
for variant in ("article", "paper"):
    for version, depth in [("v1", 110), ("v2", 110), ("v2", 164)]:
        build = models.BUILDERS[f"resnet_{version}"]
        network = build((32, 32, 3), depth, variant=variant)
        cost = costs.total_costs(costs.layer_costs(network))
        mega = f"{cost.multiply_adds / 1e6:4.0f} million multiply-adds"
        print(f"{version}-{depth}, {variant:7}: {cost.parameters:9,} parameters, {mega}")

# %% [markdown]
# The article's v2 is wider inside than the paper's. This makes it about 2.9 times as large at depth 110, and about 1.9 times as large as the article's v1 of the same depth. It takes 1.5 times the multiply-adds of that v1. In the paper's widths the bottleneck does what section 2 said: v2-164 has as many blocks as v1-110, 54, and costs about the same. The half point compares two networks that differ in the order of operations, in the kind and the number of blocks, and in size. It says nothing about any of them alone. He et al. (2016) compare the two orders in networks of the same size, and there the gain at 110 layers is 0.24 points. The article gives no spread of its runs.
#
# ### Exercise 4 · An equal budget (easy, 10 minutes)
#
# Against which ResNet v1 of the article should its ResNet v2-20 be compared, if both are to have about the same number of parameters? Give the depth, $6n + 2$.

# %% tags=["exercise"]
fair_depth = 38  ### SOLUTION
checks.check_fair_depth(fair_depth)

# %% [markdown]
# <details><summary>Hint: how do I count?</summary>
#
# `models.resnet_v1((32, 32, 3), depth).count_params()`, in a loop over depths.
#
# </details>

# %% [markdown]
# ### A short recording of both
#
# Ten epochs on CIFAR-10, on two CPU cores, recipe `quick` of lesson 6 made longer, in the paper's variants. The rate begins at 0.1; it is 0.01 from epoch 6 on and 0.001 in the last two. (Training accuracy is the mean over an epoch, on shifted and mirrored images.)

# %%
cifar = runs.load_run("cifar10_short")
residual = [row for row in runs.select_rows(cifar, seed=0) if row["model"] != "plain_net"]
versions = {f"v{row['model'][-1]}-{row['depth']}": row for row in residual}
histories = {name: runs.accuracy_history(row) for name, row in versions.items()}
fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
plotting.plot_accuracies(histories, ax)
ax.set_ylim(0.6, 0.92)
ax.set_title("CIFAR-10, ten epochs, from the rate 0.1 (the axis begins at 0.6)")
plt.show()
for name, row in versions.items():
    build = models.BUILDERS[row["model"]]
    count = build((32, 32, 3), row["depth"], variant="paper").count_params()
    start = ratio(row)
    print(f"{name} {count:7,} parameters, training accuracy {row['accuracy'][-1]:.3f}", end="")
    print(f", gradient before training, first / last {start:.0f}")

# %% [markdown]
# The same in a table, and below it the two other ten-epoch recordings of v1-56, which began at another rate (lesson 9). The last four columns are the gradient norm at the first convolution, before training and after 1, 2 and 10 epochs.

# %% tags=["nbval-check-output"]
rated = runs.load_run("cifar10_rates")
others = runs.select_rows(rated, model="resnet_v1")
print("rate of epochs 1 and 2       training   test   before      1      2     10")
for row in [*versions.values(), *others]:
    name = f"v{row['model'][-1]}-{row['depth']}"
    first, second = row["learning_rate"][:2]
    norms = "".join(f"{row['norms'][epoch][0]:7.2f}" for epoch in ("0", "1", "2", "10"))
    ends = f"{row['accuracy'][-1]:.3f}  {row['test_accuracy']:.3f}"
    print(f"{name:8} {first:5g} {second:5g}            {ends}  {norms}")
for run, rows in [(cifar, [*versions.values()]), (rated, others)]:
    print(runs.describe_run(run | {"rows": rows}))

# %% [markdown]
# With the first rate 0.1, of the two v1 networks the deep one is behind after ten epochs, of the two v2 networks the shallow one. (In the figure all four begin below the axis.) V2-56 has fewer parameters than v1-56 and learns much faster. So the deep v2 is the easier one to train here.
#
# How much of this is the start? With one careful epoch at 0.01 and then the same rate 0.1, v1-56 ends at 0.846. That is about half of the way from its 0.785 to v2-56's 0.901, and so it is on the test images. So a gentler start removes about half of the distance here. (V2-56 was not trained with such a start.)
#
# And the gradient at the first convolution? Before training both have about 3. With 0.1 at once v1-56's is 4 to 7 times smaller than v2-56's after one and two epochs. But that need not be the cause: with the careful start, and at the rate 0.01, v1-56's is not smaller than v2-56's then, and it still ends behind.
#
# The two networks differ in the order, in the kind and the number of blocks, in the widths and in the shortcuts. It is one seed. And it says little about the end of a full training: in lesson 2, after 164 epochs and with a careful start, ResNet-56 has less test error than ResNet-20, 7.23 % against 8.81 %. The paper's v1-56 has 6.97 %.

# %% [markdown]
# ## What to take along
#
# - Pre-activation puts BN and ReLU before each convolution and nothing after the addition. The shortcut is then clean within each stage, from its first block's output on.
# - At the start of training, with BN, v1's gradient at depth 110 does not vanish. Nor does the plain network's, which grows by millions. About four fifths of the ReLUs on v1's shortcuts are open on average.
# - The published gain of v2 is 2.7 points at 1001 layers, where it trains better. It is 0.47 points at 164 layers and 0.24 at 110, and lies in the test error there. In our short runs on the digits full pre-activation learns faster, and both orders fit all images at the end.
# - A bottleneck of 64–16–64 channels costs about as much as two 3 × 3 layers of 16. For this cost the signal is four times as wide, and the block has three layers instead of two.
# - Before you compare accuracies, count parameters. The article's v2-110 is 2.9 times as large as the paper's, and 1.9 times as large as the article's v1-110.
#
# **Next:** lesson 6 trains these networks on CIFAR-10.
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · He et al. 2016, [Identity Mappings in Deep Residual Networks](https://arxiv.org/abs/1603.05027).
