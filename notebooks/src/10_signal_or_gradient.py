# %% [markdown]
# # 10 · Signal or gradient?
#
# **You will** repair a plain network without batch normalization in two ways, separately and together, and see which repair lets it learn.
#
# **You will learn** how to tell a cause from something that goes along with it, what Adam's epsilon does, and that a network with a healthy start can still lose its gradient.
#
# **You need** lessons 1 and 2. This lesson is optional: no other one needs it. No GPU, no download; nothing is trained here.
#
# **Time:** about 60 minutes with the exercises. All cells together run in about 10 seconds on two CPU cores.

# %% [markdown]
# ## 1. Is it the L2 term?
#
# Lesson 2 found: plain networks of 44 and 56 layers without batch normalization (BN) guess, and at 56 layers their gradients are nearly gone before the first step. That does not make it the cause.
#
# One doubt first. The loss has an L2 term, which pulls all weights to zero. Where the gradient of the cross-entropy is tiny, this term may be what kills the network. So we change this one thing: the half of lesson 2's experiment without BN again, 60 trainings, without the L2 term.

# %% tags=["nbval-check-output"]
import itertools
import numpy as np
from resnet_edu import checks, runs
from resnet_edu.runs import describe_spread

TINY = "normal, σ = 0.01"
depths = (8, 20, 32, 44, 56)
with_l2, no_l2 = runs.load_run("digits_causal"), runs.load_run("digits_no_l2")

print("no BN: training accuracy after 8 epochs, lowest to highest of three seeds")
print("                          with L2 term     without")
for depth, network, start in itertools.product(
    depths, ("plain", "residual"), ("he_normal", TINY)
):
    same = {"network": network, "initializer": start, "depth": depth, "batch_norm": False}
    weights = "He" if start == "he_normal" else "tiny"
    print(f"depth {depth:2}, {network:8} {weights:4}   ", end="")
    for run in (with_l2, no_l2):
        ends = [row["accuracy"][-1] for row in runs.select_rows(run, **same)]
        print(f"     {describe_spread(ends, '.2f')}", end="")
    print()
print(runs.describe_run(no_l2))

# %% [markdown]
# At depths 44 and 56 the networks that guess go on guessing. In shallower ones the L2 term had a part: without it two seeds of the plain network of 32 layers make a start instead of one, and with tiny weights and shortcuts all three at depth 8 and two at depth 20.
#
# ## 2. What came first?
#
# A cause comes before its effect. The *level* of a network is the mean norm of the gradients of its convolutions (the geometric mean: lesson 2, exercise 3). Here it is for the plain networks with He weights, before training and after so many epochs, without the L2 term:

# %% tags=["nbval-check-output"]
from resnet_edu.gradients import trend_and_level


def levels(row, epochs=("0", "1", "2", "8")):
    return [trend_and_level(row["norms"][epoch])[1] for epoch in epochs]


print("no BN, no L2 term   before    epoch 1   epoch 2   epoch 8   training accuracy")
for depth in (32, 44, 56):
    for row in runs.select_rows(no_l2, network="plain", initializer="he_normal", depth=depth):
        shown = "".join(f"{level:<10.1e}" for level in levels(row))
        print(f"depth {depth}, seed {row['seed']}    {shown}{row['accuracy'][-1]:.2f}")

# %% [markdown]
# At depth 56 the level is a few millionths before the first step: there the small gradient comes first. But one training at depth 32 and one at depth 44 collapse after a first epoch in which their level had risen. A level that is small from the start does not explain these two.
#
# And what comes first need not be the cause. So repair it.
#
# ## 3. Repair the level
#
# Lesson 1 (exercise 4) had the tool: larger weights. Draw them with the variance `scale` divided by the number of inputs. He's rule is `scale=2`. In a ReLU network without normalization each layer then multiplies the norms by about √(scale / 2), compared with He's weights.
#
# ### Exercise 1 · A scale for a level (medium, 10 minutes)
#
# Write `scale_for(level, wanted, layers)`: a network whose weights have `scale=2` has this `level`. Which scale gives it the level `wanted`, if each norm contains the factors of `layers` layers?


# %% tags=["exercise"]
def scale_for(level, wanted, layers):
    ### BEGIN SOLUTION
    return 2 * (wanted / level) ** (2 / layers)
    ### END SOLUTION


checks.check_scale_for(scale_for)

# %% [markdown]
# <details><summary>Hint: how do I undo the product?</summary>
#
# All layers together multiply the level by √(scale / 2) to the power of `layers`. Set this equal to `wanted / level` and solve for the scale.
#
# </details>
#
# The gradient of a kernel meets the 55 other layers of plain-56 (54 convolutions and the classifier), each on the way forward or on the way back. Three larger scales were recorded, with the random numbers of the same three seeds. The rule and the measurement:

# %% tags=["nbval-check-output"]
repaired = runs.load_run("digits_level")
rates = (1e-3, 3e-4, 1e-4)


def level_before(scale):
    rows = runs.select_rows(repaired, scale=scale, learning_rate=rates[0])
    return np.array([levels(row, ["0"])[0] for row in rows])  # equal at all rates


print("plain-56, no BN, level before training, seeds 0 to 2")
for scale in (2.0, 2.4, 2.8, 3.2):
    reckoned = level_before(2.0) * (scale / 2) ** (55 / 2)
    for name, found in [("measured", level_before(scale)), ("reckoned", reckoned)]:
        print(f"scale {scale}, {name}   ", "   ".join(f"{level:.1e}" for level in found))

# %% [markdown]
# The rule holds up to 2.8. At 3.2 the measured levels are up to 2.4 times higher; why, we did not test. He's weights have a level of a few millionths, the largest ones a level of 0.9 to 4. (With BN, the levels of lesson 2 lie between 1 and 100.)
#
# They were trained as the networks of lesson 2, for eight epochs with Adam, at three rates:


# %% tags=["nbval-check-output"]
def last_accuracies(run, scale, rate):
    rows = runs.select_rows(run, scale=scale, learning_rate=rate)
    return [row["accuracy"][-1] for row in rows]


def accuracies_at_rates(run, scale):
    """Describe the last accuracies of the three seeds, rate by rate."""
    spreads = [describe_spread(last_accuracies(run, scale, rate), ".2f") for rate in rates]
    return "".join(f"{spread:16}" for spread in spreads)


print("plain-56, no BN, no L2 term: training accuracy after 8 epochs, three seeds")
print("scale", *(f"rate {rate:<10}" for rate in rates))
for scale in (2.0, 2.4, 2.8, 3.2):
    print(f"{scale:5}", accuracies_at_rates(repaired, scale))
trends = [trend_and_level(row["norms"]["0"])[0] for row in repaired["rows"]]
print("trend per layer before training, of all:", describe_spread(trends, ".2f"))
print(runs.describe_run(repaired))

# %% [markdown]
# At the rate of lesson 2, 0.001, the repair does next to nothing: eight of the nine repaired networks guess. At smaller rates it does much. At 0.0001 the accuracy goes up with the scale, from guessing with He's weights to 0.64 and more. Only the size of the weights differs from row to row; before training even the trend is the same. So what vanished **is** a cause. With Adam as it comes it shows at the smaller rates only. (With He's weights a small rate alone does not help.)
#
# ## 4. Signal or gradient?
#
# But what vanished? Two things at once: the gradient, and the signal on its way forward (lesson 1, section 4; we do not measure the signal here). Larger weights bring back both.
#
# The two can be separated. A gradient acts on the training only through the steps. If the steps of the optimizer have their usual length, it does no harm that the gradient is small, and what is left is the small signal. The other way round, steps can be made short although the gradient is healthy. Adam has a setting that does both.
#
# Adam keeps a running mean $m$ of each weight's gradient $g$, and one, $v$, of its square. Both are 0 before the first step: $m \leftarrow 0.9\,m + 0.1\,g$ and $v \leftarrow 0.999\,v + 0.001\,g^2$. In step $t$ = 1, 2, 3, … the weight then changes by
#
# $$-\text{rate} \cdot \frac{\sqrt{1 - 0.999^t}}{1 - 0.9^t} \cdot \frac{m}{\sqrt{v} + \varepsilon}$$
#
# (Kingma and Ba 2015, the second form in their section 2, which Keras uses.) A large gradient and a small one make equal steps, down to where ε, *epsilon*, counts. Keras' default is 10⁻⁷.
#
# ### Exercise 2 · Adam's first step (medium, 15 minutes)
#
# Write `first_step(gradient, rate, epsilon)`: what does the first step add to the weights? `gradient` is a NumPy array, and so is the result, with its signs.


# %% tags=["exercise"]
def first_step(gradient, rate, epsilon):
    ### BEGIN SOLUTION
    m, v = 0.1 * gradient, 0.001 * gradient**2
    return -rate * np.sqrt(1 - 0.999) / (1 - 0.9) * m / (np.sqrt(v) + epsilon)
    ### END SOLUTION


checks.check_first_step(first_step)

# %% [markdown]
# <details><summary>Hint: what are m and v in the first step?</summary>
#
# Before it both are 0. So $m = 0.1\,g$ and $v = 0.001\,g^2$. Put them and $t = 1$ into the formula; epsilon is added to the root, and not under it.
#
# </details>
#
# If you divide numerator and denominator by √0.001, the first step is −rate · g / (|g| + ε / √0.001). So at first epsilon counts 32 times as much as its value. If the same gradient came in every step, it would count less and less: ε / √(1 − 0.999ᵗ) in step t. After thousands of steps that is its value alone. Our trainings have 176 steps; in the last one it still counts 2.5 times.
#
# That makes two switches. The weights decide how large the signal is, and epsilon decides how long the steps are:
#
# - **small signal, usual steps:** He's weights, and an epsilon of 10⁻¹², far below their gradients,
# - **usual signal, small steps:** the largest weights, and an epsilon of 0.1, above most entries of their gradients.
#
# With He's weights and the largest weights at Keras' own epsilon, these are the four *corners* of a square. What do they make of a step? The next cell takes a typical entry of each kernel's gradient (its norm, divided by the root of the number of entries) and lets Keras' Adam make a first step. It prints the length as a share of the rate, the usual length.

# %% tags=["nbval-check-output"]
import keras

sizes = 9 * np.repeat([16, 16 * 16, 16 * 32, 32 * 32, 32 * 64, 64 * 64], [1, 18, 1, 17, 1, 17])
other_epsilon = runs.load_run("digits_epsilon")
corners = {
    "small signal, small steps": (repaired, 2.0, 1e-7),
    "small signal, usual steps": (other_epsilon, 2.0, 1e-12),
    "usual signal, small steps": (other_epsilon, 3.2, 0.1),
    "usual signal, usual steps": (repaired, 3.2, 1e-7),
}
print("kernels of plain-56, median      entry     first step   step 176, if it stays so")
for label, (run, scale, epsilon) in corners.items():
    rows = runs.select_rows(run, scale=scale, learning_rate=rates[0])
    entries = np.median([row["norms"]["0"] / np.sqrt(sizes) for row in rows], axis=0)
    moved = keras.Variable(np.zeros(55))
    keras.optimizers.Adam(1.0, epsilon=epsilon).apply([entries.astype("float32")], [moved])
    first = -keras.ops.convert_to_numpy(moved)
    last = entries / (entries + epsilon / np.sqrt(1 - 0.999**176))
    print(
        f"{label:32} {np.median(entries):.0e}     {np.median(first):.3f}"
        f"        {np.median(last):.3f}"
    )

# %% [markdown]
# In the two corners with small steps, the first step of a typical kernel is about a hundredth of the usual length. (The labels name the start. Later, gradients and steps change. And the gradient of a bias has no signal in it: near the output it is large in any case.)
#
# Predict: at the rate 0.001, in which corner do the networks learn best?
#
# - `"a"`: usual signal, small steps: only the signal is repaired
# - `"b"`: small signal, usual steps: only the steps are repaired
# - `"c"`: usual signal, usual steps: both are

# %% tags=["exercise"]
prediction_corners = "a"  ### SOLUTION

# %% tags=["nbval-check-output"]
print("accuracy after 8 epochs     ", *(f"rate {rate:<10}" for rate in rates))
for label, (run, scale, _) in corners.items():
    print(f"{label:28}", accuracies_at_rates(run, scale))
print(runs.describe_run(other_epsilon))

# %%
checks.check_prediction("corners", prediction_corners)

# %% [markdown]
# - **Both count.** Each at its best rate, the networks with usual steps alone reach 0.13 to 0.22 (at 0.0001), those with the signal alone 0.17 to 0.67 (at 0.001), those with both 0.64 to 0.83 (at 0.0001).
# - **Which counts more depends on the rate.** At 0.001 and 0.0003 the signal alone reaches more than the steps alone, in the median. At 0.0001 two of the three seeds do better with the steps alone. Short steps at a small rate may be too short for eight epochs, and usual ones at 0.001 too long.
#
# ### Exercise 3 · More than the sum? (easy, 5 minutes)
#
# Two causes can need each other. Write `interaction(neither, signal, steps, both)`, for the accuracies in the four corners: how much do the two repairs together bring **beyond** the sum of what each of them brings alone? What a repair brings is a difference: the accuracy with it, minus the accuracy with neither.


# %% tags=["exercise"]
def interaction(neither, signal, steps, both):
    ### BEGIN SOLUTION
    alone = (signal - neither) + (steps - neither)
    return (both - neither) - alone
    ### END SOLUTION


checks.check_interaction(interaction)

# %% [markdown]
# <details><summary>Hint: what does a repair bring?</summary>
#
# Write down three differences: for the signal, for the steps, and for both. The third one, minus the sum of the other two.
#
# </details>
#
# With the median of three seeds in each corner:

# %% tags=["nbval-check-output"]
for rate in rates:
    neither, steps, signal, both = [
        np.median(last_accuracies(run, scale, rate)) for run, scale, _ in corners.values()
    ]
    print(
        f"rate {rate:<7} signal alone {signal - neither:+.3f}, steps alone "
        f"{steps - neither:+.3f}, both {both - neither:+.3f}, "
        f"interaction {both - signal - steps + neither:+.3f}"
    )

# %% [markdown]
# At 0.0001 the two need each other: together they bring far more than the sum. At 0.001 they stand in each other's way, as usual steps spoil what the signal brings. So "the gradient vanished" is half of the story here, and how much of it you see depends on the rate.
#
# ## 5. How a healthy start is lost
#
# What happens to the repaired networks at 0.001? Follow their level through the training, from the largest weights at two rates, and from He's weights with the small epsilon:

# %%
moments = ("0", "1", "2", "4", "8")
followed = {
    "scale 3.2, rate 0.001": (repaired, 3.2, 1e-3),
    "scale 3.2, rate 0.0001": (repaired, 3.2, 1e-4),
    "scale 2, epsilon 1e-12, rate 0.0001": (other_epsilon, 2.0, 1e-4),
}

# %%
import matplotlib.pyplot as plt
from resnet_edu import plotting

fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
for ax, (title, (run, scale, rate)) in zip(axes, followed.items()):
    for row in runs.select_rows(run, scale=scale, learning_rate=rate):
        seed, found = row["seed"], levels(row, moments)
        style = {"color": plotting.COLORS[seed], "marker": plotting.MARKERS[seed]}
        ax.semilogy([int(n) for n in moments], found, **style, label=seed)
        shown = ", ".join(f"{level:.0e}" for level in found)
        print(f"{title}, seed {seed}: level {shown}; ends at {row['accuracy'][-1]:.2f}")
    ax.set(title=title, xlabel="epochs")
    ax.title.set_fontsize(10)
axes[0].set_ylabel("level")
axes[0].legend(title="seed")
plt.show()

# %% tags=["nbval-check-output"]
print("at the rate 0.001: level   before    epoch 1   epoch 2   epoch 8   accuracy")
for row in runs.select_rows(repaired, learning_rate=1e-3):
    if row["scale"] > 2:
        shown = "".join(f"{level:<10.0e}" for level in levels(row))
        print(
            f"scale {row['scale']}, seed {row['seed']}          {shown}{row['accuracy'][-1]:.2f}"
        )

# %% [markdown]
# - **At 0.001 the gradient vanishes in training.** Before the first step all nine repaired networks have a level of 2 · 10⁻⁴ to 4. In seven of the eight that guess it is below 10⁻⁵ after eight epochs. The rate is too large for these networks; how it goes wrong, step by step, we did not look into. (The eighth guesses with a level of 0.04.)
# - **At 0.0001 it stays**, and the network learns.
# - **It can also come back.** From He's weights, with steps of the usual length, the level of all three seeds is above 0.1 after eight epochs. These networks have begun to learn: 0.13, 0.19 and 0.22. With two of them it was still near 10⁻⁷ after four epochs, so most of the time went into getting it back.
#
# So a vanished gradient can be there at the start, can come later, and can be mended by the training itself. A single measurement, before the first step, tells only of the first.
#
# ## 6. With batch normalization it is another failure
#
# For comparison, plain-56 **with** BN, He weights and the L2 term, from lesson 2:

# %% tags=["nbval-check-output"]
patience = runs.load_run("digits_patience")
print("with BN: rate, accuracy after 8 epochs, trend before training, smallest norm ever")
for rate in (1e-3, 1e-4):
    rows = runs.select_rows(patience, learning_rate=rate)
    found = describe_spread([row["accuracy"][7] for row in rows], ".2f")
    smallest = min(min(norms) for row in rows for norms in row["norms"].values())
    trends = [trend_and_level(row["norms"]["0"])[0] for row in rows]
    print(f"{rate:<8} {found:15} {describe_spread(trends, '.2f'):15} {smallest:.2f}")

# %% [markdown]
# Without BN plain-56 can learn more in eight epochs than with it: 0.64 to 0.83 from the largest weights at 0.0001. (With BN the best is 0.45, from tiny weights: lesson 2. There the loss has the L2 term, and we tried fewer rates and sizes of weights.) With BN no norm is near 0, and the gradients grow towards the input, by 1.13 a layer; without BN they do not grow. BN changes more than that, so this does not prove that the growth is to blame. But it does show that plain-56 has two different failures. The usual explanation describes the one without BN, and He et al.'s networks had BN.
#
# ## What to take along
#
# - That something comes first does not make it the cause. Repair it, and see what happens.
# - A repair can change two things at once. Find a second switch that moves only one of them, and fill all four corners.
# - Without BN plain-56 fails because signal **and** gradient vanish. Each repair alone brings something at some rate. Both together bring the most, at the smallest rate.
# - Adam makes steps of equal length for large and small gradients, down to where epsilon counts. In the first step epsilon counts 32 times its value.
# - A healthy gradient before training is no promise. Look again during training.
#
# **Next:** that was the last lesson. Train a network of your own: lesson 6, section 10.
#
# **Sources:** Kingma and Ba 2015, [Adam: A Method for Stochastic Optimization](https://arxiv.org/abs/1412.6980) · He et al. 2015a, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852) · He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385).
