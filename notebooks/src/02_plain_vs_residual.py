# %% [markdown]
# # 2 · Plain against residual
#
# **You will** watch a deep plain network fail while it trains, beside a shallower one and a residual one, and test the usual explanation of this failure by experiment.
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
# All three train for eight epochs with Adam, learning rate 0.001, in batches of 64: 22 steps an epoch. The loss is the cross-entropy and, as in the Keras example that this course builds on, an L2 term of 0.0001 on the convolutions' kernels. We look at the accuracy on the **training** images, not on new ones. It tells whether the network can fit what it sees. (An epoch's accuracy is the mean over its batches, while it trains.)
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
ax.annotate("chance", (0.99, 0.08), xycoords=("axes fraction", "data"), color="0.4", ha="right", va="top")
plt.show()
print(live_training.describe_histories(histories))

# %%
checks.check_prediction("degradation", prediction_depth)

# %% [markdown]
# Plain-20 and ResNet-56 fit the training images. Plain-56 hardly does better than chance. It is not that it has learned the training images by heart and fails on others, which would be *overfitting*. It fails on the training images themselves. This is *degradation*: a deeper network with a higher **training** error (He et al. 2015b, section 1).
#
# One run may be luck. We recorded this experiment with five seeds: other weights, other order of images.

# %%
from resnet_edu import runs

recorded = runs.load_run("digits_degradation")
print("training accuracy after 8 epochs, seeds 0 to 4")
for network, depth in [("plain", 20), ("plain", 56), ("residual", 56)]:
    rows = runs.select_rows(recorded, network=network, depth=depth)
    print(f"{network:8} {depth}   ", "  ".join(f"{row['accuracy'][-1]:.2f}" for row in rows))
print(runs.describe_run(recorded))

# %% [markdown]
# Does plain-56 only need more time, or smaller steps? Five times as many epochs, with two learning rates:

# %%
patience = runs.load_run("digits_patience")
print("plain-56, training accuracy")
for rate in (1e-3, 1e-4):
    for row in runs.select_rows(patience, learning_rate=rate):
        after = "   ".join(f"epoch {epoch}: {row['accuracy'][epoch - 1]:.2f}" for epoch in (8, 20, 40))
        print(f"learning rate {rate}, seed {row['seed']}   {after}")
print(runs.describe_run(patience))

# %% [markdown]
# It does learn, but slowly: about half of the training images after 40 epochs, where plain-20 had fitted nearly all of them after eight. With steps ten times smaller it is slower still. So plain-56 is not stuck for ever. With this optimizer it is far harder to train than either of the others. (Section 4 has another optimizer, with five rates.)
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
from resnet_edu.gradients import describe_norms, fresh_gradient_norms, gradient_norms, select_convolutions

batch = x[:64], y[:64]
norms = {"at the start": {}, "after training": {}}
for name, (depth, residual) in {"plain-20": (20, False), "plain-56": (56, False), "ResNet-56": (56, True)}.items():
    network = "resnet_v1" if residual else "plain"
    norms["at the start"][name] = select_convolutions(fresh_gradient_norms(*batch, depth=depth, network=network))
    norms["after training"][name] = select_convolutions(gradient_norms(panel.models[name], *batch))

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

# %%
for row in runs.select_rows(recorded, network="plain", depth=56):
    shown = "   ".join(
        f"epoch {epoch}: {norms[0] / norms[-1]:4.0f} ({min(norms):.2f})" for epoch, norms in row["norms"].items()
    )
    print(f"plain-56, seed {row['seed']}   {shown}")

# %% [markdown]
# (Epoch 0 is the moment before training. In brackets: the smallest norm.) The ratio falls at once, and stays above 10. No norm is below 0.049. At none of these moments has the gradient vanished. (This is with Adam. Section 4 looks at SGD.)

# %% [markdown]
# ### Exercise 3 · Two numbers for a curve (medium, 15 minutes)
#
# To compare many networks, we need numbers in place of curves. Lesson 1 told two things apart, the trend and the level. Write `trend_and_level(norms)` for a sequence of gradient norms in depth order, first convolution first. Return two numbers:
#
# - the *trend*: the factor per layer on the way from the last convolution back to the first, as a geometric mean. A trend of 1.1 means that each step towards the input multiplies the norm by 1.1.
# - the *level*: the geometric mean of all norms.


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
# and five depths from 8 to 56. All three switches change the gradients, as the table shows. All 40 combinations were trained for eight epochs with three seeds: 120 trainings. Here is each setting at depth 56: the gradient norms before training, measured now, and the recorded training accuracy. As the trend we print the ratio of first to last norm, as the level the median: simpler than the two numbers of exercise 3. (Where all norms are 0 there is no ratio; the table has 0 / 0.)

# %%
import keras

TINY = "normal, σ = 0.01"
causal = runs.load_run("digits_causal")
settings = [
    (network, bn, start)
    for network in ("plain", "residual")
    for bn in (True, False)
    for start in ("he_normal", TINY)
]


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
    return f"{network:8} {'BN, ' if bn else 'no BN, '}{'He' if start == 'he_normal' else 'tiny'}"


# %%
print("depth 56             before training:                               after 8 epochs:")
print("                     first / last           median level           training accuracy")
ratios, levels, accuracy = {}, {}, {}
for setting in settings:
    measured = [list(select_convolutions(measure(*setting, seed)).values()) for seed in range(3)]
    ratios[setting] = [norms[0] / norms[-1] for norms in measured if norms[-1]]
    levels[setting] = [np.median(norms) for norms in measured]
    keys = dict(zip(("network", "batch_norm", "initializer"), setting))
    accuracy[setting] = [row["accuracy"][-1] for row in runs.select_rows(causal, depth=56, **keys)]
    columns = [f"{min(v):.1e} to {max(v):.1e}" if v else "0 / 0" for v in (ratios[setting], levels[setting])]
    low, high = min(accuracy[setting]), max(accuracy[setting])
    print(f"{short(*setting):20} {columns[0]:20}   {columns[1]:20}   {low:.2f} to {high:.2f}")
print("each: lowest to highest of three seeds;", runs.describe_run(causal))

# %% [markdown]
# Read it row by row.
#
# - **A vanished level goes with failure.** In three of the four rows without BN the level is at most a few millionths, down to exactly 0. These networks guess: one image in ten is right. This is the vanishing gradient, and it is real. It has vanished at all layers at once.
# - **With He weights, shortcuts cure it.** Without BN the plain network is dead, and the residual one has a level in the hundreds and trains. With tiny weights they do not. (He's rule keeps the level on large images. On 8 × 8 pixels it loses it at the zeros around the image: lesson 1, section 4.)
# - **With BN nothing has vanished before training.** All four rows have a level between 1 and 100. Yet the plain networks learn little. (During training, with He weights: section 3. With tiny weights, the level of one of the three seeds fell to 0.002.)
# - **The ratio alone does not decide it.** With tiny weights the plain network has the *larger* ratio, in the thousands, and learns *better* than with He weights. Still, no plain network of this depth learns the task in eight epochs.
#
# One doubt remains about the first point. The loss has an L2 term, which pulls all weights to zero. Where the gradient of the cross-entropy is tiny, this term may be what kills the network. So we change this one thing: the half of the experiment without BN again, 60 trainings, without the L2 term.

# %%
no_l2 = runs.load_run("digits_no_l2")
print("no BN: training accuracy after 8 epochs, lowest to highest of three seeds")
print("                     with L2 term     without")
for depth in (8, 20, 32, 44, 56):
    for network, bn, start in settings:
        if not bn:
            same = {"network": network, "initializer": start, "depth": depth, "batch_norm": False}
            found = [[row["accuracy"][-1] for row in runs.select_rows(run, **same)] for run in (causal, no_l2)]
            shown = "     ".join(f"{min(values):.2f} to {max(values):.2f}" for values in found)
            print(f"depth {depth}, {network:8} {'He' if start == 'he_normal' else 'tiny':4}   {shown}")

# %% [markdown]
# At depths 44 and 56 the networks that guess go on guessing. At depth 32 two seeds of the plain network make a start instead of one. With tiny weights and shortcuts, all three seeds make a start at depth 8, and two of three at depth 20, although their level before training is about a millionth or less. So there the L2 term was needed to stop them. In the deep networks a vanished level goes with failure, with this term and without it.
#
# So without BN, failure goes with a vanished level in the deep networks. This does not show that the gradient alone is to blame: the level also falls when the forward signal does (lesson 1, section 4). Vanishing gradients do not explain why plain-56 fails with BN: its gradients grow towards the input. Among the networks with BN and He weights, a larger ratio goes with worse learning. But both come with depth. Whether this growth is a cause, these data cannot tell.
#
# The same experiment along depth:

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", sharey=True)
depths = (8, 20, 32, 44, 56)
for ax, network in zip(axes, ("plain", "residual")):
    curves = {}
    for _, bn, start in settings[:4]:
        rows = [
            runs.select_rows(causal, network=network, batch_norm=bn, initializer=start, depth=d) for d in depths
        ]
        curves[short("", bn, start).strip()] = [[row["accuracy"][-1] for row in same] for same in rows]
    plotting.plot_by_depth(depths, curves, ax)
    ax.set_title(network)
    for label, values in curves.items():
        print(f"{network:8} {label:11} median at depth 8 to 56:", *(f"{np.median(v):.2f}" for v in values))
axes[0].get_legend().remove()
axes[1].set_ylabel("")
plt.show()

# %% [markdown]
# Line: median of three seeds; band: lowest to highest. The plain network with BN and He weights fits nearly everything up to depth 20. The next three steps of twelve layers cost it about 0.1, 0.55 and 0.2, though its gradients do not vanish. With shortcuts it fits everything at every depth. Without BN and with He weights, the plain network still learns at depth 20, and is dead at 44. At 32 it is a matter of luck: two seeds of three fail.
#
# ### Exercise 4 · The effect of one switch (hard, 20 minutes)
#
# How much does each switch change the accuracy on average? Compare only *matched pairs*: two trainings that differ in this switch and in nothing else. Write `effect(rows, factor)`. Each row is a dict such as `{"shortcuts": True, "batch_norm": False, "good_init": True, "depth": 56, "seed": 1, "accuracy": 0.98}`. `factor` is the name of one of the three switches. Return the mean over all matched pairs of the accuracy with the switch on minus the accuracy with it off. Leave out rows that have no partner.


# %% tags=["exercise"]
def effect(rows, factor):
    ### BEGIN SOLUTION
    def others(row):
        return tuple(sorted((key, value) for key, value in row.items() if key not in (factor, "accuracy")))

    off = {others(row): row["accuracy"] for row in rows if not row[factor]}
    pairs = [row["accuracy"] - off[others(row)] for row in rows if row[factor] and others(row) in off]
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

# %%
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
    effects = {name: runs.paired_effect(same_depth, name) for name in ("shortcuts", "batch_norm", "good_init")}
    print(f"depth {depth:2}:", *(f"  {name} {value:+.2f}" for name, value in effects.items()))

# %% [markdown]
# These are means over settings that differ much, so read them beside the figure. At depth 8 all settings are at 0.99 or more, or at 0.10, and shortcuts have nothing to change. Their effect grows with depth, and at 56 it is the largest. In the residual networks, and in shallow plain ones, BN and good weights matter most where the other is missing: either of them is enough for most of the accuracy, and without both the network guesses. In the plain networks of depth 44 and 56 He weights alone, without BN, are not enough. In the plain network with BN at depth 56, He weights are even worse than tiny ones.
#
# ### Is it the size of the steps?
#
# One thing was the same for all networks that were compared so far: the learning rate. That may be unfair. Adam divides each gradient by its usual size, so a large gradient makes no longer step. SGD (stochastic gradient descent, lesson 6) takes the rate times the gradient as its step, however large this is. And with *momentum* 0.9 each gradient is added again in the following steps, 0.9, 0.81, … of it, so that it counts ten times in all. The gradient of plain-56 grows towards the input, so there its steps are the longest.
#
# Recorded with SGD: three networks, five rates, three seeds. The recipe is `paper` of lesson 6, fitted to the digits: 120 epochs, batches of 64, images shifted by a pixel at most. (The rate falls to a tenth after half of the epochs, and again after three quarters. The networks are the paper's: no biases in the convolutions, shortcuts padded with zeros, half the L2 term; lesson 4, section 6. And the accuracies are those on the shifted images. So compare them with each other, not with the sections above.) Three more settings give plain-56 a *warm-up*: the rate is 0.001 at first, and 0.05 from then on. It lasts one epoch, or until a fifth of the images are right (the paper's rule for its 110 layers, which starts at 0.01), or until half are right.
#
# The L2 term tells how long all kernels are together. It is proportional to the sum of their squares: a hundred times the term means ten times the length. Before training it is about 0.2 at depth 56 and 0.07 at depth 20.

# %%
rated, trained = runs.load_run("digits_rates"), runs.load_run("digits_trained")  # the second with the rate 0.05
compared = {"plain-20": ("plain_net", 20), "ResNet-56": ("resnet_v1", 56), "plain-56": ("plain_net", 56)}


def describe_rate(row):
    rate, start = row["recipe"]["learning_rate"], row["recipe"]["warm_up"]
    if not start or row["depth"] < start["from_depth"]:
        return f"{rate:g}"
    until = "for 1 epoch" if start["error"] == 1 else f"until {1 - start['error']:.0%} are right"
    return f"{start['rate']:g} {until}, then {rate:g}"


by_rate = {name: {} for name in compared}
for name, (model, depth) in compared.items():
    for row in [row for run in (trained, rated) for row in runs.select_rows(run, model=model, depth=depth)]:
        by_rate[name].setdefault(describe_rate(row), []).append(row)


# %%
def spread(values, form):
    return f"{min(values):{form}} to {max(values):{form}}"


print("           rate                                      training accuracy   largest L2 term")
for name, rates in by_rate.items():
    for rate, same in rates.items():
        ends, longest = [row["accuracy"][-1] for row in same], [max(row["l2"]) for row in same]
        print(f"{name:10} {rate:42}{spread(ends, '.2f')}        {spread(longest, '.3g')}")
print("each: lowest to highest of three seeds")
print("rate 0.05 from the start:", runs.describe_run(trained))
print("others:", runs.describe_run(rated))

# %% [markdown]
# At 0.05 and 0.01 the weights of plain-56 are thrown far away. How far, can be reckoned from the first gradient alone. Take all numbers of a kernel as one arrow; its length is the root of the sum of their squares. Multiply the kernel by 2, and BN divides the 2 out again: the cross-entropy stays the same. So the gradient has no part in the arrow's own direction, it is at right angles to it. By Pythagoras' theorem a step at right angles makes the arrow longer. And a kernel that points the same way and is $k$ times as long has a gradient that is $k$ times smaller. So after a long first step the next gradients count little, and the momentum carries on what the first one asked for, to ten times its step. By He's rule the squared length of a fresh kernel is about twice the number of its output channels.

# %%
squares = 2.0 * np.repeat([16, 32, 64], [19, 18, 18])  # squared lengths of plain-56's kernels, before training
first = {row["seed"]: np.array(row["norms"]["0"]) for row in by_rate["plain-56"]["0.001"]}  # of the gradients
print("plain-56         L2 term, seeds 0, 1, 2               kernels 2, 20, 55: times as long,")
print("                 reckoned          largest recorded   reckoned")
for rate in ("0.05", "0.01", "0.003", "0.001", "0.0003"):
    rows = by_rate["plain-56"][rate]
    moved = [10 * float(rate) * first[row["seed"]] for row in rows]
    reckoned = [row["recipe"]["weight_decay"] / 2 * np.sum(squares + m**2) for row, m in zip(rows, moved)]
    growth = np.median([np.sqrt(1 + m**2 / squares) for m in moved], axis=0)
    columns = [" ".join(f"{v:5.3g}" for v in values) for values in (reckoned, [max(row["l2"]) for row in rows])]
    print(f"rate {rate:6}  {columns[0]}   {columns[1]}   {growth[1]:.3g}, {growth[19]:.2g}, {growth[54]:.2g}")

# %% [markdown]
# From 0.003 to 0.05 the reckoning holds within about a tenth for two seeds, and within a factor of two for the third. (The gradient was measured on other images than the first batch's.) At 0.001 the term rises from 0.2 to about 0.3, at 0.0003 to 0.22. There later gradients count, too. By the reckoning, the second kernel gets about two hundred times as long at 0.05, and the last one stays as long as it was. A step of a given length turns a kernel that is $k$ times as long by $k$ times less, and its gradient is $k$ times smaller. So its direction changes $k^2$ times more slowly. By this reckoning the first kernels should stay about where they were thrown. What was recorded is the length: at 0.05 the L2 term falls by an eighth only in the rest of the training.
#
# Do the first steps make plain-56 fail at 0.05? The warm-ups test this. (Whether the length of the kernels is the reason, they do not tell.) And what becomes of the gradients meanwhile?

# %%
fig, axes = plt.subplots(2, 1, figsize=(9, 6), layout="constrained", sharex=True)
slow = "0.001 for 1 epoch, then 0.05"
rates = {f"rate {rate}": by_rate["plain-56"][rate][0] for rate in ("0.05", "0.01", "0.003", "0.001", "0.0003")}
starts = {f"{rate}, seed {row['seed']}": row for rate in ("0.05", slow) for row in by_rate["plain-56"][rate]}
for ax, lines in zip(axes, (rates, starts)):
    plotting.plot_accuracies({name: runs.accuracy_history(row) for name, row in lines.items()}, ax)
    for name, row in lines.items():
        after = "   ".join(f"epoch {n}: {row['accuracy'][n - 1]:.2f}" for n in (10, 30, 60, 120))
        print(f"{name:36} {after}")
axes[0].set_title("plain-56, SGD: five rates, seed 0")
axes[1].set_title("plain-56, SGD: with and without one careful epoch")
axes[0].set_xlabel("")
plt.show()


# %%
print("plain-56, gradient norms: first / last convolution, lowest to highest of three seeds")
print("rate                                  before      epoch 1         epoch 20        epoch 120       smallest")
for rate, same in by_rate["plain-56"].items():
    found = [row["norms"] for row in same if "norms" in row]  # digits_trained has none
    if found:
        then = {n: [norms[n][0] / norms[n][-1] for norms in found] for n in ("0", "1", "20", "120")}
        later = "".join(f"{spread(then[n], '.2g'):16}" for n in ("1", "20", "120"))
        smallest = min(min(values) for norms in found for values in norms.values())
        print(f"{rate:37} {spread(then['0'], '.0f')}  {later}{smallest:.2g}")

# %% [markdown]
# (Before training the seeds are the same three in every row. The lower two rows were recorded in another session; we put the difference down to rounding, which grows in so deep a plain network. Before training it changes a norm by some percent. After one epoch at the same rate, the ratios of the same seed already differ by a factor of two to six. So here a seed does not fix a training from one session to the next. Compare the three of a row with the three of another.)
#
# - **The rate matters much for plain-56.** At 0.05 it ends between 0.34 and 0.41, at 0.001 between 0.67 and 0.76. At 0.0003 the 120 epochs are too short even for plain-20.
# - **The first steps are a cause of the failure at 0.05.** With the warm-up of one epoch, which is 22 steps, nothing is thrown far: the L2 term stays near 0.3. With 0.05 from then on, two of three end at 0.71 and 0.70, where the best rate takes them. Without it none of three is above 0.41.
# - **They are not the only cause.** The third of these has 0.54 after 30 epochs, falls to 0.17 by epoch 48, and ends at 0.35. The clearest test is the warm-up until half are right. Up to the switch its trainings are those with 0.001, number for number. In the first epoch at 0.05, all three lose half of their accuracy or more. Those that stay at 0.001 never lose a fifth. So later steps of this size throw plain-56 back, too. The L2 term rises by 0.004 at most then, so no kernel is thrown. Of the nine trainings with a warm-up, eight lose more than a fifth in some epoch at 0.05, and seven end above 0.41 all the same. Which length of warm-up is best, three seeds cannot tell.
# - **With SGD, the gradients in front can become small.** At 0.01 the first convolution's norm is 14 to 120 times smaller than the last one's after one epoch. Lesson 1 called this "vanishes towards the input". By the reckoning the first kernel is then 11 to 17 times as long. This is a small part: the ratio has fallen by a factor of 8,000 or more. The kernel also points elsewhere, and the other layers have changed, too. Small gradients come without a large throw, too: with the warm-up until half are right, seed 0 has a ratio of 0.017 after its breakdown. What came first? Before the first step, the gradient in front was hundreds of times *larger*. So at 0.01 the small gradients came after the first steps, not before. (In the breakdown we cannot tell: we measured at epochs 20 and 50 only.) Whether they hold the network back from then on, we did not test.
# - **Degradation remains where no gradient is small.** At its best rate, 0.001, no convolution's norm was below 0.17 at any of the nine moments measured. After the start the first one's was between 0.28 and 4.3 times the last one's. Still plain-56 is far behind plain-20 and ResNet-56, at the same rate and at their best. How much time would change, we cannot say: its accuracy was still rising when the schedule cut the rate. (With Adam, section 1 tried one smaller rate, which did not help.)
#
# This is a lesson in experiments, too. If all networks get one rate, you see two things mixed: which network is better, and which one this rate happens to suit. Give each network its own best rate.
#
# ## 5. What is known
#
# - **The paper** (He et al. 2015b, section 4.1) says it of its own plain networks: with BN the difficulty is "unlikely to be caused by vanishing gradients". BN keeps the variances of the forward signals above zero, and the gradients that come back have healthy norms. It leaves the reason open. It conjectures that deep plain networks may get better only "exponentially" slowly. With three times as many steps the authors still saw the degradation.
# - **The usual explanation**, in many tutorials, says that the gradients vanish. For networks without BN, or with badly chosen weights, it can be right: then the level is gone. For plain-56 with BN and He weights it contradicts the measurement. At the start its gradients grow. With Adam, and with SGD at its best rate, nothing vanishes later on either, and it is behind all the same.
# - **Exploding instead.** Yang et al. (2019) show that BN itself makes the gradients of plain networks grow exponentially towards the input, and see in this why very deep ones cannot be trained. This fits our ratios at the start. (With Adam at 0.001 and with SGD they fall within one epoch. With Adam at 0.0001 they are still above 100 after 40 epochs.)
# - **Other reasons.** The gradients of deep plain networks with BN come to resemble white noise (lesson 7): they change so quickly with the input that a step for one image may be no guide for the next (*shattered gradients*, Balduzzi et al. 2017). The loss surface of ResNet-56 without shortcuts looks chaotic in slices around the trained weights, with them it looks smooth (Li et al. 2018). And for the other side of the question: BN makes the branch of a residual block small against its shortcut, so that a fresh network acts like a shallow one (De and Smith 2020).
#
# What our experiment shows is limited. The task is small. In the main part the training is 176 steps, and the learning rate is the same for all. Adam also divides each gradient by its usual size. So its steps depend little on the level, as long as the entries of the gradient are well above Adam's epsilon, 1e-7; where the level has vanished they need not be. What it shows for plain-56, with BN and He weights: it is behind also where no gradient vanishes. So vanishing is not what it takes. It does not prove another explanation.

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
# (The 6.43 is the best of five runs; their mean is 6.61.) In the plain networks the error rises with depth, in the residual ones it falls. The training errors have the same order (figure 6). On ImageNet, validation images, plain-34 has 28.54 % top-1 error and plain-18 has 27.94 %; ResNet-34 has 25.03 % and ResNet-18 27.88 %. For the plain networks the direction is the same as on our digits. The residual ones fit all digits at every depth, so there they cannot show a gain.
#
# Our own recording is much shorter: the four networks, ten epochs each on two CPU cores, with the recipe `quick` of lesson 6 (the paper's network instead of the article's, SGD instead of Adam, mirrored images). The plain networks were trained with two seeds, the residual ones with one; the figure shows seed 0. Section 7 has the paper's own recipe.

# %%
cifar = runs.load_run("cifar10_short")
label = {"plain_net": "plain", "resnet_v1": "ResNet"}
cifar["rows"] = [row for row in cifar["rows"] if row["model"] in label]
rows = {f"{label[row['model']]}-{row['depth']}": row for row in runs.select_rows(cifar, seed=0)}
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
plotting.plot_accuracies({name: runs.accuracy_history(row) for name, row in rows.items()}, axes[0])
norms = rows["plain-56"]["norms"]
names = {"0": "before training", "1": "after epoch 1", "10": "after epoch 10"}
series = {text: dict(enumerate(norms[epoch])) for epoch, text in names.items()}
plotting.plot_gradient_norms(series, axes[1])
axes[1].set_title("plain-56, gradient norms")
plt.show()
for name, row in rows.items():
    print(f"{name:9}  training accuracy {row['accuracy'][-1]:.3f}, test {row['test_accuracy']:.3f}")
    for epoch, text in names.items():
        n = row["norms"][epoch]
        print(f"   gradient norms {text:15}: first {n[0]:.3g}, last {n[-1]:.3g}, smallest {min(n):.2g}")
print("the plain networks of both seeds (smallest norm: of any layer, at any moment measured):")
for row in sorted(runs.select_rows(cifar, model="plain_net"), key=lambda row: row["depth"]):
    smallest = min(min(norms) for norms in row["norms"].values())
    figures = f"training accuracy {row['accuracy'][-1]:.3f}, L2 term after epoch 1 {row['l2'][0]:.3g}"
    print(f"   plain-{row['depth']}, seed {row['seed']}: {figures}, smallest norm {smallest:.2g}")
print(runs.describe_run(cifar))

# %% [markdown]
# On real images plain-56 fails as on the digits. It is far behind plain-20 on the **training** images, 0.43 against 0.85, so this is degradation and not overfitting. Its gradient grows towards the input before training. Then the first steps throw it, as with SGD on the digits: the L2 term, about 0.2 before training, is 33 and 177 after one epoch. (Plain-20's is 0.08 then, and never above 0.12. ResNet-56's rises from 0.2 to 0.76.) From then on the first layer's norm is smaller than the last one's, 3 to 6 times with seed 0 and 11 to 29 times with seed 1. No norm is below 0.006.
#
# Is it the rate here, too? The same ten epochs with smaller rates, and with one careful epoch:

# %%
slower = runs.load_run("cifar10_rates")
print("           rate                               training   test    largest   gradient norms after the start:")
print("                                              accuracy           L2 term   first / last     smallest")
for name, row in rows.items():
    for same in [row, *runs.select_rows(slower, model=row["model"], depth=row["depth"])]:
        later = [norms for epoch, norms in same["norms"].items() if epoch != "0"]
        ends = f"{same['accuracy'][-1]:.3f}      {same['test_accuracy']:.3f}   {max(same['l2']):<7.3g}"
        shown = f"{spread([norms[0] / norms[-1] for norms in later], '.2g'):16} {min(map(min, later)):.2g}"
        print(f"{name:10} {describe_rate(same):34} {ends}   {shown}")
print("rate 0.1:", runs.describe_run(cifar))
print("others:", runs.describe_run(slower))

# %% [markdown]
# - **One careful epoch helps here, too.** With it nothing is thrown, and plain-56 ends at 0.516 and not at 0.428. So the first steps cost it something.
# - **It is still far behind, and no gradient is small in front.** Plain-20 and ResNet-56 have 0.854 and 0.785 at this rate. After the careful epoch the first layer's norm is 1.4 to 2.8 times the last one's, and no norm is below 0.03, whenever we measured. So here it is not a vanishing gradient that holds plain-56 back.
# - **Smaller rates help little, or not, in ten epochs.** At 0.01 and 0.001 plain-56 is behind plain-20 at the same rate, by 0.32 and by 0.19. At 0.01 the three networks come in the order of the paper's full training: ResNet-56, plain-20, plain-56.
#
# ResNet-56 learns far better than plain-56. But at the paper's rate it is, after ten epochs, behind ResNet-20 and even behind plain-20: 0.785 against 0.886 and 0.854. (The start with 0.01 brings it to 0.846, and keeps its L2 term at 0.22 where it rose to 0.76.) In the paper's full training ResNet-56 is the best of the four. So ten epochs show that shortcuts help the deep network. They do not show that a deeper ResNet is the better one, and they cannot tell slow learning from a final difference. The comparison of rates is one seed each. (Lesson 5 has the same recording of two ResNets v2.)

# %% [markdown]
# ## 7. By the paper's recipe
#
# Twice a GPU was ours for a quarter of an hour. On it the four networks were trained by the paper's recipe (`paper` in lesson 6), in bfloat16: with numbers of 16 bits, which are rounded more coarsely. Those of depth 20 have the paper's 164 epochs, with three seeds. The deep ones began in two ways:
#
# - **0.1 at once**, as the paper has it for depth 56. Both were ended when the GPU's time was up, after 127 and 126 epochs.
# - **A careful start**, as the paper has it for 110 layers: 0.01 until a fifth of the training images are right, and 0.1 from then on. (We switch after a whole epoch only: after one for ResNet-56, after two for plain-56. The paper's network switched after about 400 steps, which is one epoch.) One ResNet-56 was trained to the end, its last 26 epochs on two CPU cores. The others were ended, after 72 to 131 epochs.
#
# What was ended was tested later, on a CPU. There the last gradient norms of these networks were computed, too, and all norms of seed 0 of depth 20 and of the two with 0.1 at once. The dashed lines in the figure are the falls of the rate, each to a tenth. Training errors are means over an epoch, on shifted and mirrored images.

# %%
recorded = [runs.load_run(f"cifar10_paper{which}") for which in ("", "_warm", "_56")]
by_network = {}
for row in sorted((row for run in recorded for row in run["rows"]), key=lambda row: row["seed"]):
    start = ", 0.1 at once" if describe_rate(row) == "0.1" else ", careful start"
    name = f"{label[row['model']]}-{row['depth']}{start if row['depth'] == 56 else ''}"
    by_network.setdefault(name, []).append(row)
by_network = {name: by_network[name] for name in sorted(by_network)}
shown = ["plain-20", "plain-56, careful start", "ResNet-20", "ResNet-56, careful start"]
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
plotting.plot_accuracies({name: runs.accuracy_history(by_network[name][0]) for name in shown}, axes[0])
rates = by_network["plain-20"][0]["learning_rate"]
for epoch in (n for n in range(1, len(rates)) if rates[n] < rates[n - 1]):
    axes[0].axvline(epoch + 0.5, color="0.5", linestyle="--", linewidth=1)
axes[0].set_title("seed 0")
moments = by_network["plain-56, careful start"][0]["norms"]
after = {"before training": "0"} | {f"after epoch {n}": n for n in ("1", "5", "50", "131")}
norms = {text: dict(enumerate(moments[n])) for text, n in after.items()}
plotting.plot_gradient_norms(norms, axes[1])
axes[1].set_title("plain-56, careful start, seed 0")
plt.show()
for run in recorded:
    print(runs.describe_run(run))

# %%
from resnet_edu import published


def errors_after(rows, epoch):
    long = [row["accuracy"] for row in rows if len(row["accuracy"]) >= epoch]
    errors = [100 * (1 - accuracies[epoch - 1]) for accuracies in long]
    return spread(errors, ".2f") if len(errors) > 1 else f"{errors[0]:.2f}" if errors else "-"


print("training error, %, lowest to highest (a single figure is one training), after epoch")
print("                          10               72               126              164")
for name, rows in by_network.items():
    columns = [f"{errors_after(rows, epoch):17}" for epoch in (10, 72, 126, 164)]
    print(f"{name:25} {''.join(columns).rstrip()}")
print(f"{'test error, %':63} the paper's")
for name, rows in by_network.items():
    network = rows[0]["model"], rows[0]["depth"]
    told = f"{'≈ ' if 'plain' in name else ''}{100 - published.PAPER[network]:.2f}"
    late = [row for row in rows if len(row["accuracy"]) > 125]
    ours = ", ".join(f"{100 * (1 - row['test_accuracy']):.2f}" for row in late)
    at = f"after epoch {len(late[0]['accuracy'])}"
    print(f"{name:25} {ours:20} {at:16} {told}")

# %%
print("gradient norms: first / last convolution, after epoch                                      smallest")
epochs = ("0", "1", "2", "5", "10", "20", "50", "100")
print("                     seed    " + "".join(f"{epoch:7}" for epoch in epochs) + "the last  of any")
for name, rows in by_network.items():
    for row in rows:
        norms = row["norms"]
        measured = [norms.get(n) for n in (*epochs, max(norms, key=int))]
        ratios = [values and values[0] / values[-1] for values in measured]
        told = "".join(f"{f'{r:.2g}' if r and r < 99 else f'{r:.0f}' if r else '-':7}" for r in ratios)
        print(f"{name:25} {row['seed']}  {told}    {min(map(min, norms.values())):.2g}")

# %% [markdown]
# - **Degradation, in every training.** After 72 epochs, the last moment that all have reached, the rate is still 0.1. Plain-56 is wrong about 16 to 18 % of the training images, in three trainings with two kinds of start. Plain-20 is wrong about 9.5 to 9.8 %, ResNet-20 about 7.6 to 7.8 %, ResNet-56 about 5.2 to 6.6 % with the careful start and 7.7 % without it. After both falls of the rate (epoch 126) the order is that of the paper's figure 6: plain-56 5.2 and 5.4 %, plain-20 1.4 to 1.5 %, ResNet-20 0.9 to 1.0 %, ResNet-56 0.15 and 0.38 %. So plain-56 is not only slow to start, as ten epochs could still mean. (No plain-56 was trained to the end. The two that saw the second fall had gained 1.3 and 1.7 points since, and still gained a little. At epoch 126 each deep network has one training with each start. And all networks were trained at 0.1, not each at its best rate.)
# - **A gentler start does not remove the gap.** With 0.1 at once the L2 term of plain-56 goes from 0.2 to 12 in the first epoch. With 0.01 it still rises, to 0.4 and 2.4. So this start throws less, not nothing. From epoch 10 to 50 both trainings with it are ahead of the one without. After 72 epochs the three L2 terms are alike, and the errors, 18.3 and 16.3 % with it and 17.8 % without, are all far from plain-20's. Three trainings cannot say how much the first steps cost. None of them kept the L2 term near 0.2, as the epoch at 0.001 of section 6 did. And none had a smaller rate throughout.
# - **With the careful start, no norm of plain-56 is below 0.03 at the moments measured.** Before training its first norm is 363 and 1,069 times its last one. In seed 1 it is 2 to 6 times *smaller* in the first ten epochs, in seed 0 it goes from 2.5 times smaller to 5.4 times larger. From epoch 50 on it is 1.3 to 1.7 times the last one in both. What happens between these moments was not measured. With 0.1 at once we have two moments only, before training and after epoch 127; no norm is below 0.06 then. Two of the three ResNets-56 have smaller norms. Seed 0 ends with one of 0.0014, wrong about 0.1 % of the training images. Seed 1 has one of 0.012 after epoch 2, wrong about 82 %. So a small norm alone does not tell whether a network has learned.
# - **The test errors of depth 20** are near the paper's: in the mean of three seeds ResNet-20 has 8.70 %, plain-20 9.74 %, where figure 6 has about 9.5. **ResNet-56** with the careful start has 7.23 %, 0.26 points above the paper's, and is better than each of the three ResNets-20. So in the one deep training that was finished, the deeper network is the better one on new images, too. It also had another start: the one with 0.1 at once has 8.95 % after 126 epochs, no better than ResNet-20 at its end. The two plain-56 are on either side of figure 6's 13.5. (They were ended after 127 and 131 epochs, the figure's had 164.) They fit alike, 5.1 %, and differ by 1.5 points on the test images, more than the choice of test images explains. One training of each kind cannot say why.
#
# ### ResNet-56 and its start
#
# Two things are conspicuous about the ResNet-56 that began with 0.1 at once. One is its start: after two epochs it is wrong about 89 % of the training images, where chance has 90. The other is its stem, the first convolution with its BN and ReLU. There a channel passes on `relu(gamma * x + beta)`. The x is the convolution's output after BN's normalization, with mean 0 and standard deviation 1 over the training images; gamma and beta are the scale and the shift that BN learns. So x must be more than `-beta / |gamma|` standard deviations from its mean, on the side that gamma's sign says, before anything comes through. (Where this figure is negative, values on the other side of the mean come through, too. Not all weights were kept. For ResNet-20 we take those of lesson 6, trained by the same recipe; of the careful starts we have seed 0.)

# %%
from resnet_edu import trained as trained_networks

of_run = {
    "ResNet-20": ("cifar10_full", 20),
    "ResNet-56, 0.1 at once": ("cifar10_paper_56", 56),
    "ResNet-56, careful start, seed 0": ("cifar10_paper_warm", 56),
}
for name, (run, depth) in of_run.items():
    network = trained_networks.load_trained(run, model="resnet_v1", depth=depth).model
    (kernel,), (gamma, beta, *_) = (network.get_layer(f"stem_{part}").get_weights() for part in ("conv", "bn"))
    needed = -beta / np.abs(gamma)
    lengths = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), axis=0)
    print(f"{name}, stem: {(needed > 2.5).sum()} of {len(needed)} channels need more than 2.5")
    print("   standard deviations:", *(f"{value:5.1f}" for value in sorted(needed)))
    print("   length of kernel:   ", *(f"{length:5.2f}" for length in lengths[np.argsort(needed)]))

# %% [markdown]
# With 0.1 at once, nine of the sixteen channels of ResNet-56's stem are dead: on a thousand test images they are 0 at every pixel. (The course's tests check this where CIFAR-10 is there. Any limit from 1.2 to 2.9 gives nine here, and none in the two others.) So all that this network sees of an image comes through seven channels.
#
# At least five died early. A dead channel gets no gradient, and the L2 term alone (the weight decay) shrinks its kernel, at the rate 0.1 to a tenth in 23,000 steps. A kernel with the length of a fresh one, about 1.4, would be down to 0.05 if it had died at the first step. Five of the nine are at 0.06 to 0.07. So these died within about the first ten epochs, if they were not shorter than fresh ones then.
#
# Does the careful start mend this? In the training that was finished no channel of the stem is dead, and the test error is 7.23 % after 164 epochs. With 0.1 at once it is 8.95 % after 126, also after the second fall of the rate. That is one pair, and their lengths differ, as do the devices of the last epochs.
#
# But this start does not always prevent a bad first epoch at 0.1. In it, seed 1 was thrown back from 62 to 82 % wrong, and its L2 term rose by a third. (Seeds 0 and 2 went on to 59 and 57 %.) After 72 epochs it is wrong about 6.6 % of the training images, seeds 0 and 2 about 5.5 and 5.2 %, the training with 0.1 at once about 7.7 %. How much dead channels cost, we did not test. And a bad start need not cost anything: the paper's ResNet-56 started at 0.1, too. The paper saw a slow start at 110 layers with this rate, and says that this network "still reaches similar accuracy".

# %% [markdown]
# ## What to take along
#
# - Degradation: a deeper plain network has a higher **training** error than a shallower one, although a solution as good exists.
# - Plain-56 with batch normalization and He weights is far behind even where its gradients do not vanish. At the start they grow towards the input. With Adam, and with SGD at its best rate, none has vanished at any moment at which we measured.
# - Behind batch normalization a step makes a kernel longer, and a longer kernel has a smaller gradient. So steps that are too long can leave small gradients behind; length is one reason, and here not the main one. Ask what came first.
# - Without normalization the level of the gradients can vanish. In deep networks this goes with failure. This is another failure than that of plain-56 with batch normalization.
# - A learning rate that suits one network can throw another one's weights. Compare networks at the best rate of each.
# - Change one thing at a time, repeat with several seeds, compare matched pairs.
#
# **Next:** lesson 3 builds the residual block, and asks what a shortcut does.
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · Balduzzi et al. 2017, [The Shattered Gradients Problem](https://arxiv.org/abs/1702.08591) · Li et al. 2018, [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913) · Yang et al. 2019, [A Mean Field Theory of Batch Normalization](https://arxiv.org/abs/1902.08129) · De and Smith 2020, [Batch Normalization Biases Residual Blocks Towards the Identity Function](https://arxiv.org/abs/2002.10444) · the readings of figure 6: [a-martyn/resnet](https://github.com/a-martyn/resnet).
