# %% [markdown]
# # 7 · Inside trained residual networks
#
# **You will** take trained networks apart, run them without some of their blocks, follow the paths that a gradient takes, replicate the shattered gradients, and look at the loss around a network's weights.
#
# **You will learn** what the shortcuts do to a network that has learned, which pictures of it hold up on a small task, and where the evidence is thinner than the usual story.
#
# **You need** lessons 1 to 3; one table also shows networks of lessons 5 and 6. No GPU, no download: networks trained on the digits come with the course.
#
# **Time:** about 100 minutes with the exercises. All cells together run in about 50 seconds on two CPU cores.

# %% [markdown]
# ## 1. A network as a list of parts
#
# A plain network and a residual one are chains: a stem (the first convolution), blocks, a head (pooling and classifier). Here are three, trained on the handwritten digits. `dissect` cuts a network into its parts. Run one after the other, they are the network again.

# %%
from resnet_edu import lesions, trained

depths = {
    "ResNet-56": ("resnet_v1", 56),
    "ResNet-20": ("resnet_v1", 20),
    "plain-20": ("plain_net", 20),
}
nets = {
    label: trained.load_trained("digits_trained", model=model, depth=depth)
    for label, (model, depth) in depths.items()
}
parts = {label: lesions.dissect(net.model) for label, net in nets.items()}
(x_train, y_train), (x, y) = nets["ResNet-56"].load_images()
for label, chain in parts.items():
    found, recorded = lesions.accuracy_of(chain, x, y), nets[label].row["test_accuracy"]
    print(f"{label:9} {len(chain) - 2:2} blocks, test accuracy {found:.3f}", end=" ")
    print(f"(recorded {recorded:.3f})")

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
# - `"a"`: all three networks fall to near chance, 10 %
# - `"b"`: plain-20 falls to near chance, the ResNets lose a few points at most
# - `"c"`: the ResNets fall to near chance, plain-20 loses a few points at most
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
    worst, median = min(accuracies, key=accuracies.get), np.median([*accuracies.values()])
    print(f"{label:9} median {median:.3f}, worst {accuracies[worst]:.3f} without {worst}")

# %%
checks.check_prediction("lesion", prediction_lesion)

# %% [markdown]
# Without one block, plain-20 has 0.11 right in the median, near chance (0.10). Single cases are not chance: 0.006 is 2 of 360 images, which is systematically wrong, not guessed. ResNet-56 loses less than a point in the median, two images. Veit et al. (2016) did the same to a ResNet of 110 layers and a VGG, a plain network (lesson 8), on CIFAR-10, with the same outcome; they call it a *lesion study*. But the blocks are **not** equal: the early ones, above all the second of stage 1, cost most accuracy, the late ones hardly any. (With seed 2 the very last block is the second most important.)
#
# Is one network luck? Three seeds of each were trained and taken apart:

# %% tags=["nbval-check-output"]
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
    columns = (whole, medians, worst)
    shown = ["  ".join(f"{value:.3f}" for value in values) for values in columns]
    print(f"{label:22} {shown[0]:>25} {shown[1]:>25} {shown[2]:>25}")
print(runs.describe_run(recorded))

# %% [markdown]
# The medians are much alike. What ResNet-56's most important block is worth is not: without it 0.44, 0.83 and 0.86 are right. (Plain-20's best cases, not printed, are 0.19, 0.36 and 0.24. The second is far above chance.)
#
# ### Explore
#
# Choose a network, a block, and how many blocks from there on are taken out. Or move a block back, past those behind it in its stage. How many blocks of stage 3 does ResNet-56 need? And which does it need most?

# %%
from resnet_edu import widgets

widgets.explore_lesions(parts, x, y)

# %% [markdown]
# Without widgets: so many blocks were drawn at random and taken out (left), or so many random swaps of two blocks of one stage were made (right). Line: median of five draws; band: lowest to highest; seed 0 of each network:

# %%
first_rows = {label: rows_of(label)[0] for label in depths}
fig, axes = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained", sharey=True)
for ax, key, what in zip(axes, ["without_some", "swapped"], ["blocks taken out", "swaps"]):
    curves = {}
    for label, row in first_rows.items():
        curves[label] = {int(number): accuracies for number, accuracies in row[key].items()}
    plotting.plot_by_count(curves, ax, what=what)
axes[0].get_legend().remove()
plt.show()
for key in ("without_some", "swapped"):
    for label, row in first_rows.items():
        medians = {n: np.median(row[key][n]) for n in ("1", "3", "6")}
        print(key, label, ", ".join(f"{n}: {median:.2f}" for n, median in medians.items()))

# %% [markdown]
# - **Swaps.** In the median up to six cost this ResNet-56 two points at most. From seven on its median jumps between 0.45 and 0.97: the draw decides. (Seed 1 loses nine points at five swaps, seed 2 stays above 0.9 up to 18.) In ResNet-20 the swap in stage 1 counts: eleven points, with the other seeds four and two. (Plain-20 is whole again where swaps undo each other.)
# - **Several taken out** cost more. Veit et al. report an error that grows smoothly with the number of blocks taken out of 54. Here the accuracy falls unevenly. The draw decides: is the second block of stage 1 among them?
# - **Eleven or more taken out:** the median is at most 0.40 with all three seeds of ResNet-56. (All got the same five draws.) "Any few blocks can go" would be too strong.
#
# How many blocks of stage 3 does it need?

# %%
for count in (1, 2, 4, 6, 8):
    last = [f"stage3_block{number}" for number in range(10 - count, 10)]
    accuracy = lesions.accuracy_of(lesions.without(parts["ResNet-56"], last), x, y)
    print(f"ResNet-56 without the last {count} of stage 3: {accuracy:.3f}")

# %% [markdown]
# Each of the eight alone costs one of 360 images at most, the last two together two, the last four fifteen, all eight half of them.
#
# The same with real images: four networks trained on CIFAR-10 by the paper's recipe (lesson 6; at depth 56 with the warm-up that the paper has for 110 layers), one seed of each. (Tested on 10,000 images whole and on 2,000 taken apart, so half a point means nothing.)

# %% tags=["nbval-check-output"]
taken, full = runs.load_run("cifar10_lesions"), runs.load_run("cifar10_full")
kinds = {"plain_net": "plain", "resnet_v1": "ResNet v1", "resnet_v2": "ResNet v2"}


def describe_deletions(row, whole, epochs):
    without, name = row["without"], f"{kinds[row['model']]}-{row['depth']}"
    worst, median = min(without, key=without.get), np.median([*without.values()])
    lowest = f"{without[worst]:.3f} ({worst})"
    return f"{name:12} {epochs:6}   {whole:.3f}    {median:.3f}   {lowest}"


(row,) = runs.select_rows(full, model="resnet_v1", depth=20)
lines = [describe_deletions(row, row["test_accuracy"], len(row["accuracy"]))]
for row in taken["rows"]:
    setting = {key: row[key] for key in ("model", "depth", "seed")}
    same = runs.select_rows(runs.load_run(row["source"]), **setting)
    (whole,) = [other["test_accuracy"] for other in same if "weights" in other]
    lines.append(describe_deletions(row, whole, row["epochs"]))
head = "network      epochs   whole   median   worst, both without one block"
print("\n".join([head, *lines]))
print("ResNet v1-20:", runs.describe_run(full))
print("the others: trained on a GPU, their last epochs at depth 56 on a CPU (lesson 9)")

# %% [markdown]
# The plain networks fall to near chance in the median. (In the best case plain-56 has 0.32 right.) ResNet v1-56 loses one and a half points in the median and about five at most, ResNet v1-20 21 and 51. Both miss blocks of stage 1 most. Without two random blocks ResNet v1-56 has 0.89 right in the median, without four 0.85, without eight 0.53, without eleven 0.19. Up to eight the fall is smoother than on the digits.
#
# Six networks after ten epochs only, two of them ResNets v2 (lesson 5):

# %% tags=["nbval-check-output"]
print(head)
for row in runs.load_run("cifar10_short")["rows"]:
    if "without" in row:
        print(describe_deletions(row, row["test_accuracy"], len(row["accuracy"])))

# %% [markdown]
# ResNet v1-56 loses 43 points without the last block of stage 3, which it hardly misses after the full training. So what a block is worth differs from training to training. (This one also began without the warm-up.)
#
# ## 3. Many paths
#
# Why can a ResNet survive this? Veit et al. explain it by paths. At each block the gradient has two ways: through the branch or along the shortcut. With $n$ blocks this makes $2^n$ paths. (Exactly so for the gradient, with the states of ReLUs and normalization held fixed. For the signal it is a picture.) Taking out a block closes half of them. A plain network has one path only. The number of paths does not say how much is lost: with half of them closed ResNet-20 loses 1.5 points on the digits and 21 on CIFAR-10, and ResNet-56 1.5 there.
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
# We do their measurement on our ResNet-56, with its 27 blocks. `measure_paths` draws a path of each length for each of 64 images. At each block it cuts the way that the path does not take, and takes the norm of the gradient, of the right class's output before the softmax, that arrives at the image.

# %%
blocks = 27
norms = paths.measure_paths(nets["ResNet-56"].model, x[:64], y[:64], lengths=range(blocks + 1))
shares = paths.path_shares(norms, blocks)
fig, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
axes[0].bar(range(blocks + 1), [math.comb(blocks, length) for length in norms])
axes[1].semilogy([np.mean(values) for values in norms.values()], marker="o", markersize=4)
axes[2].bar(range(blocks + 1), shares.values())
titles = ["number of paths", "gradient norm of one path", "share of the gradient sum"]
for ax, title in zip(axes, titles):
    ax.set(title=title, xlabel="length")
plt.show()
main = [length for length, share in shares.items() if share > 0.02]
falls = np.mean(norms[0]) / np.mean(norms[10])
mean = sum(length * share for length, share in shares.items())
print(f"from 0 to 10 branches the norm falls by a factor of {falls:.0e};")
together = sum(shares[length] for length in main)
print(f"lengths with more than 2 % of the sum: {main}, together {together:.0%},")
print(f"and these are {paths.count_share(blocks, min(main), max(main)):.0%} of all paths;")
print(f"the mean length is 13.5 of {blocks} blocks,")
print(f"weighted by the share of the sum {mean:.1f}, which is {mean / blocks:.0%} of them")

# %% [markdown]
# A path of typical length carries next to nothing: the more branches a path has, the smaller its gradient is in the mean. Up to a length of about six the number of paths grows faster than the gradient shrinks, then the shrinking wins. So the sum comes from paths that are shorter than most, if not as few of all as with 54 blocks. (Norms of different paths are added here, as Veit et al. do; the gradients themselves can cancel. And the mean over few paths is noisy where a single one is large, so read the shape and not the single bar.)
#
# So why can a ResNet survive this? Weighted by gradient, a path takes about 6 of the 27 branches: on average a block is on about a fifth of what counts, not on half. That fits the small losses. It does not explain why one early block costs half of the accuracy.
#
# ## 4. What the start of training has to do with it
#
# At the start of training, a branch by He's rule has the same variance as its input. In a network **without** batch normalization the sum of both has twice the variance, and after $L$ blocks $2^L$ times. **With** batch normalization on the branch, each branch adds a variance of 1, and after $L$ blocks there are $L + 1$. The chain of dense blocks of lesson 3 (BN, ReLU, weights, and nothing after the addition) shows it:

# %%
from resnet_edu import propagation


def mean_square(**chain):
    return propagation.chain_signals(**chain)["forward"][-1] ** 2


print("mean square of the signal after so many blocks, mean of 20 seeds")
print("blocks     no BN          2^L      with BN    L + 1")
for depth in (1, 2, 5, 10, 20, 50):
    without_bn, with_bn = (
        np.mean([mean_square(blocks=depth, batch_norm=normalized, seed=s) for s in range(20)])
        for normalized in (False, True)
    )
    print(f"{depth:6} {without_bn:9.3g} {2.0**depth:12.3g} {with_bn:12.3g} {depth + 1:8}")

# %% [markdown]
# (Without BN, 50 blocks give half of $2^{50}$: rare seeds would be very large, and 20 are too few to meet one.) So in this chain, with BN, the branch of block $l$ adds 1 to a signal of variance $l$: a share of $1/(l+1)$ of the signal that leaves the block. (At the end of the chain all branches have equal parts.) Each deep block starts close to the identity (De and Smith 2020). If early blocks kept the larger share, they should be missed most. That is so of stage 1, on the digits and in the two fully trained ResNets on CIFAR-10, and mostly not after ten epochs. Within stage 1, and between stages 2 and 3, the order often does not fit. (We did not measure the share in our v1 networks, which have a ReLU after each addition, and training can change it.)
#
# And after training? He et al. (2015b) supposed that what a block has to learn is closer to nothing than what a plain stack has to (lesson 3). In their section 4.2 they look for it: how large is the response of each layer in a trained network, behind BN and before the ReLU or the addition? They take its standard deviation. In each channel that is the size of BN's learned scale, so the weights are enough. These are the four networks that were trained on CIFAR-10 at full length, one of each, with the root of the mean square over the channels. A fresh network has 1 everywhere.

# %%
sources = {
    "plain-20": ("cifar10_paper", "plain_net", 20),
    "ResNet-20": ("cifar10_full", "resnet_v1", 20),
    "plain-56": ("cifar10_paper_warm", "plain_net", 56),
    "ResNet-56": ("cifar10_paper_warm", "resnet_v1", 56),
}
fig, axes = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained", sharey=True)
for label, (run, model, depth) in sources.items():
    network = trained.load_trained(run, model=model, depth=depth).model
    scales = [layer.gamma.numpy() for layer in network.layers if layer.name[-3:-1] == "bn"]
    sizes = [np.sqrt(np.mean(scale**2)) for scale in scales]
    axes[int(depth == 56)].plot(range(2, depth), sizes, marker="o", markersize=3, label=label)
    print(f"{label:9} {len(sizes)} layers in blocks: spread of the response", end=" ")
    print(f"{np.mean(sizes):.2f} on average, {min(sizes):.2f} to {max(sizes):.2f}")
for ax in axes:
    ax.axhline(1, color="0.5", linestyle="--", linewidth=1)
    ax.set(xlabel="layer", ylabel="spread of the response")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()
plt.show()

# %% [markdown]
# The order is that of the paper's figure 7: on average, at each depth the ResNet's responses are smaller than the plain network's, and the deeper network's are smaller than the shallower one's. That fits the conjecture. But small in themselves they are not: ResNet-56 has about what a fresh network has. (Against the signal on the shortcut, which we did not measure here, they may be.)
#
# ### Exercise 3 · A factor instead of normalization (medium, 15 minutes)
#
# A factor on each branch also keeps the growth in check: $x + s \cdot F(x)$, where $F(x)$ has the variance of $x$ and is independent of it. (Each branch then has an equal share of the signal that leaves its block.) Write `branch_scale(blocks, growth)`: which $s > 0$ makes the variance after so many blocks `growth` times that of the input?


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
# Balduzzi et al. (2017) asked how the gradient changes from one input to the next. Their networks are **not trained**: in our version, dense layers of 200 units with random weights, one input and one output. Only the first layer has biases, drawn with standard deviation 1: without them a network with one input and no BN is two straight lines that meet at 0, at any depth. Feed it a fine grid of 256 numbers from −2 to 2, and look at the gradient of the output with respect to the **input** at each. If neighbours get unrelated gradients, like noise, the gradient is *shattered*: it says nothing about the point next to it. (Whether that makes training hard, this experiment does not show.)
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
# <details><summary>Hint: my result is a little too large</summary>
#
# The sum above runs over the pairs, which are `lag` fewer. The sum below runs over **all** values, also those without a partner. Both use the values less their mean.
#
# </details>

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
    "residual, branch × 0.1": {"layers": 50, "residual": True, "branch": 0.1},
    "residual, branch × 1": {"layers": 50, "residual": True, "branch": 1.0},
    "plain, 2 layers, no BN": {"layers": 2, "batch_norm": False},
    "plain, 10 layers, no BN": {"layers": 10, "batch_norm": False},
    "plain, 50 layers, no BN": {"layers": 50, "batch_norm": False},
}
print("autocorrelation at lag   1: mean (quartiles)       5: mean (quartiles)")
for label, network in networks.items():
    seeds = 10 if network.get("batch_norm", True) else 40  # without BN they differ more
    shown = f"{label:24}"
    for values in shattering.measure_shattering(lags=(1, 5), seeds=seeds, **network).T:
        low, high = np.quantile(values, [0.25, 0.75])
        shown += f" {values.mean():5.2f} ({low:5.2f} to {high:5.2f})  "
    print(shown)
print("residual ones: 50 layers; 10 seeds, without BN 40")

# %%
checks.check_prediction("shattering", prediction_shattering)

# %%
labels = [label for label, network in networks.items() if network["layers"] == 50]
fig, axes = plt.subplots(1, 4, figsize=(11, 2.4), layout="constrained")
for ax, label in zip(axes, labels):
    gradients = shattering.input_gradients(seed=0, **networks[label])
    ax.plot(shattering.POINTS, gradients, linewidth=0.8)
    ax.set(title=label, xlabel="input", yticks=[])
plt.show()
print("50 layers, one seed, each at its own scale: noise in the plain network with BN;")
print("structure in the residual one with branch × 0.1, less with branch × 1;")
print("without BN the curve is rough, too, but neighbours agree more often")

# %% [markdown]
# In the plain network with batch normalization neighbouring gradients agree at 2 layers and are noise at 50. With shortcuts, and branches × 0.1 as in the paper, they still agree at 50. With branches × 1, as in a usual ResNet, neighbours agree less, and five points away the agreement is nearly gone (0.10). So much of the effect is the small factor.
#
# **Without** batch normalization a plain network of 50 layers keeps more of the agreement. But its seeds differ widely: at lag 5 a quarter lie below 0.22 and a quarter above 0.70. So depth alone lowers the agreement, too, but more slowly. (The paper's abstract states the decay for plain networks in general.) It is depth together with normalization that makes noise, the normalization which lesson 1 found to keep the signal alive. (Mean and variance of the batch count as constants here.)
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
# Now live, at depth 20: the loss of 360 of the training images, without the L2 term, so the lowest point need not be the trained one. (Batch normalization uses the statistics of these images. Li et al. keep those of training; we come back to that.) At 1 on an axis each filter has moved by as much as its own length. The loss printed for a distance is the median of the four points at this distance on the two axes.

# %%
from resnet_edu import surfaces

positions = np.linspace(-1, 1, 11)
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
grid = {"positions": positions, "batch_statistics": True}
for ax, label in zip(axes, ["plain-20", "ResNet-20"]):
    losses = surfaces.measure_surface(nets[label].model, x_train[:360], y_train[:360], **grid)
    drawn = plotting.plot_surface(losses, positions, ax)
    ax.set_title(label)
    middle, away = (np.median(surfaces.at_distance(losses, positions, d)) for d in (0, 0.6))
    print(f"{label}: loss {middle:.4f} in the middle, {away:.2f} at 0.6,", end=" ")
    print(f"{losses.max():.1f} at most")
fig.colorbar(drawn, ax=axes, ticks=range(-3, 2), label="loss, logarithm to base 10")
plt.show()
print("seed 0 of each network, one pair of random directions")

# %% [markdown]
# Both lie in a bowl, smooth as far as steps of 0.2 show. At depth 20 a plain network trains well. (Where the loss is below 0.001, the colour stays the darkest.) And at depth 56? Here are networks that were trained on CIFAR-10 at full length (section 2): plain-56 has 4.4 % training error, ResNet-56 0.09 %. Measured on 360 training images and recorded, in steps of 0.125:

# %%
measured = runs.load_run("cifar10_surfaces")
rows = {}
for model, depth in [("plain_net", 20), ("plain_net", 56), ("resnet_v1", 56)]:
    (row,) = runs.select_rows(measured, model=model, depth=depth)
    rows[f"{kinds[model]}-{depth}"] = row["surface"]
fig, axes = plt.subplots(1, 3, figsize=(11.5, 3.6), layout="constrained")
for ax, (label, surface) in zip(axes, rows.items()):
    drawn = plotting.plot_surface(surface["batch statistics"], surface["positions"], ax)
    ax.set_title(f"{label}, recorded")
fig.colorbar(drawn, ax=axes, ticks=range(-3, 2), label="loss, logarithm to base 10")
plt.show()
print("seed 0 of each network, one pair of random directions; measured on", end=" ")
print(measured["versions"]["device"])


# %% tags=["nbval-check-output"]
def count_dips(losses):
    """Count the points with a smaller loss than their eight neighbours."""
    around = np.lib.stride_tricks.sliding_window_view(losses, (3, 3))
    return (around.min(axis=(2, 3)) == np.array(losses)[1:-1, 1:-1]).sum()


def share_bent_down(losses):
    """Return how often the loss curves downwards from point to point, within 0.5 of the middle."""
    near = np.array(losses)[4:13, 4:13]
    bends = [np.diff(near, 2, axis=axis).ravel() for axis in (0, 1)]
    return np.mean(np.concatenate(bends) < 0)


distances = (0, 0.25, 0.5, 1)
head = " ".join(f"{distance:7}" for distance in distances)
print(f"dips; loss at a distance of              {head}   bent down")
for kind in ("batch statistics", "moving statistics"):
    for label, surface in rows.items():
        grid = surface[kind], surface["positions"]
        losses = [np.median(surfaces.at_distance(*grid, d)) for d in distances]
        print(f"{label:13} {kind:17} {count_dips(surface[kind]):5}   ", end=" ")
        shown = " ".join(f"{loss:7.3g}" for loss in losses)
        print(f"{shown}   {share_bent_down(surface[kind]):.0%}")

# %% [markdown]
# With batch statistics, as drawn, each of the three sits in a single bowl, and at steps of 0.125 there is no second dip. ResNet-56's is lower and wider: at 0.5 its loss is 0.33, plain-56's 0.80. But the bowl of plain-20, which trains well, is no wider than plain-56's. So the width does not tell the network that is hard to train from the one that is not.
#
# Li et al. show a strongly non-convex surface for a plain network of 56 layers with about the same test error (13.3 %, ours 14.2 %). We find one dip inside the slice, also with the statistics of training, as they have them. That does not make it convex: with those statistics plain-56's loss curves downwards at more places than ResNet-56's. (The last column above is the share of places, on lines along the two axes within 0.5, where it does.) Theirs was trained by another recipe, with five times the weight decay, and drawn on a finer grid; we have one network and one pair of directions. And the numbers are others then: away from the middle those statistics no longer fit, and the loss is larger. At 1 even the order of the two deep networks is another one.
#
# On the digits, whose networks this lesson took apart, plain-56 was trained badly: at the rate 0.05, which throws it far away in its first steps (lesson 9), and its training accuracy is 0.34 to 0.41. The loss at the same distances, recorded:

# %% tags=["nbval-check-output"]
for kind, model in [("plain", "plain_net"), ("ResNet", "resnet_v1")]:
    for row in runs.select_rows(recorded, model=model, depth=56):
        grid = row["surface"]["batch statistics"], row["surface"]["positions"]
        losses = [np.median(surfaces.at_distance(*grid, d)) for d in distances]
        shown = " ".join(f"{loss:9.3g}" for loss in losses)
        print(f"digits, {kind + '-56':9} seed {row['seed']}: {shown}")

# %% [markdown]
# There plain-56 sits in a shallow dent: with seed 0 the loss has risen from 1.61 to 2.05 at 0.25, and at 0.5 it is above $\ln 10 \approx 2.3$, that of guessing. All of these are pictures of **where training ended**, along two directions out of hundreds of thousands. They do not show why training went there.
#
# ## What to take along
#
# - Without one block, a plain network falls to near chance in the median. Without its worst block ResNet-56 loses 13 to 55 points on the digits, and about five in a full training on CIFAR-10, where ResNet-20 loses 51. After the full training blocks of stage 1 are missed most, after ten epochs mostly not. Several at once can be too many.
# - Most paths go through about half of the branches. In our ResNet-56 the sum of gradient norms comes along shorter ones, of about a fifth of them in the mean.
# - In our chain of dense blocks with batch normalization, branch $l$ starts with a share of about $1/(l+1)$. Without it, a factor keeps the growth in check, with equal shares.
# - With batch normalization the gradients of 50 plain layers are noise. Without it more of the agreement is left, in one seed much, in another little. Shortcuts keep it if the branches are small; with branches × 1 only close neighbours still agree.
# - A loss surface is a picture of where training ended, and depends on how normalization is treated. Inside our one slice around the fully trained plain-56 there is one dip. With batch statistics its bowl is higher and narrower than ResNet-56's.
#
# **Next:** lesson 8 takes the blocks to ImageNet.
#
# **Sources:** Veit et al. 2016, [Residual Networks Behave Like Ensembles of Relatively Shallow Networks](https://arxiv.org/abs/1605.06431) · Balduzzi et al. 2017, [The Shattered Gradients Problem](https://arxiv.org/abs/1702.08591) · De and Smith 2020, [Batch Normalization Biases Residual Blocks Towards the Identity Function](https://arxiv.org/abs/2002.10444) · Li et al. 2018, [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913).
