# %% [markdown]
# # 7 · Inside trained residual networks
#
# **You will** take trained networks apart, run them without some of their blocks, follow the paths that a gradient takes, replicate the shattered gradients, and look at the loss around a network's weights.
#
# **You will learn** what the shortcuts do to a network that has learned, which pictures of it hold up on a small task, and where the evidence is thinner than the usual story.
#
# **You need** lessons 2 and 3. No GPU, no download: three trained networks come with the course.
#
# **Time:** about 100 minutes with the exercises. All cells together run in about half a minute on two CPU cores.

# %% [markdown]
# ## 1. A network as a list of parts
#
# A plain network and a residual one are chains: a stem (the first convolution), blocks, a head (pooling and classifier). Three networks trained on the handwritten digits come with the course. `dissect` cuts a network into its parts. Run one after the other, they are the network again.

# %%
from resnet_edu import lesions, trained

depths = {"ResNet-56": ("resnet_v1", 56), "ResNet-20": ("resnet_v1", 20), "plain-20": ("plain_net", 20)}
nets = {
    label: trained.load_trained("digits_trained", model=model, depth=depth)
    for label, (model, depth) in depths.items()
}
parts = {label: lesions.dissect(net.model) for label, net in nets.items()}
(x_train, y_train), (x, y) = nets["ResNet-56"].load_images()
for label, chain in parts.items():
    recorded = nets[label].row["test_accuracy"]
    print(
        f"{label:9} {len(chain) - 2:2} blocks, test accuracy {lesions.accuracy_of(chain, x, y):.3f} (recorded {recorded:.3f})"
    )

# %% tags=["nbval-check-output"]
for part in parts["ResNet-20"][:5]:
    print(f"{part.name:14} {part.model.input_shape[1:]} → {part.model.output_shape[1:]}")

# %% [markdown]
# A block whose output has the shape of its input can be left out: the next block gets what this one would have got. In a residual network this removes the branch and keeps the shortcut. In a plain network it removes the block's two layers. (The first block of stages 2 and 3 changes the shape. It stays, and so does the first block of stage 1, so that all stages are treated alike.)
#
# ### Exercise 1 · A network without a part (easy, 10 minutes)
#
# Write `accuracy_without(parts, name, x, y)`. `parts` is a list as `dissect` gives it, from the stem to the head; each part has a `name` and is called like a function, `part(x)`. Run all parts in order, except the one called `name`. Return the share of images whose largest output is at the place that `y` says.


# %% tags=["exercise"]
def accuracy_without(parts, name, x, y):
    ### BEGIN SOLUTION
    for part in parts:
        if part.name != name:
            x = part(x)
    return float(np.mean(np.argmax(x, axis=-1) == y))
    ### END SOLUTION


import numpy as np
from resnet_edu import checks

checks.check_accuracy_without(accuracy_without)

# %% [markdown]
# <details><summary>Hint: the first part needs images, the others what the part before gave</summary>
#
# Keep one variable for the signal, and overwrite it: `x = part(x)`.
#
# </details>

# %% [markdown]
# ## 2. Take a block out: predict first
#
# Each network has learned as a whole. Nothing is trained again. What happens to the test accuracy if **one** block is taken out, in the median over the blocks?
#
# - `"a"`: all three networks fall to chance, 10 %
# - `"b"`: plain-20 falls to chance, the ResNets lose a few points at most
# - `"c"`: the ResNets fall to chance, plain-20 loses a few points at most
# - `"d"`: all three lose about half of their accuracy

# %% tags=["exercise"]
prediction_lesion = "b"  ### SOLUTION

# %%
import matplotlib.pyplot as plt
from resnet_edu import plotting

without_one = {label: lesions.measure_deletions(chain, x, y) for label, chain in parts.items()}
fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
plotting.plot_deletions(without_one, ax)
ax.set_title("one block taken out of a trained network, digits")
plt.show()
for label, accuracies in without_one.items():
    worst = min(accuracies, key=accuracies.get)
    print(
        f"{label:9} median {np.median([*accuracies.values()]):.3f}, worst {accuracies[worst]:.3f} without {worst}"
    )

# %%
checks.check_prediction("lesion", prediction_lesion)

# %% [markdown]
# Without one block, plain-20 has 0.01 to 0.19 right, 0.11 in the median; chance is 0.10. ResNet-56 loses less than a point in the median, two of 360 images. Veit et al. (2016) took blocks out of a ResNet of 110 layers and layers out of a VGG, a plain network (lesson 8), trained on CIFAR-10, with the same outcome; they call it a *lesion study*. One thing in the figure is less often told: the blocks are **not** equal. Here the early ones, above all the second block of stage 1, cost most accuracy, the late ones hardly any. (With seed 2 the very last block is the second most important.)
#
# Is one network luck? Three seeds of each were trained and taken apart:

# %%
from resnet_edu import runs

recorded = runs.load_run("digits_trained")


def rows_of(label):
    model, depth = depths[label]
    return runs.select_rows(recorded, model=model, depth=depth)


print("test accuracy, seeds 0 to 2:  whole               without one block, median   worst")
for label in depths:
    whole = [row["test_accuracy"] for row in rows_of(label)]
    medians = [np.median([*row["without"].values()]) for row in rows_of(label)]
    worst = [min(row["without"].values()) for row in rows_of(label)]
    shown = ["  ".join(f"{value:.3f}" for value in values) for values in (whole, medians, worst)]
    print(f"{label:22} {shown[0]:>25} {shown[1]:>25} {shown[2]:>25}")
print(runs.describe_run(recorded))

# %% [markdown]
# The medians are much alike for the three seeds. How much ResNet-56's most important block counts is not: without it 0.44, 0.83 and 0.86 of the images are right. (Of plain-20 the best case, which is not printed, is 0.19, 0.36 and 0.24.)
#
# ### Explore
#
# Choose a network, a block, and how many blocks from there on are taken out. Or move a block back, past those behind it in its stage. How many blocks of stage 3 does ResNet-56 need? And which does it need most?

# %%
from resnet_edu import widgets

widgets.explore_lesions(parts, x, y)

# %% [markdown]
# Without widgets, a figure of the same kind. The given number of blocks was drawn at random and taken out (left), or so many random swaps of two blocks of one stage were made (right). The line is the median of five draws, the band goes from the lowest to the highest; seed 0 of each network:

# %%
first_rows = {label: rows_of(label)[0] for label in depths}
fig, axes = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained", sharey=True)
for ax, key, what in zip(axes, ["without_some", "swapped"], ["blocks taken out", "swaps"]):
    curves = {label: {int(n): v for n, v in row[key].items()} for label, row in first_rows.items()}
    plotting.plot_by_count(curves, ax, what=what)
axes[0].get_legend().remove()
plt.show()
for key in ("without_some", "swapped"):
    for label, row in first_rows.items():
        medians = {n: np.median(row[key][n]) for n in ("1", "3", "6")}
        print(key, label, ", ".join(f"{n}: {median:.2f}" for n, median in medians.items()))

# %% [markdown]
# In the median up to six swaps cost this ResNet-56 two points at most. From seven on its median jumps between 0.45 and 0.97: the draw decides. Other seeds differ: seed 1 loses nine points at five swaps, seed 2 stays above 0.9 up to 18. In ResNet-20, seed 0, stage 1 decides: with its two blocks swapped it loses eleven points, with those of another stage hardly anything. (With seeds 1 and 2 it loses four and two.) At two swaps three of the five draws swap stage 1. (Swaps can undo each other. That is why plain-20 is whole again now and then.) Taking out **several** blocks costs more. Veit et al. report an error that grows smoothly with the number of blocks taken out of 54. Ours falls unevenly. The draw decides much: is the second block of stage 1 among them? From eleven on the median is low in all three networks. But all three got the same five draws, so this is no independent check. So "any few blocks can go" would be too strong for this network.
#
# The same with real images: six networks on CIFAR-10, trained for ten epochs on a CPU (well below what full training reaches). Two of them are ResNets v2, from lesson 5. The last row is ResNet-20 after the paper's 164 epochs, from lesson 6:

# %%
cifar, full = runs.load_run("cifar10_short"), runs.load_run("cifar10_full")
cifar["rows"] = runs.select_rows(cifar, seed=0)
for row in cifar["rows"] + runs.select_rows(full, model="resnet_v1", depth=20):
    without = sorted((value, name) for name, value in row["without"].items())
    low, median, high = without[0][0], np.median([value for value, _ in without]), without[-1][0]
    print(
        f"{row['model']}-{row['depth']}, {len(row['accuracy'])} epochs: test accuracy {row['test_accuracy']:.2f}"
    )
    print(f"   without one block: {low:.2f} (without {without[0][1]}) to {high:.2f}, median {median:.2f}")
    print("   after one swap, five draws:", ", ".join(f"{value:.2f}" for value in row["swapped"]["1"]))
for run in (cifar, full):
    print(runs.describe_run(run))

# %% [markdown]
# (Tested on all 10,000 test images when whole, on 2,000 when taken apart, so a point more or less means nothing. The networks of 20 and 29 layers have only three swaps, some of which are drawn twice.) The plain networks fall to 0.04 to 0.19, whichever block is missing; chance is 0.10, and plain-56 was not good when whole. ResNet v1-56 loses about three points in the median, the least of these networks, but 43 without its most important block. V2-56 loses eight in the median, v1-20 twenty, v2-29 thirty-four: far from chance, and far more than ResNet-20 on the digits, 1.5 points. The one long training of v1-20 (with crops, too) shows no gain: after 164 epochs it loses twenty-one in the median, and 51 without its most important block. Networks with fewer blocks that can go, 24, 15, 6 and 6, lose more here. But ResNet-20 has the same six on the digits. And v1-56 has learned least in its ten epochs: 0.74 of the test images are right, against 0.83 to 0.85 in the other three. Perhaps some of its blocks do little yet; we did not test this. These networks differ in too much to tell the causes apart. On the digits a ResNet hardly needs its median block; on CIFAR-10 this is nearly so for v1-56 only. It is one seed of each.
#
# ## 3. Many paths
#
# Why can a ResNet survive this? Veit et al. explain it by paths. At each block the gradient has two ways: through the branch or along the shortcut. With $n$ blocks this makes $2^n$ paths. (Exactly so for the gradient, with the states of ReLUs and normalization held fixed. For the signal it is a picture.) Taking out a block closes half of them. A plain network has one path only. The number of paths does not say how much is lost: half of ResNet-20's are closed on the digits and on CIFAR-10, and it loses 1.5 points there and 20 here.
#
# ### Exercise 2 · How long are the paths? (easy, 10 minutes)
#
# The length of a path is the number of branches on it. Write `path_share(blocks, shortest, longest)`: which share of all paths has a length from `shortest` to `longest`, both included?


# %% tags=["exercise"]
def path_share(blocks, shortest, longest):
    ### BEGIN SOLUTION
    paths = sum(math.comb(blocks, length) for length in range(shortest, longest + 1))
    return paths / 2**blocks
    ### END SOLUTION


import math

checks.check_path_share(path_share)

# %% [markdown]
# <details><summary>Hint: counting</summary>
#
# A path of length $k$ chooses $k$ of the blocks to go through: `math.comb(blocks, k)`.
#
# </details>
#
# Veit et al. measure which paths carry gradient in a trained ResNet-110, with 54 blocks: those of 5 to 17 branches. They are rare:

# %% tags=["nbval-check-output"]
from resnet_edu import paths

share = paths.count_share(54, 5, 17)
print(f"paths of 5 to 17 of 54 blocks: {share:.2%} of all")

# %% [markdown]
# We do their measurement on our ResNet-56, with its 27 blocks. The gradient is that of the output for the right class, before the softmax. At each block we cut the way that the path does not take. `measure_paths` draws a path of each length for each of 64 images, and takes the norm of the gradient that arrives at the image.

# %%
blocks = 27
norms = paths.measure_paths(nets["ResNet-56"].model, x[:64], y[:64], lengths=range(blocks + 1))
shares = paths.path_shares(norms, blocks)
fig, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
axes[0].bar(range(blocks + 1), [math.comb(blocks, length) for length in norms])
axes[1].semilogy(range(blocks + 1), [np.mean(values) for values in norms.values()], marker="o", markersize=4)
axes[2].bar(range(blocks + 1), shares.values())
for ax, title in zip(axes, ["number of paths", "gradient norm of one path", "share of the gradient sum"]):
    ax.set(title=title, xlabel="length")
plt.show()
main = [length for length, share in shares.items() if share > 0.02]
falls = np.mean(norms[0]) / np.mean(norms[10])
print(f"the most common lengths are 13 and 14; from 0 to 10 branches the norm falls by a factor of {falls:.0e};")
print(f"lengths with more than 2 % of the sum: {main}, together {sum(shares[n] for n in main):.0%},")
print(f"and these are {paths.count_share(blocks, min(main), max(main)):.0%} of all paths")

# %% [markdown]
# A path of typical length carries next to nothing: the more branches a path has, the smaller its gradient is in the mean. Up to a length of about six the number of paths grows faster than the gradient shrinks, then the shrinking wins. So the sum comes from paths that are shorter than most, if not as few of all as with 54 blocks. Two remarks. Norms of different paths are added here, as Veit et al. do; the gradients themselves can cancel. And the mean over few paths is noisy where a single one is large, so read the shape and not the single bar.
#
# ## 4. What the start of training has to do with it
#
# At the start of training, a branch by He's rule has the same variance as its input. In a network **without** batch normalization the sum of both has twice the variance, and after $L$ blocks $2^L$ times. **With** batch normalization on the branch, each branch adds a variance of 1, and after $L$ blocks there are $L + 1$. The chain of dense blocks of lesson 3 (BN, ReLU, weights, and nothing after the addition) shows it:

# %%
from resnet_edu import propagation

print("mean square of the signal after so many blocks, mean of 20 seeds")
print("blocks     no BN          2^L      with BN    L + 1")
for depth in (1, 2, 5, 10, 20, 50):
    found = {
        normalized: np.mean(
            [
                propagation.chain_signals(blocks=depth, batch_norm=normalized, seed=s)["forward"][-1] ** 2
                for s in range(20)
            ]
        )
        for normalized in (False, True)
    }
    print(f"{depth:6} {found[False]:9.3g} {2.0**depth:12.3g} {found[True]:12.3g} {depth + 1:8}")

# %% [markdown]
# (Without BN, 50 blocks give half of $2^{50}$: a few rare seeds would be very large, and 20 seeds are too few to meet them.) So in this chain, with BN, the branch of block $l$ adds 1 to a signal of variance $l$: a share of $1/(l+1)$. Each deep block starts close to the identity (De and Smith 2020); the network as a whole does not. If early blocks kept the larger share, they should be missed most. That is so on the digits, and mostly not on CIFAR-10. (We did not measure the share in our v1 networks, which have a ReLU after each addition, and training can change it.)
#
# ### Exercise 3 · A factor instead of normalization (medium, 15 minutes)
#
# A factor on each branch also keeps the growth in check: $x + s \cdot F(x)$, where $F(x)$ has the variance of $x$ and is independent of it. (Each block then has an equal share.) Write `branch_scale(blocks, growth)`: which $s > 0$ makes the variance after so many blocks `growth` times that of the input?


# %% tags=["exercise"]
def branch_scale(blocks, growth):
    ### BEGIN SOLUTION
    return math.sqrt(growth ** (1 / blocks) - 1)
    ### END SOLUTION


checks.check_branch_scale(branch_scale)

# %% [markdown]
# <details><summary>Hint: one block</summary>
#
# The variance of a sum of independent values is the sum of their variances: $1 + s^2$ times as much after one block.
#
# </details>
#
# ## 5. Shattered gradients: predict first
#
# Balduzzi et al. (2017) asked how the gradient changes from one input to the next. Their networks are **not trained**: in our version, dense layers of 200 units with random weights, one input and one output. Feed it a fine grid of 256 numbers from −2 to 2, and look at the gradient of the output with respect to the **input** at each. If neighbours get unrelated gradients, like noise, the gradient is *shattered*: it says nothing about the point next to it. (Whether that makes training hard, this experiment does not show.)
#
# ### Exercise 4 · Measure agreement (easy, 10 minutes)
#
# Write `autocorrelation(values, lag)`: subtract the mean of all values, and go on with what is left. Multiply each of these values with the one `lag` places further on (the last `lag` values have no partner) and add up. Divide by the sum of the squares of all of them.


# %% tags=["exercise"]
def autocorrelation(values, lag):
    ### BEGIN SOLUTION
    centred = values - np.mean(values)
    return float(np.sum(centred[:-lag] * centred[lag:]) / np.sum(centred**2))
    ### END SOLUTION


checks.check_autocorrelation(autocorrelation)

# %% [markdown]
# What turns the gradients of a plain network of 50 layers into noise?
#
# - `"a"`: depth alone, with and without batch normalization
# - `"b"`: depth together with batch normalization
# - `"c"`: batch normalization alone, at any depth

# %% tags=["exercise"]
prediction_shattering = "b"  ### SOLUTION

# %%
from resnet_edu import shattering

networks = {
    "plain, 2 layers": {"layers": 2},
    "plain, 10 layers": {"layers": 10},
    "plain, 50 layers": {"layers": 50},
    "residual, 50 layers": {"layers": 50, "residual": True},
    "residual, branch × 1": {"layers": 50, "residual": True, "branch": 1.0},
    "plain, 2 layers, no BN": {"layers": 2, "batch_norm": False},
    "plain, 10 layers, no BN": {"layers": 10, "batch_norm": False},
    "plain, 50 layers, no BN": {"layers": 50, "batch_norm": False},
}
print("autocorrelation at lag      1      5     (mean of 10 seeds, without BN of 40)")
for label, network in networks.items():
    seeds = 10 if network.get("batch_norm", True) else 40  # without BN they differ more
    near, far = shattering.measure_shattering(lags=(1, 5), seeds=seeds, **network)
    print(f"{label:24} {near:5.2f}  {far:5.2f}")

# %%
checks.check_prediction("shattering", prediction_shattering)

# %%
fig, axes = plt.subplots(1, 4, figsize=(11, 2.4), layout="constrained")
shown = ["plain, 10 layers", "plain, 50 layers", "residual, 50 layers", "plain, 50 layers, no BN"]
for ax, label in zip(axes, shown):
    ax.plot(shattering.POINTS, shattering.input_gradients(seed=0, **networks[label]), linewidth=0.8)
    ax.set(title=label, xlabel="input", yticks=[])
plt.show()
print(
    "one seed, each at its own scale: noise in the plain network of 50 layers with BN, structure in the residual one;"
)
print("without BN the curve is rough, too, but neighbours agree more often")

# %% [markdown]
# In the plain network with batch normalization the gradients of neighbours agree at 2 layers and are noise at 50. With shortcuts, and branches scaled by 0.1, they still agree at 50; with unscaled branches less. This follows the experiment of the paper, which scales the branches, too. But a plain network of 50 layers **without** batch normalization keeps much of the agreement, though less than with 2 layers. So depth alone lowers the agreement, too, but far more slowly. (The paper's abstract states the decay for plain networks in general.) At 50 layers it is depth and normalization together that make noise, the normalization which lesson 1 found to keep the signal alive. (Mean and variance of the batch count as constants here.)
#
# ## 6. The loss around a network
#
# Li et al. (2018) draw the loss over two random directions in the space of the weights, with the trained network in the middle. A direction must fit the weights' sizes: where batch normalization follows, a filter ten times as large computes the same, and a step of length 1 means ten times less to it.
#
# ### Exercise 5 · Filter normalization (medium, 15 minutes)
#
# Write `filter_normalize(direction, kernel)`, for two arrays of one shape with any number of axes (a dense kernel has two). Scale each filter of the direction so that it is as long (the root of the sum of squares) as the same filter of the kernel. The **last** axis counts the filters.


# %% tags=["exercise"]
def filter_normalize(direction, kernel):
    ### BEGIN SOLUTION
    axes = tuple(range(kernel.ndim - 1))
    own = np.sqrt(np.sum(direction**2, axis=axes, keepdims=True))
    wanted = np.sqrt(np.sum(kernel**2, axis=axes, keepdims=True))
    return direction / own * wanted
    ### END SOLUTION


checks.check_filter_normalize(filter_normalize)

# %% [markdown]
# <details><summary>Hint: AxisError</summary>
#
# `tuple(range(kernel.ndim - 1))` are all axes but the last; `keepdims=True` keeps the result in a shape that divides.
#
# </details>

# %% [markdown]
# Now live, at depth 20, on 360 training images. (Batch normalization uses the statistics of these images. Li et al. keep those of training; we come back to that.)

# %%
from resnet_edu import surfaces

positions = np.linspace(-1, 1, 11)
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
for ax, label in zip(axes, ["plain-20", "ResNet-20"]):
    images = x_train[:360], y_train[:360]
    losses = surfaces.measure_surface(nets[label].model, *images, positions=positions, batch_statistics=True)
    drawn = plotting.plot_surface(losses, positions, ax)
    ax.set_title(label)
    print(
        f"{label}: loss {losses[5, 5]:.4f} in the middle, {np.median(losses[[5, 5, 2, 8], [2, 8, 5, 5]]):.2f} at 0.6, {losses.max():.1f} at most"
    )
fig.colorbar(drawn, ax=axes, ticks=range(-3, 2), label="loss, logarithm to base 10")
plt.show()
print("seed 0 of each network, one pair of random directions")

# %% [markdown]
# Both lie in a smooth bowl. At depth 20 a plain network trains well, and its surface shows it. (Where the loss is below 0.001, the colour stays the darkest.) And at depth 56? The recorded networks were trained like the others: 120 epochs, learning rate 0.05. Lesson 2 showed that this rate throws plain-56 far away in its first steps. With 0.001 it reaches a training accuracy of 0.67 to 0.76, here 0.34 to 0.41. So the picture shows a plain-56 that was trained badly, not the best that it can do.

# %%
rows = {
    f"{kind}-56": runs.select_rows(recorded, model=model, depth=56, seed=0)[0]
    for kind, model in [("plain", "plain_net"), ("ResNet", "resnet_v1")]
}
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
for ax, (label, row) in zip(axes, rows.items()):
    losses = np.array(row["surface"]["batch statistics"])
    drawn = plotting.plot_surface(losses, row["surface"]["positions"], ax)
    ax.set_title(f"{label}, recorded")
    ring = [
        np.median([losses[12 - s, 12], losses[12 + s, 12], losses[12, 12 - s], losses[12, 12 + s]]) for s in (3, 6)
    ]
    print(
        f"{label}: training accuracy {row['accuracy'][-1]:.2f}; loss {losses[12, 12]:.4f} in the middle, {ring[0]:.3f} at 0.25, {ring[1]:.3f} at 0.5"
    )
fig.colorbar(drawn, ax=axes, ticks=range(-3, 2), label="loss, logarithm to base 10")
plt.show()
print("seed 0 of each network, one pair of random directions;", runs.describe_run(recorded))

# %% [markdown]
# ResNet-56 sits at the bottom of a wide bowl. Plain-56 sits in a shallow dent: at 0.25 the loss has risen from 1.61 to 2.05, at 0.5 it is above $\ln 10 \approx 2.3$, that of guessing. (Seeds 1 and 2, recorded too, rise from 1.49 to 1.94 and from 1.55 to 2.25 at 0.25.) Li et al. show a strongly non-convex surface for their plain-56, which had learned much more (13.3 % error on CIFAR-10). Ours shows a dent. Both are pictures of **where training ended**, along two directions out of hundreds of thousands. They show that the plain network's place is worse. They do not show why training went there. Lesson 2 found one cause, the large first steps; we recorded no surface at plain-56's best rate.
#
# And the statistics? With those of training, as Li et al. have them, the numbers are others:

# %%
for label, row in rows.items():
    edge = {
        kind: np.nanmedian(np.array(row["surface"][kind])[[0, 0, -1, -1], [0, -1, 0, -1]])
        for kind in ("moving statistics", "batch statistics")
    }
    print(
        f"{label}: median loss at the four corners:", ", ".join(f"{edge[kind]:.3g} with {kind}" for kind in edge)
    )

# %% [markdown]
# Away from the middle, the statistics of training no longer fit, and the loss explodes, in both networks. Even the order of the two is another one at the corners. Much of the drama of such a surface can be the normalization's. Whoever compares two pictures should ask which was used.
#
# ## What to take along
#
# - Without any one of most blocks, a trained ResNet keeps most of its accuracy; a plain network loses most of it. On the digits the early blocks matter most. On CIFAR-10 after ten epochs it is mostly a block of the last stage, in the one network trained for 164 epochs one of stage 1. Several at once can be too many.
# - Most paths go through about half of the branches. In our ResNet-56 nearly all of the sum of gradient norms comes along shorter ones.
# - In our chain of dense blocks with batch normalization, branch $l$ starts with a share of about $1/(l+1)$. Without it, a factor keeps the growth in check, with equal shares.
# - With batch normalization the gradients of 50 plain layers are noise; without it their agreement falls much more slowly with depth. Shortcuts with small branches hold against it.
# - A loss surface is a picture of where training ended, and depends on how normalization is treated.
#
# **Next:** lesson 8 takes the blocks to ImageNet.
#
# **Sources:** Veit et al. 2016, [Residual Networks Behave Like Ensembles of Relatively Shallow Networks](https://arxiv.org/abs/1605.06431) · Balduzzi et al. 2017, [The Shattered Gradients Problem](https://arxiv.org/abs/1702.08591) · De and Smith 2020, [Batch Normalization Biases Residual Blocks Towards the Identity Function](https://arxiv.org/abs/2002.10444) · Li et al. 2018, [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913).
