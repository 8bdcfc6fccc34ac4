# %% [markdown]
# # 2 · Plain against residual
#
# **You will** train a deep plain network beside a shallower one and a residual one, predict which of them fits its images, and test the usual explanation of what you see by experiment.
#
# **You will learn** what degradation is, how to tell it from overfitting, and how to change one cause at a time and read what follows.
#
# **You need** lesson 1. No GPU, no download.
#
# **Time:** about 90 minutes with the exercises. All cells together run in about 2 minutes on two CPU cores.

# %% [markdown]
# ## 1. Three networks, one task
#
# The task is small: 1,437 handwritten digits of 8 × 8 pixels, ten classes. Three networks of the same design as in lesson 1, all with batch normalization (BN) and He weights:
#
# - plain, 20 layers,
# - plain, 56 layers,
# - residual (ResNet v1), 56 layers: the plain network of 56 layers with a shortcut around every two of them. (Two of the shortcuts hold a small convolution, where the shape changes: lesson 3, section 4. That is the difference of 2,656 parameters.)

# %% tags=["nbval-check-output"]
from resnet_edu import data, models

(x_train, y_train), _ = data.load_digits()
x = ((x_train - x_train.mean()) / 255).astype("float32")
y = y_train
builders = {
    "plain-20": lambda seed: models.plain_net((8, 8, 1), 20, seed=seed),
    "plain-56": lambda seed: models.plain_net((8, 8, 1), 56, seed=seed),
    "ResNet-56": lambda seed: models.resnet_v1((8, 8, 1), 56, seed=seed),
}
for name, build in builders.items():
    print(f"{name:9} {build(0).count_params():9,} parameters")

# %% [markdown]
# All three train for eight epochs with Adam, learning rate 0.001, in batches of 64: 22 steps an epoch. (29 images, other ones in each epoch, are left out.) The loss is the cross-entropy and, as in the Keras example that this course builds on, an L2 term of 0.0001 on the convolutions' kernels. We look at the accuracy on the **training** images, not on new ones. It tells whether the network can fit what it sees. (An epoch's accuracy is the mean over its batches, while it trains.)
#
# Predict first. Plain-56 has three times as many parameters as plain-20. What will its training accuracy be after eight epochs?
#
# - `"a"`: higher than plain-20's, it has more parameters
# - `"b"`: about the same, both fit such a small task
# - `"c"`: far lower than plain-20's
# - `"d"`: the same on the training images, but lower on new ones

# %% tags=["exercise"]
prediction_depth = "c"  ### SOLUTION

# %% [markdown]
# The three networks now train one after the other. *Stop* ends the training after the current batch, *Run again* starts again with other random weights. Before its first epoch a deep network is compiled, which takes longer than an epoch.

# %%
from resnet_edu import live_training, training

panel = live_training.train_side_by_side(builders, x, y, epochs=training.planned_epochs(8))
panel

# %% [markdown]
# The next cell waits until the training is over, or stopped. (Where the buttons do not answer meanwhile, interrupt the kernel with ■. This stops the training, too.)

# %%
import matplotlib.pyplot as plt
from resnet_edu import checks, plotting

histories = await panel.finished()
fig, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
plotting.plot_accuracies(histories, ax)
ax.axhline(0.1, color="0.5", linestyle="--", linewidth=1)
ax.annotate(
    "chance",
    (0.99, 0.08),
    xycoords=("axes fraction", "data"),
    color="0.4",
    ha="right",
    va="top",
)
plt.show()
print(live_training.describe_histories(histories))

# %%
checks.check_prediction("degradation", prediction_depth)

# %% [markdown]
# Plain-20 and ResNet-56 fit the training images. Plain-56 hardly does better than chance. It is not that it has learned the training images by heart and fails on others, which would be *overfitting*. It fails on the training images themselves. This is *degradation*: a deeper network with a higher **training** error (He et al. 2015b, section 1).
#
# One run may be luck. We recorded this experiment with five seeds: other weights, other order of images.

# %% tags=["nbval-check-output"]
from resnet_edu import runs

five_seeds = runs.load_run("digits_degradation")
print("training accuracy after 8 epochs, seeds 0 to 4")
for network, depth in [("plain", 20), ("plain", 56), ("residual", 56)]:
    same = runs.select_rows(five_seeds, network=network, depth=depth)
    print(f"{network:8} {depth}   ", "  ".join(f"{row['accuracy'][-1]:.2f}" for row in same))
print(runs.describe_run(five_seeds))

# %% [markdown]
# Does plain-56 only need more time, or smaller steps? Five times as many epochs, with two learning rates:

# %% tags=["nbval-check-output"]
patience = runs.load_run("digits_patience")
print("plain-56, training accuracy")
for rate in (1e-3, 1e-4):
    for row in runs.select_rows(patience, learning_rate=rate):
        after = "   ".join(
            f"epoch {epoch}: {row['accuracy'][epoch - 1]:.2f}" for epoch in (8, 20, 40)
        )
        print(f"learning rate {rate}, seed {row['seed']}   {after}")
print(runs.describe_run(patience))

# %% [markdown]
# It does learn, but slowly: about half of the training images after 40 epochs, where plain-20 had fitted nearly all of them after eight. With steps ten times smaller it is slower still. So plain-56 is not stuck for ever. With this optimizer it is far harder to train than either of the others. (Lesson 9 has another optimizer, with five rates.)
#
# ### Exercise 1 · Degradation or overfitting? (easy, 10 minutes)
#
# Write `verdict(shallow, deep)`. Each argument is a dict with the errors of a trained network, such as `{"train": 0.02, "test": 0.09}`. Return `"degradation"` if the deeper network has the higher training error, `"overfitting"` if it has not, but its test error is higher, and `"none"` if neither is higher.


# %% tags=["exercise"]
def verdict(shallow, deep):
    ### BEGIN SOLUTION
    if deep["train"] > shallow["train"]:
        return "degradation"
    if deep["test"] > shallow["test"]:
        return "overfitting"
    return "none"
    ### END SOLUTION


checks.check_verdict(verdict)

# %% [markdown]
# <details><summary>Hint: the check says that equal errors are wrong</summary>
#
# "Higher" leaves out "equal": use `>`, and ask about the training error first.
#
# </details>

# %% [markdown]
# ## 2. A solution exists
#
# Degradation is strange, because a good solution for the deeper network is known. Take the trained shallow network, and let the additional layers pass their input on. He et al. (2015b) call it the solution *by construction*. A 3 × 3 convolution can do this: with the right kernel its output is its input. A ReLU behind it changes nothing, as its input has no negative values. And BN between the two passes its input on, if its learned scale and shift undo the normalization. (Exactly so in use, with BN's stored mean and variance. During training each batch has its own, so it holds nearly.)
#
# ### Exercise 2 · A convolution that does nothing (medium, 10 minutes)
#
# Write `identity_kernel(channels)`. It returns a NumPy array of shape (3, 3, channels, channels), in Keras' order: height, width, channels in, channels out. A convolution with this kernel and padding `same` returns its input unchanged.


# %% tags=["exercise"]
import numpy as np


def identity_kernel(channels):
    ### BEGIN SOLUTION
    kernel = np.zeros((3, 3, channels, channels))
    kernel[1, 1] = np.eye(channels)
    return kernel
    ### END SOLUTION


checks.check_identity_kernel(identity_kernel)

# %% [markdown]
# <details><summary>Hint: which of the nine places matters?</summary>
#
# The kernel is laid over each pixel with its middle. Only the pixel itself is to count. And output channel 3 is to see input channel 3 only.
#
# </details>

# %% [markdown]
# So plain-56 *can* represent what plain-20 has learned. Training does not find it in this time. Why?
#
# ## 3. The suspect
#
# The usual answer: the gradients vanish on their way through so many layers, so the first layers do not learn. Lesson 1 has shown that at the start, with BN, this is not so. But what happens *during* training?
#
# Predict: you measure the gradient norms of plain-56 after eight epochs. How does the first convolution's compare with the last one's?
#
# - `"a"`: it is a million times smaller, it has vanished
# - `"b"`: both are about equal
# - `"c"`: it is larger, by a factor of ten or more

# %% tags=["exercise"]
prediction_during = "c"  ### SOLUTION

# %%
from resnet_edu.gradients import fresh_gradient_norms, gradient_norms, select_convolutions

batch = x[:64], y[:64]
norms = {"at the start": {}, "after training": {}}
for name, network, depth in [
    ("plain-20", "plain", 20),
    ("plain-56", "plain", 56),
    ("ResNet-56", "resnet_v1", 56),
]:
    fresh = fresh_gradient_norms(*batch, depth=depth, network=network)
    learned = gradient_norms(panel.models[name], *batch)
    norms["at the start"][name] = select_convolutions(fresh)
    norms["after training"][name] = select_convolutions(learned)

# %%
from resnet_edu.gradients import describe_norms

fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", sharey=True)
for ax, (moment, series) in zip(axes, norms.items()):
    plotting.plot_gradient_norms(series, ax)
    ax.set_title(moment)
    ax.set_ylim(1e-4, 1e4)
axes[0].get_legend().remove()
axes[1].set_ylabel("")
plt.show()
for moment, series in norms.items():
    for name, values in series.items():
        print(f"{moment}, {name}: {describe_norms(values)}")

# %%
checks.check_prediction("gradients_during", prediction_during)

# %% [markdown]
# The network that fails has the **largest** gradients at most layers, at the start and after training. They are largest near the input, where the usual answer says that nothing arrives. And the network that has learned everything, ResNet-56, has the smallest ones at the end, at all layers: when the cross-entropy is close to zero, there is little left to change. (The norms are those of the cross-entropy, without the L2 term.) A small gradient alone is no disease.
#
# The five recorded trainings of plain-56 agree. The ratio of the first convolution's norm to the last one's, and the smallest norm of any convolution, at five moments:

# %% tags=["nbval-check-output"]
for row in runs.select_rows(five_seeds, network="plain", depth=56):
    shown = "   ".join(
        f"epoch {epoch}: {values[0] / values[-1]:4.0f} ({min(values):.2f})"
        for epoch, values in row["norms"].items()
    )
    print(f"plain-56, seed {row['seed']}   {shown}")

# %% [markdown]
# (Epoch 0 is the moment before training. In brackets: the smallest norm.) The ratio falls at once, and stays above 10. No norm is below 0.049. At none of these moments has the gradient vanished. (This is with Adam. Lesson 9 looks at SGD.)

# %% [markdown]
# ### Exercise 3 · Two numbers for a curve (medium, 15 minutes)
#
# To compare many networks, we need numbers in place of curves. Lesson 1 told two things apart, the trend and the level. Write `trend_and_level(norms)` for a sequence of gradient norms in depth order, first convolution first. Return two numbers:
#
# - the *trend*: the factor per layer on the way from the last convolution back to the first, as a geometric mean. A trend of 1.1 means that each step towards the input multiplies the norm by 1.1.
# - the *level*: the geometric mean of all norms. (The lines below the figures take the median of the norms, and the ratio of the two ends for all layers together: the same two things, more roughly.)


# %% tags=["exercise"]
def trend_and_level(norms):
    ### BEGIN SOLUTION
    norms = np.asarray(norms, dtype=float)
    trend = (norms[0] / norms[-1]) ** (1 / (len(norms) - 1))
    return trend, np.exp(np.mean(np.log(norms)))
    ### END SOLUTION


checks.check_trend_and_level(trend_and_level)

# %% [markdown]
# <details><summary>Hint: my level is 0 or infinite</summary>
#
# The product of 55 small numbers is too small for a computer's numbers. Take the mean of the logarithms, and go back with the exponential function at the end.
#
# </details>

# %% [markdown]
# ## 4. One cause at a time
#
# To test a cause, change this one thing, leave everything else, and see what happens. We have three switches,
#
# - shortcuts: plain or residual,
# - batch normalization: with or without,
# - weights: He's rule, or normal with σ = 0.01, which is too small,
#
# and five depths from 8 to 56. All three switches change the gradients, as the table shows. All 40 combinations were trained for eight epochs with three seeds: 120 trainings. Here is each setting at depth 56: the gradient norms before training, measured now, and the recorded training accuracy. Trend and level are those of exercise 3, by the course's version. (Where all norms are 0 there is no trend; the table has a dash.)

# %%
import itertools
import keras

TINY = "normal, σ = 0.01"
depths = (8, 20, 32, 44, 56)
causal = runs.load_run("digits_causal")
settings = list(itertools.product(["plain", "residual"], [True, False], ["he_normal", TINY]))


def measure(network, bn, start, seed):
    return fresh_gradient_norms(
        *batch,
        depth=56,
        network="plain" if network == "plain" else "resnet_v1",
        batch_norm=bn,
        initializer=keras.initializers.RandomNormal(stddev=0.01) if start == TINY else start,
        seed=seed,
    )


def short(network, bn, start):
    weights = "He" if start == "he_normal" else "tiny"
    return f"{network:8} {'BN' if bn else 'no BN'}, {weights}"


# %%
from resnet_edu.gradients import trend_and_level
from resnet_edu.runs import describe_spread

print("depth 56             before training:                              after 8 epochs:")
print("                     trend per layer     level                     training accuracy")
for setting in settings:
    measured = [
        list(select_convolutions(measure(*setting, seed)).values()) for seed in range(3)
    ]
    trends, levels = zip(*map(trend_and_level, measured))
    keys = dict(zip(("network", "batch_norm", "initializer"), setting))
    ends = [row["accuracy"][-1] for row in runs.select_rows(causal, depth=56, **keys)]
    trend = "-" if np.isnan(trends).any() else describe_spread(trends, ".3f")
    level = describe_spread(levels, ".1e")
    print(f"{short(*setting):20} {trend:19} {level:25} {describe_spread(ends, '.2f')}")
print("each: lowest to highest of three seeds;", runs.describe_run(causal))

# %% [markdown]
# Read it row by row.
#
# - **A vanished level goes with failure.** In three of the four rows without BN the level is at most a few millionths, down to exactly 0. These networks guess: one image in ten is right. This is the vanishing gradient, and it is real: it is gone at all layers, before the first step.
# - **With He weights, shortcuts cure it.** Without BN the plain network is dead, and the residual one has a level in the hundreds and trains. With tiny weights they do not. (He's rule keeps the level on large images. On 8 × 8 pixels it loses it at the zeros around the image: lesson 1, section 4.)
# - **With BN nothing has vanished before training.** All four rows have a level between 1 and 100. Yet the plain networks learn little. (During training, with He weights: section 3. With tiny weights, the level of one of the three seeds fell to 0.005.)
# - **The trend alone does not decide it.** With BN and tiny weights the plain network has the *steeper* trend, 1.16 a layer against 1.13, and learns *better* than with He weights. Still, no plain network of this depth learns the task in eight epochs.
#
# Is the vanished level the cause? Repair it, and see. Larger weights give plain-56 without BN a larger level (lesson 1, exercise 4). Recorded, without the L2 term, which pulls all weights to zero and might itself kill the network (lesson 10, section 1), with three learning rates:

# %% tags=["nbval-check-output"]
repaired = runs.load_run("digits_level")
rates = (1e-3, 3e-4, 1e-4)
print("plain-56, no BN: training accuracy after 8 epochs, three seeds")
print("weights   level before        ", *(f"rate {rate:<10}" for rate in rates))
for name, scale in [("He", 2.0), ("larger", 3.2)]:
    rows = {
        rate: runs.select_rows(repaired, scale=scale, learning_rate=rate) for rate in rates
    }
    starts = [trend_and_level(row["norms"]["0"])[1] for row in rows[1e-3]]
    ends = [
        describe_spread([row["accuracy"][-1] for row in rows[rate]], ".2f") for rate in rates
    ]
    print(f"{name:9} {describe_spread(starts, '.0e'):20}", *(f"{end:15}" for end in ends))
print(runs.describe_run(repaired), "(half of them are shown)", sep="\n")

# %% [markdown]
# With the level repaired it learns, at small rates. So for plain-56 **without** BN the usual answer is right in part: what vanished is a cause. In part, because larger weights bring back two things, the gradient and the signal on its way forward; and at the rate 0.001 two of the three repaired networks guess as before. [Lesson 10](10_signal_or_gradient.ipynb), which is optional, takes the two apart.
#
# Vanishing gradients do not explain why plain-56 fails **with** BN: its gradients grow towards the input. From depth 32 to 56 the plain networks with BN and He weights have a median trend of 1.10, 1.12 and 1.13 per layer, and a median accuracy of 0.90, 0.35 and 0.14. But both come with depth. Whether this growth is a cause, these data cannot tell.
#
# The 120 trainings again, along depth:

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", sharey=True)
for ax, network in zip(axes, ("plain", "residual")):
    curves = {}
    for _, bn, start in settings[:4]:
        keys = {"network": network, "batch_norm": bn, "initializer": start}
        curves[short("", bn, start).strip()] = [
            [row["accuracy"][-1] for row in runs.select_rows(causal, depth=depth, **keys)]
            for depth in depths
        ]
    plotting.plot_by_depth(depths, curves, ax)
    ax.set_title(network)
    for setting, ends in curves.items():
        medians = "  ".join(f"{np.median(accuracies):.2f}" for accuracies in ends)
        print(f"{network:8} {setting:11} median at depth 8 to 56: {medians}")
axes[0].get_legend().remove()
axes[1].set_ylabel("")
plt.show()

# %% [markdown]
# Line: median of three seeds; band: lowest to highest. The plain network with BN and He weights fits nearly everything up to depth 20. The next three steps of twelve layers cost it about 0.1, 0.55 and 0.2, though its gradients do not vanish. With shortcuts it fits everything at every depth. Without BN and with He weights, the plain network still learns at depth 20, and is dead at 44. At 32 two seeds of three fail.
#
# ### Exercise 4 · The effect of one switch (hard, 20 minutes)
#
# How much does each switch change the accuracy on average? Compare only *matched pairs*: two trainings that differ in this switch and in nothing else. Write `effect(rows, factor)`. Each row is a dict such as `{"shortcuts": True, "batch_norm": False, "good_init": True, "depth": 56, "seed": 1, "accuracy": 0.98}`. `factor` is the name of one of the three switches. Return the mean over all matched pairs of the accuracy with the switch on minus the accuracy with it off. Leave out rows that have no partner.


# %% tags=["exercise"]
def effect(rows, factor):
    ### BEGIN SOLUTION
    def others(row):
        return tuple(sorted((k, v) for k, v in row.items() if k not in (factor, "accuracy")))

    off = {others(row): row["accuracy"] for row in rows if not row[factor]}
    pairs = [
        row["accuracy"] - off[others(row)]
        for row in rows
        if row[factor] and others(row) in off
    ]
    return sum(pairs) / len(pairs)
    ### END SOLUTION


checks.check_effect(effect)

# %% [markdown]
# <details><summary>Hint: how do I find the partner of a row?</summary>
#
# Two rows are partners if all their entries but `factor` and `accuracy` are equal. Make a key of these entries, a tuple for example, and keep the rows with the switch off in a dict under their key.
#
# </details>
#
# The effects at each depth, by the course's version of this function:

# %% tags=["nbval-check-output"]
table = [
    {
        "shortcuts": row["network"] == "residual",
        "batch_norm": row["batch_norm"],
        "good_init": row["initializer"] == "he_normal",
        "depth": row["depth"],
        "seed": row["seed"],
        "accuracy": row["accuracy"][-1],
    }
    for row in causal["rows"]
]
for depth in depths:
    same_depth = [row for row in table if row["depth"] == depth]
    print(f"depth {depth:2}:", end="")
    for name in ("shortcuts", "batch_norm", "good_init"):
        print(f"   {name} {runs.paired_effect(same_depth, name):+.2f}", end="")
    print()

# %% [markdown]
# These are means over settings that differ much, so read them beside the figure. At depth 8 all settings are at 0.99 or more, or at 0.10, and shortcuts have nothing to change. Their effect grows with depth, and at 56 it is the largest. In the residual networks, and in shallow plain ones, BN and good weights matter most where the other is missing: either of them is enough for most of the accuracy, and without both the network guesses.
#
# ### One rate for all?
#
# One more thing was the same for all these networks: the optimizer and its learning rate. Perhaps it does not suit plain-56. Lesson 9 has a test, recorded with another optimizer, SGD (stochastic gradient descent: lesson 6), at five rates with three seeds. (The networks and the images differ a little from those here, so compare these figures with each other only.) The rate matters much: after 120 epochs plain-56 fits 0.34 to 0.41 of the training images at 0.05, and 0.67 to 0.76 at its own best rate, 0.001. But there, too, plain-20 and ResNet-56 fit 0.986 and more, and no gradient norm of plain-56 was below 0.17 at any moment that was measured. So compare networks at the best rate of each. Degradation remains.
#
# ## 5. What is known
#
# - **The paper** (He et al. 2015b, section 4.1) says it of its own plain networks: with BN the difficulty is "unlikely to be caused by vanishing gradients". BN keeps the variances of the forward signals above zero, and the gradients that come back have healthy norms. It leaves the reason open. It conjectures that deep plain networks may get better only "exponentially" slowly. With three times as many steps the authors still saw the degradation.
# - **The usual explanation**, in many tutorials, says that the gradients vanish. For networks without BN, or with badly chosen weights, it can be right: there the level can be gone before the first step, and plain-56 learned when larger weights brought signal and gradient back, at small rates (section 4). For plain-56 with BN and He weights it contradicts the measurement. At the start its gradients grow. With Adam, and with SGD at its best rate, nothing vanishes later on either, and it is behind all the same.
# - **Exploding instead.** Yang et al. (2019) show that BN itself makes the gradients of plain networks grow exponentially towards the input, and see in this why very deep ones cannot be trained. This fits our ratios at the start. (With Adam at 0.001 and with SGD they fall within one epoch. With Adam at 0.0001 they are still above 100 after 40 epochs.)
# - **Other reasons.** The gradients of deep plain networks with BN come to resemble white noise (lesson 7): they change so quickly with the input that a step for one image may be no guide for the next (*shattered gradients*, Balduzzi et al. 2017). The loss surface of ResNet-56 without shortcuts looks chaotic in slices around the trained weights, with them it looks smooth (Li et al. 2018; in one slice around our own plain-56 there is a single dip: lesson 7). Shortcuts are not the only way out: Balduzzi et al. train deep plain networks without them from a start at which ReLU layers act as linear ones, and Xiao et al. (2018) plain convolutional networks of 10,000 layers with tanh, with neither shortcuts nor BN, from orthogonal kernels. And for the other side of the question: BN makes the branch of a residual block small against its shortcut, so that a fresh network acts like a shallow one (De and Smith 2020).
#
# What our experiment shows is limited. The task is small. In the main part the training is 176 steps, and the learning rate is the same for all. Adam divides each gradient by its usual size plus a small number, so its steps depend little on the size of the gradients, unless that is not far above the small number (lesson 10). What it shows for plain-56, with BN and He weights: it is behind also where no gradient vanishes. So vanishing is not what it takes. It does not prove another explanation.

# %% [markdown]
# ## 6. And on CIFAR-10
#
# The paper's own experiment is on CIFAR-10, 50,000 colour images. Error on the test images, in percent. The numbers of the plain networks up to depth 56 are not printed in the paper; they are read off its figure 6, so they are approximate:
#
# | depth | 20 | 32 | 44 | 56 | 110 |
# |---|---|---|---|---|---|
# | plain | 9.5 | 10 | 12 | 13.5 | > 60 |
# | residual | 8.75 | 7.51 | 7.17 | 6.97 | 6.43 |
#
# (The 6.43 is the best of five runs; their mean is 6.61.) In the plain networks the error rises with depth, in the residual ones it falls. The training errors have the same order (figure 6). A ResNet of 1202 layers has 7.93 %, more than that of 110, though its training error is below 0.1 %: overfitting, the authors suppose, not degradation. On ImageNet, validation images, plain-34 has 28.54 % top-1 error (the share of images whose right class does not get the largest probability) and plain-18 has 27.94 %; ResNet-34 has 25.03 % and ResNet-18 27.88 %.
#
# We trained the four networks by the paper's recipe (`paper` in lesson 6: SGD at the rate 0.1, 164 epochs), on a GPU. Each is shown with seed 0. The two deep ones began carefully, with 0.01 until a fifth of the training images were right, and 0.1 from then on, as the paper has it for 110 layers. Lesson 9, section 5, has all trainings: other seeds, both deep networks with 0.1 from the start, and what went wrong in ours. Training errors are means over an epoch, on shifted and mirrored images. The rate falls to a tenth after 82 and after 123 epochs.

# %%
paper_runs = [runs.load_run(f"cifar10_paper{which}") for which in ("", "_warm")]
on_cifar10 = {
    "plain-20": runs.select_rows(paper_runs[0], model="plain_net", seed=0)[0],
    "plain-56": runs.select_rows(paper_runs[1], model="plain_net", seed=0)[0],
    "ResNet-56": runs.select_rows(paper_runs[1], model="resnet_v1", seed=0)[0],
    "ResNet-20": runs.select_rows(paper_runs[0], model="resnet_v1", seed=0)[0],
}
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
plotting.plot_errors({name: row["accuracy"] for name, row in on_cifar10.items()}, axes[0])
of_plain_56 = on_cifar10["plain-56"]["norms"]
moments = {"before training": "0"} | {f"after epoch {n}": n for n in ("1", "5", "50", "164")}
series = {text: dict(enumerate(of_plain_56[n])) for text, n in moments.items()}
plotting.plot_gradient_norms(series, axes[1])
axes[1].set_title("plain-56, gradient norms")
plt.show()
for name, row in on_cifar10.items():
    errors = [f"{100 * (1 - row['accuracy'][n - 1]):5.2f} % after {n}" for n in (72, 164)]
    tested = 100 * (1 - row["test_accuracy"])
    print(f"{name:9} training error {', '.join(errors)} epochs; test error {tested:.2f} %")

# %% tags=["nbval-check-output"]
for text, epoch in moments.items():
    first, *_, last = of_plain_56[epoch]
    smallest = min(of_plain_56[epoch])
    print(f"plain-56 {text:15}: first / last norm {first / last:.3g}, smallest {smallest:.2g}")
print("smallest at any of the nine moments measured:", min(map(min, of_plain_56.values())))
for run in paper_runs:
    print(runs.describe_run(run))

# %% [markdown]
# - **Degradation, on the training images.** At the end plain-56 is wrong on 4.4 % of them, plain-20 on 1.05 %, ResNet-56 on 0.09 %. (All were trained at 0.1, as in the paper, not each at its best rate.) That is the order of the paper's figure 6. In all three plain-56 that we have, with either start, the training error is well above plain-20's at every moment that both have.
# - **No vanished gradient at the moments measured.** Before training this plain-56's first norm is 363 times its last one. At the eight later moments it is between 2.5 times smaller (after epoch 2, not shown) and 5.4 times larger, and no norm is below 0.07. (The other plain-56 with this start has up to 6 times smaller, and 0.035: lesson 9, section 5.)
# - **On the test images** ResNet-56 is the best of the four, with 7.23 % error; the paper has 6.97. Plain-56 is the worst, with 14.21 %; the paper's figure shows about 13.5.

# %% [markdown]
# ## What to take along
#
# - Degradation: a deeper plain network has a higher **training** error than a shallower one, although a solution as good exists.
# - Plain-56 with batch normalization and He weights is far behind even where its gradients do not vanish. At the start they grow towards the input. With Adam, and with SGD at its best rate, none has vanished at any moment at which we measured.
# - Without normalization signal and gradient can vanish together. In deep networks this goes with failure, and a repair lets plain-56 learn at small rates. It is another failure than that of plain-56 with batch normalization.
# - Change one thing at a time, repeat with several seeds, compare matched pairs, and compare networks at the best learning rate of each.
#
# **Next:** lesson 3 builds the residual block, and asks what a shortcut does. (Two optional lessons go on with plain-56. Lesson 9, best after lesson 6: learning rates, careful starts, and all trainings by the paper's recipe. Lesson 10: without batch normalization.)
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · Balduzzi et al. 2017, [The Shattered Gradients Problem](https://arxiv.org/abs/1702.08591) · Li et al. 2018, [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913) · Yang et al. 2019, [A Mean Field Theory of Batch Normalization](https://arxiv.org/abs/1902.08129) · Xiao et al. 2018, [How to Train 10,000-Layer Vanilla Convolutional Neural Networks](https://arxiv.org/abs/1806.05393) · De and Smith 2020, [Batch Normalization Biases Residual Blocks Towards the Identity Function](https://arxiv.org/abs/2002.10444) · the readings of figure 6: [a-martyn/resnet](https://github.com/a-martyn/resnet).
