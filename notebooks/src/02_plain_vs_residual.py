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
# - residual (ResNet v1), 56 layers: the plain network of 56 layers with a shortcut around every two of them.

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
# Degradation is strange, because a good solution for the deeper network is known. Take the trained shallow network, and let the additional layers pass their input on. He et al. (2015b) call it the solution *by construction*. A 3 × 3 convolution can do this: with the right kernel its output is its input. A ReLU behind it changes nothing, as its input has no negative values. And BN between the two passes its input on, if its learned scale and shift undo the normalization.
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
# The network that fails has the **largest** gradients at most layers, at the start and after training. They are largest near the input, where the usual answer says that nothing arrives. And the network that has learned everything, ResNet-56, has the smallest ones at the end, at all layers: when the loss is close to zero, there is little left to change. A small gradient alone is no disease.
#
# The five recorded trainings of plain-56 agree. The ratio of the first convolution's norm to the last one's, and the smallest norm of any convolution, at five moments:

# %%
for row in runs.select_rows(recorded, network="plain", depth=56):
    shown = "   ".join(
        f"epoch {epoch}: {norms[0] / norms[-1]:4.0f} ({min(norms):.2f})" for epoch, norms in row["norms"].items()
    )
    print(f"plain-56, seed {row['seed']}   {shown}")

# %% [markdown]
# (Epoch 0 is the moment before training. In brackets: the smallest norm.) The ratio falls at once, and stays above 10. No norm is below 0.05. At none of these moments has the gradient vanished.

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
# and five depths from 8 to 56. All three switches change the gradients, as the table shows. All 40 combinations were trained for eight epochs with three seeds: 120 trainings. Here is each setting at depth 56: the gradient norms before training, measured now, and the recorded training accuracy. As the trend we print the ratio of first to last norm, as the level the median: simpler than the two numbers of exercise 3, and defined where norms are 0.

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
# - **With He weights, shortcuts cure it.** Without BN the plain network is dead, and the residual one has a level in the hundreds and trains. With tiny weights they do not.
# - **With BN nothing has vanished.** All four rows have a level between 1 and 100. Yet the plain networks learn little.
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
# At depths 44 and 56 nothing changes: the networks that guess go on guessing. At depth 32 two seeds of the plain network learn instead of one. With tiny weights and shortcuts, all three seeds make a start at depth 8, and two of three at depth 20, although their level before training is about a millionth or less. So there the L2 term was needed to stop them. In the deep networks a vanished level goes with failure, with this term and without it.
#
# So without BN, failure goes with a vanished level in the deep networks. This does not show that the gradient alone is to blame: the level also falls when the forward signal does (lesson 1, section 4). Vanishing gradients do not explain why plain-56 fails with BN: its gradients grow towards the input. Among the networks with BN and He weights, a larger ratio goes with worse learning. Whether this growth is a cause, these data cannot tell.
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
# These are means over settings that differ much, so read them beside the figure. At depth 8 all settings are at 0.99 or more, or at 0.10, and shortcuts have nothing to change. Their effect grows with depth, and at 56 it is the largest. BN and good weights matter most where both are missing: without BN, and with the L2 term, tiny weights are fatal at every depth. In the plain network with BN at depth 56, He weights are even worse than tiny ones.
#
# ### Is it the size of the steps?
#
# One thing was the same for all networks that were compared so far: the learning rate. That may be unfair. The gradient of plain-56 grows towards the input, so its first layers take the longest steps. Adam hides this, because it divides by the gradient's usual size. Plain SGD does not. So, recorded with SGD: three networks with the recipe `paper` of lesson 6, cut to 120 epochs on the digits, with five rates and three seeds. (The rate falls to a tenth after half of the epochs and again after three quarters.) The L2 term after the first epoch says whether the weights were thrown far away; before training it is about 0.2 at depth 56 and 0.07 at depth 20. In a last setting the rate is 0.001 until half of the training images are right, and only then 0.05.

# %%
rated, trained = runs.load_run("digits_rates"), runs.load_run("digits_trained")  # the second with the rate 0.05
compared = [("plain", "plain_net", 20), ("ResNet", "resnet_v1", 56), ("plain", "plain_net", 56)]


def rate_of(row):
    rate, start = row["recipe"]["learning_rate"], row["recipe"]["warm_up"]
    return f"{start['rate']:g}, then {rate:g}" if start and row["depth"] >= start["from_depth"] else f"{rate:g}"


print("                                  training accuracy   L2 term after epoch 1")
plain_56 = {}
for network, model, depth in compared:
    by_rate = {}
    for run in (trained, rated):
        for row in runs.select_rows(run, model=model, depth=depth):
            by_rate.setdefault(rate_of(row), []).append(row)
    for rate, rows in by_rate.items():
        ends, lengths = ([row[key][n] for row in rows] for key, n in [("accuracy", -1), ("l2", 0)])
        name = f"{network}-{depth}, rate {rate}"
        print(f"{name:33} {min(ends):.2f} to {max(ends):.2f}        {min(lengths):.3g} to {max(lengths):.3g}")
        if (model, depth) == ("plain_net", 56):
            plain_56[rate] = runs.accuracy_history(rows[0])
print("each: lowest to highest of three seeds")
print("rate 0.05:", runs.describe_run(trained))
print("others:", runs.describe_run(rated))

# %%
fig, ax = plt.subplots(figsize=(9, 3.6), layout="constrained")
plotting.plot_accuracies({f"rate {rate}": history for rate, history in plain_56.items()}, ax)
ax.set_title("plain-56 on the digits, SGD, seed 0")
plt.show()
for rate, history in plain_56.items():
    after = "   ".join(f"epoch {n}: {history[n - 1]['accuracy']:.2f}" for n in (10, 30, 60, 120))
    print(f"rate {rate:16} {after}")

# %% [markdown]
# - **The rate matters much for plain-56.** At 0.05 it ends between 0.34 and 0.41, at 0.001 between 0.67 and 0.76. At 0.0003 the 120 epochs are too short even for plain-20.
# - **Its first steps throw it.** At 0.05 the L2 term is 105 to 160 after one epoch: the weights are more than twenty times as long as before. BN hides the length of a kernel from the next layer. But the same step turns a kernel that is twenty times as long by a twentieth of the angle, and its gradient is smaller by another twenty. So such layers nearly stop learning. ResNet-56 and plain-20 are not thrown at any of these rates.
# - **A careful start helps two seeds of three.** In the last setting nothing is thrown: the L2 term stays near 0.3. Half of the images are right when the rate rises to 0.05, and within one epoch half of that is lost. Two seeds recover and end at 0.64 and 0.68, far above what 0.05 from the start gives, and about where 0.001 throughout takes them. Seed 0, in the figure, breaks down again and ends at 0.27. So the first steps are a cause of the bad result at 0.05, but not the only one: later steps of this size can ruin plain-56, too.
# - **Degradation remains.** At its best rate of these five, plain-56 is still far behind plain-20 and ResNet-56 at their best, and at 0.001 it is behind both at the same rate. So part of its failure with SGD belongs to the rate, and part does not. (With Adam, section 1 tried one smaller rate, which did not help.) With small steps and patience it does learn, which fits the low convergence rates that the paper suspects.
#
# This is a lesson in experiments, too: a comparison at one learning rate compares how well this rate suits each network, along with what was asked.
#
# ## 5. What is known
#
# - **The paper** (He et al. 2015b, section 4.1) says it of its own plain networks: with BN the difficulty is "unlikely to be caused by vanishing gradients". BN keeps the variances of the forward signals above zero, and the gradients that come back have healthy norms. It leaves the reason open, and suspects exponentially low convergence rates.
# - **The usual explanation**, in many tutorials, says that the gradients vanish. For networks without BN, or with badly chosen weights, it can be right: then the level is gone. For plain-56 with BN it contradicts the measurement.
# - **Exploding instead.** Yang et al. (2019) show that BN itself makes the gradients of plain networks grow exponentially towards the input, and see in this why very deep ones cannot be trained. This fits our ratios at the start. (They fall within one epoch.)
# - **Other reasons.** The gradients of deep plain networks come to resemble white noise: they change so quickly with the input that a step for one image may be no guide for the next (*shattered gradients*, Balduzzi et al. 2017). The loss surface of ResNet-56 without shortcuts looks chaotic in slices around the trained weights, with them it looks smooth (Li et al. 2018). And for the other side of the question: BN makes the branch of a residual block small against its shortcut, so that a fresh network acts like a shallow one (De and Smith 2020).
#
# What our experiment shows is limited. The task is small. In the main part the training is 176 steps, and the learning rate is the same for all. Adam also divides each gradient by its usual size. So its steps depend little on the level, as long as the entries of the gradient are well above Adam's epsilon, 1e-7; where the level has vanished they need not be. The experiment refutes one explanation. It does not prove another.

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
# Our own recording is much shorter: the four networks, ten epochs each on two CPU cores, with the recipe `quick` of lesson 6 (SGD instead of Adam, mirrored images). The plain networks were trained with two seeds, the residual ones with one; the figure shows seed 0. Of the paper's 164 epochs we have recorded ResNet-20 only, in lesson 6.

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
# On real images plain-56 fails as on the digits. It is far behind plain-20 on the **training** images, 0.43 against 0.85, so this is degradation and not overfitting. Its gradient grows towards the input before training, as on the digits. After one epoch it is moderate at every layer, from 0.009 to 0.12, and it stays moderate. From then on the first layer's norm is a few times *smaller* than the last one's, other than on the digits. No layer's gradient vanishes. Both hold for both seeds.
#
# As with SGD on the digits, the first steps throw it: the L2 term, about 0.2 before training, is 33 and 177 after one epoch, that of plain-20 is 0.08. So a part of this failure, too, may belong to the rate, which is the one that the paper used, too. On CIFAR-10 we have not tried others.
#
# ResNet-56 learns far better than plain-56. But after ten epochs it is behind ResNet-20, and even behind plain-20: 0.785 against 0.886 and 0.854. In the paper's full training ResNet-56 is the best of the four. So ten epochs show that shortcuts help the deep network. They do not show that a deeper ResNet is the better one, and they cannot tell slow learning from a final difference. (Lesson 5 has the same recording of two ResNets v2.)

# %% [markdown]
# ## What to take along
#
# - Degradation: a deeper plain network has a higher **training** error than a shallower one, although a solution as good exists.
# - Plain-56 with batch normalization fails, and its gradients do not vanish, neither at the start nor at any moment at which we measured. At the start they grow towards the input.
# - Without normalization the level of the gradients can vanish. In deep networks this goes with failure. These are two different failures.
# - A learning rate that suits one network can throw another one's weights. Compare networks at the best rate of each.
# - Change one thing at a time, repeat with several seeds, compare matched pairs.
#
# **Next:** lesson 3 builds the residual block, and asks what a shortcut does.
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · Balduzzi et al. 2017, [The Shattered Gradients Problem](https://arxiv.org/abs/1702.08591) · Li et al. 2018, [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913) · Yang et al. 2019, [A Mean Field Theory of Batch Normalization](https://arxiv.org/abs/1902.08129) · De and Smith 2020, [Batch Normalization Biases Residual Blocks Towards the Identity Function](https://arxiv.org/abs/2002.10444) · the readings of figure 6: [a-martyn/resnet](https://github.com/a-martyn/resnet).
