# %% [markdown]
# # 9 · Degradation up close
#
# **You will** follow plain-56 through its recorded trainings: with five learning rates, with careful starts, on CIFAR-10, and by the paper's recipe. And you will look into the first layer of a ResNet-56 that started badly.
#
# **You will learn** how a learning rate can pass for a fault of the network, why a step behind batch normalization makes a kernel longer, and how to find channels that have died.
#
# **You need** lessons 2, 3 and 6. This lesson is optional: no other one needs it. No GPU, no download; nothing is trained here.
#
# **Time:** about 80 minutes with the exercises. All cells together run in about 15 seconds on two CPU cores.

# %% [markdown]
# ## 1. One rate for all
#
# Lesson 2 compared its networks at one learning rate. That may be unfair. Its optimizer, Adam, divides each gradient by its usual size, so a large gradient makes no longer step. SGD takes the rate times the gradient as its step, however large this is. And with *momentum* 0.9 each gradient counts ten times in all (lesson 6, section 6). The gradient of plain-56 grows towards the input, so there its steps are the longest.
#
# Recorded on the digits with SGD: three networks, five rates, three seeds. The recipe is `paper` of lesson 6, fitted to the digits: 120 epochs, batches of 64, images shifted by a pixel at most. The rate falls to a tenth after half of the epochs, and again after three quarters.
#
# The L2 term tells how large the weights are. It is proportional to the sum of their squares: a hundred times the term means weights that are ten times as large, on the whole. Before training it is about 0.2 at depth 56 and 0.07 at depth 20.

# %%
import numpy as np
from resnet_edu import runs
from resnet_edu.runs import describe_spread

rated = runs.load_run("digits_rates")
fast = runs.load_run("digits_trained")  # the rate 0.05
networks = {
    "plain-20": ("plain_net", 20),
    "plain-56": ("plain_net", 56),
    "ResNet-56": ("resnet_v1", 56),
}


def describe_rate(row):
    rate, start = row["recipe"]["learning_rate"], row["recipe"]["warm_up"]
    if not start or row["depth"] < start["from_depth"]:
        return f"{rate:g}"
    until = f"until {1 - start['error']:.0%} are right"
    if start["error"] == 1:
        until = "for 1 epoch"
    return f"{start['rate']:g} {until}, then {rate:g}"


# %%
by_rate = {name: {} for name in networks}
for name, (model, depth) in networks.items():
    for run in (fast, rated):
        for row in runs.select_rows(run, model=model, depth=depth):
            by_rate[name].setdefault(describe_rate(row), []).append(row)


def print_ends(name, rates):
    for rate in rates:
        ends = describe_spread([row["accuracy"][-1] for row in by_rate[name][rate]], ".2f")
        longest = describe_spread([max(row["l2"]) for row in by_rate[name][rate]], ".3g")
        print(f"{name:10} {rate:38} {ends:20} {longest}")


# %% tags=["nbval-check-output"]
fixed = ("0.05", "0.01", "0.003", "0.001", "0.0003")
print(f"{'':10} {'rate':38} {'training accuracy':20} largest L2 term")
for name in by_rate:
    print_ends(name, fixed)
print("each: lowest to highest of three seeds")
print("rate 0.05 from the start:", runs.describe_run(fast))
print("others:", runs.describe_run(rated))

# %% [markdown]
# If all networks get one rate, you see two things mixed: which network is better, and which one this rate happens to suit. So give each network its own best rate.
#
# ### Exercise 1 · The best rate (easy, 10 minutes)
#
# Write `best_rate(results)`. `results` maps each learning rate to a list with one accuracy per seed, such as `{0.05: [0.34, 0.41, 0.38], 0.001: [0.76, 0.70, 0.67]}`. Return the rate with the highest **median** accuracy. (The median, so that one lucky or unlucky seed does not decide. There may be another number of seeds, and no two medians are equal.)


# %% tags=["exercise"]
def best_rate(results):
    ### BEGIN SOLUTION
    return max(results, key=lambda rate: np.median(results[rate]))
    ### END SOLUTION


from resnet_edu import checks

checks.check_best_rate(best_rate)

# %% [markdown]
# <details><summary>Hint: the largest key of a dict by a rule</summary>
#
# `max(results, key=function)` returns the key for which `function(key)` is largest.
#
# </details>
#
# The best rates, or rate, of each network:

# %% tags=["nbval-check-output"]
for name, rates in by_rate.items():
    ends = {rate: [row["accuracy"][-1] for row in rates[rate]] for rate in fixed}
    medians = {rate: np.median(ends[rate]) for rate in fixed}
    for rate in (rate for rate in fixed if medians[rate] == max(medians.values())):
        found = describe_spread(ends[rate], ".3f")
        print(f"{name:10} best at {rate:6} training accuracy {found}")

# %% [markdown]
# The rate matters much for plain-56: at 0.05 it ends between 0.34 and 0.41, at 0.001 between 0.67 and 0.76. But at its best rate it is still far behind the two others, at the same rate and at theirs. How much more time would change, we cannot say: its accuracy was still rising when the schedule cut the rate.
#
# ## 2. How far does the first step throw?
#
# The L2 term of plain-56 goes from 0.2 to 128 and more at the rate 0.05, and to 5 and more at 0.01. How far the weights are thrown can be reckoned from the first gradient alone.
#
# Take all numbers of a kernel as one arrow; its length is the root of the sum of their squares. Multiply the kernel by 2, and BN divides the 2 out again: the cross-entropy stays the same. So the gradient has no part in the arrow's own direction. It is at right angles to it, and by Pythagoras' theorem a step at right angles makes the arrow **longer**. A kernel that points the same way and is $k$ times as long has a gradient that is $k$ times smaller. So after a long first step the next gradients count little, and the momentum carries on what the first one asked for (van Laarhoven 2017 has more on this). Here is one kernel in the middle of a fresh plain-20, made longer:

# %%
import keras
from resnet_edu import data, models
from resnet_edu.gradients import gradient_norms

(images, labels), _ = data.load_digits()
images = ((images[:64] - images.mean()) / 255).astype("float32")
network = models.plain_net((8, 8, 1), 20, seed=0, variant="paper")
layer = network.get_layer("stage2_block2_conv1")
(kernel,) = layer.get_weights()
for factor in (1, 2, 10):
    layer.set_weights([factor * kernel])
    losses = keras.losses.sparse_categorical_crossentropy(
        labels[:64], network(images, training=True)
    )
    norm = gradient_norms(network, images, labels[:64])[layer.name]
    loss = float(keras.ops.mean(losses))
    print(f"kernel × {factor:2}: cross-entropy {loss:.5f}, norm of its gradient {norm:.4f}")

# %% [markdown]
# ### Exercise 2 · The length after a throw (medium, 15 minutes)
#
# Write `thrown_length(length, gradient, rate, momentum)`: how long is a kernel after a first step at right angles to it, if no later gradient counts and the momentum carries the step on for ever? `length` is the kernel's length before, `gradient` that of its gradient.


# %% tags=["exercise"]
def thrown_length(length, gradient, rate, momentum):
    ### BEGIN SOLUTION
    step = rate * gradient / (1 - momentum)
    return (length**2 + step**2) ** 0.5
    ### END SOLUTION


checks.check_thrown_length(thrown_length)

# %% [markdown]
# <details><summary>Hint: how far does the momentum carry a step?</summary>
#
# The step is taken once, then 0.9 of it again, then 0.81, and so on. The sum $1 + m + m^2 + …$ is $1 / (1 - m)$.
#
# </details>
#
# By He's rule the squared length of a fresh kernel is about twice the number of its output channels. With the recorded norms of the first gradients this gives the L2 term, and how many times as long four of the kernels get:

# %% tags=["nbval-check-output"]
squares = 2.0 * np.repeat([16, 32, 64], [19, 18, 18])  # plain-56's kernels, before training
first = {row["seed"]: np.array(row["norms"]["0"]) for row in by_rate["plain-56"]["0.001"]}
print("plain-56     L2 term, seeds 0, 1, 2                         times as long, reckoned,")
print("rate         reckoned              largest recorded      kernels 1, 2, 20 and 55")
for rate in fixed:
    rows = by_rate["plain-56"][rate]
    thrown = [np.sqrt(squares + (10 * float(rate) * first[row["seed"]]) ** 2) for row in rows]
    decay = rows[0]["recipe"]["weight_decay"] / 2
    reckoned = " ".join(f"{decay * np.sum(lengths**2):6.3g}" for lengths in thrown)
    largest = " ".join(f"{max(row['l2']):6.3g}" for row in rows)
    times = np.median(thrown, axis=0)[[0, 1, 19, 54]] / np.sqrt(squares[[0, 1, 19, 54]])
    print(f"{rate:7}  {reckoned}   {largest}  ", *(f"{value:.3g}" for value in times))

# %% [markdown]
# From 0.003 to 0.05 the reckoning holds within about a tenth for two seeds, and within a factor of two for the third. At 0.001 the term rises from 0.2 to about 0.3, at 0.0003 to 0.22.
#
# By the reckoning the second kernel gets about two hundred times as long at 0.05, and the last one stays as long as it was. A step of a given length turns a kernel that is $k$ times as long by $k$ times less, and its gradient is $k$ times smaller. So its direction changes $k^2$ times more slowly: the first kernels should stay about where they were thrown. What was recorded is the length: at 0.05 the L2 term falls by an eighth only in the rest of the training.
#
# ## 3. One careful epoch
#
# Do the first steps make plain-56 fail at 0.05? To test this, give it a *warm-up*: the first epoch, 22 steps, has the rate 0.001, all others have 0.05 and its falls. (In two more settings the warm-up lasts until a fifth of the images are right, or half.) Predict: what becomes of the training accuracy, which is 0.34 to 0.41 without the careful epoch?
#
# - `"a"`: nothing changes, steps of this size throw it back at any time
# - `"b"`: two of three seeds reach what the best rate gives, about 0.7
# - `"c"`: all three get as good as plain-20

# %% tags=["exercise"]
prediction_careful = "b"  ### SOLUTION

# %%
import matplotlib.pyplot as plt
from resnet_edu import plotting

fig, axes = plt.subplots(2, 1, figsize=(9, 6), layout="constrained", sharex=True)
careful = "0.001 for 1 epoch, then 0.05"
rates = {f"rate {rate}": by_rate["plain-56"][rate][0] for rate in fixed}
starts = {
    f"{rate}, seed {row['seed']}": row
    for rate in ("0.05", careful)
    for row in by_rate["plain-56"][rate]
}
for ax, lines in zip(axes, (rates, starts)):
    plotting.plot_accuracies(
        {name: runs.accuracy_history(row) for name, row in lines.items()}, ax
    )
    for name, row in lines.items():
        after = "   ".join(
            f"epoch {n}: {row['accuracy'][n - 1]:.2f}" for n in (10, 30, 60, 120)
        )
        print(f"{name:36} {after}")
axes[0].set(title="plain-56, SGD: five rates, seed 0", xlabel="")
axes[1].set_title("plain-56, SGD: with and without one careful epoch")
plt.show()

# %%
print_ends("plain-56", ["0.05", *(rate for rate in by_rate["plain-56"] if "then" in rate)])
checks.check_prediction("careful_epoch", prediction_careful)

# %% [markdown]
# And what becomes of the gradients meanwhile? The ratio of the first convolution's norm to the last one's, and the smallest norm of any convolution at the nine moments measured:

# %% tags=["nbval-check-output"]
print("plain-56: first / last norm, lowest to highest of three seeds, after epoch")
print(f"{'rate':37} {'0':12} {'1':15} {'20':15} {'120':15} smallest norm")
for rate, same in by_rate["plain-56"].items():
    found = [row["norms"] for row in same if "norms" in row]  # digits_trained has none
    if found:
        ratios = {
            n: [norms[n][0] / norms[n][-1] for norms in found] for n in ("0", "1", "20", "120")
        }
        before = f"{describe_spread(ratios.pop('0'), '.0f'):12}"
        later = " ".join(f"{describe_spread(values, '.2g'):15}" for values in ratios.values())
        smallest = min(min(values) for norms in found for values in norms.values())
        print(f"{rate:37} {before} {later} {smallest:.2g}")

# %% [markdown]
# (The three seeds are the same in every row. The lower two rows were recorded in another session, and already differ from the others before training; we put this down to rounding. So compare the three of a row with the three of another.)
#
# - **The first steps seem to cost plain-56 much at 0.05.** With the careful epoch the L2 term stays near 0.3: nothing is thrown far. Two of three trainings end at 0.71 and 0.70. Of all nine with a warm-up, seven end above the best of the three without. Three seeds without one are few.
# - **They are not the only cause.** Seed 0 with a careful epoch has 0.54 after 30 epochs, falls to 0.17 by epoch 48, and ends at 0.35. Seed 1 falls, too, from 0.59 to 0.22, and recovers. The clearest test is the warm-up until half are right. Up to the switch its trainings are those with 0.001, number for number. In the first epoch at 0.05, all three lose half of their accuracy or more. Those that stay at 0.001 never lose a fifth. The L2 term rises by 0.004 at most then. If all of that were in one kernel of the first stage, it would get about twice as long, not two hundred times. And yet steps of this size set plain-56 back.
# - **With SGD, the gradients in front can become small.** At 0.01 the first convolution's norm is 14 to 120 times smaller than the last one's after one epoch. Lesson 1 called this "vanishes towards the input". Between the two moments the ratio of the first norm to the last one fell by a factor of 8,000 or more. The longer kernel explains about 12 of it (section 2). What came first? Before the first step, the gradient in front was hundreds of times *larger*. So here the small gradients came after the first steps, not before. Whether they hold the network back from then on, we did not test.
# - **Degradation remains where no gradient is small.** At its best rate, 0.001, no convolution's norm was below 0.17 at any of the nine moments. Still plain-56 is far behind.
#
# ## 4. On CIFAR-10, ten epochs
#
# The same on real images: the paper's networks for ten epochs on two CPU cores, with the recipe `quick` of lesson 6, made longer. First at its rate, 0.1; the plain networks with two seeds, ResNet-56 with one.

# %%
short, slower = runs.load_run("cifar10_short"), runs.load_run("cifar10_rates")
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
ten_epochs = {
    name: runs.select_rows(short, model=model, depth=depth)
    for name, (model, depth) in networks.items()
}
seed_0 = {name: runs.accuracy_history(rows[0]) for name, rows in ten_epochs.items()}
plotting.plot_accuracies(seed_0, axes[0])
axes[0].set_title("rate 0.1, seed 0")
moments = {"0": "before training", "1": "after epoch 1", "10": "after epoch 10"}
norms = ten_epochs["plain-56"][0]["norms"]
plotting.plot_gradient_norms(
    {text: dict(enumerate(norms[n])) for n, text in moments.items()}, axes[1]
)
axes[1].set_title("plain-56, gradient norms, seed 0")
plt.show()
print(f"{'':17} training  test      L2 after epoch 1, first / last norm later, smallest norm")
for name, rows in ten_epochs.items():
    for row in rows:
        ends = f"{row['accuracy'][-1]:.3f}     {row['test_accuracy']:.3f}"
        ratios = [n[0] / n[-1] for epoch, n in row["norms"].items() if epoch != "0"]
        smallest = min(min(values) for values in row["norms"].values())
        after = f"{row['l2'][0]:<7.3g}{describe_spread(ratios, '.2g'):15}"
        print(f"{name:9} seed {row['seed']}   {ends}     {after}   {smallest:.2g}")
print(runs.describe_run(short))

# %% [markdown]
# Plain-56 is far behind plain-20 on the **training** images, 0.43 against 0.85: degradation, not overfitting. Its gradient grows towards the input before training. Then the first steps throw it, as with SGD on the digits: the L2 term, about 0.2 before training, is 33 and 177 after one epoch. From then on the first layer's norm is 3 to 29 times smaller than the last one's. No norm is below 0.006.
#
# Is it the rate here, too? Smaller rates, and one careful epoch, one seed each:

# %% tags=["nbval-check-output"]
print(f"{'':10} {'rate':33} training  test   largest L2  first / last norm after the start")
for name, (model, depth) in networks.items():
    for row in [ten_epochs[name][0], *runs.select_rows(slower, model=model, depth=depth)]:
        ratios = [
            values[0] / values[-1] for epoch, values in row["norms"].items() if epoch != "0"
        ]
        ends = f"{row['accuracy'][-1]:.3f}     {row['test_accuracy']:.3f}"
        far = f"{max(row['l2']):<10.3g}  {describe_spread(ratios, '.2g')}"
        print(f"{name:10} {describe_rate(row):33} {ends}  {far}")
print("rate 0.1:", runs.describe_run(short))
print("others:", runs.describe_run(slower))

# %% [markdown]
# - **One careful epoch helps here, too.** With it nothing is thrown, and plain-56 ends at 0.516 and not at 0.428.
# - **It is still far behind, and no gradient is small in front.** Plain-20 and ResNet-56 have 0.854 and 0.785 at this rate. After the careful epoch the first layer's norm is 1.4 to 2.8 times the last one's, and no norm is below 0.03. So at the moments measured the gradient does not vanish towards the input, and plain-56 is behind all the same.
# - **Smaller rates help little, or not, in ten epochs.** At 0.01 and 0.001 plain-56 is behind plain-20 at the same rate, by 0.32 and by 0.19.
#
# Ten epochs also show ResNet-56 behind plain-20 at the paper's rate, 0.785 against 0.854. So they cannot tell slow learning from a final difference.
#
# ## 5. By the paper's recipe
#
# The four networks of lesson 2, section 6, were trained by the paper's recipe on a GPU, in bfloat16. Those of depth 20 have the paper's 164 epochs, with three seeds. The deep ones began in two ways:
#
# - **0.1 at once**, as the paper has it for depth 56. Both were ended when the GPU's time was up, after 127 and 126 epochs.
# - **A careful start**, as the paper has it for 110 layers: 0.01 until a fifth of the training images are right, and 0.1 from then on. (We switch after a whole epoch only: after one for ResNet-56, after two for plain-56.) Seed 0 of both networks was trained to the end, the last 26 epochs of ResNet-56 and the last 33 of plain-56 on two CPU cores. (Plain-56 went on there from its weights alone, without the momentum of its steps. The rate was 0.001 by then; the training error was 5.09 % in the epoch before and 5.01 % in the one after.) The others were ended, after 72 to 77 epochs.
#
# Training errors are means over an epoch, on shifted and mirrored images. A dash in a table: not trained that long, or not measured.

# %%
recorded = [runs.load_run(f"cifar10_paper{which}") for which in ("", "_warm", "_56")]
kinds = {"plain_net": "plain", "resnet_v1": "ResNet"}
by_network = {}
rows = [row for run in recorded for row in run["rows"]]
for row in sorted(rows, key=lambda row: (row["model"], row["depth"], row["seed"])):
    name = f"{kinds[row['model']]}-{row['depth']}"
    if row["depth"] == 56:
        name += ", 0.1 at once" if describe_rate(row) == "0.1" else ", careful start"
    by_network.setdefault(name, []).append(row)
by_network = {name: by_network[name] for name in sorted(by_network)}


def errors_after(rows, epoch):
    long = [row["accuracy"] for row in rows if len(row["accuracy"]) >= epoch]
    errors = [100 * (1 - accuracies[epoch - 1]) for accuracies in long]
    return describe_spread(errors, ".2f") if errors else "-"


# %% tags=["nbval-check-output"]
print("training error, %, lowest to highest, after epoch")
print(f"{'':26}{10:<17}{72:<17}{126:<17}{164}")
for name, rows in by_network.items():
    errors = [f"{errors_after(rows, epoch):17}" for epoch in (10, 72, 126, 164)]
    print(f"{name:26}{''.join(errors)}")
for run in recorded:
    print(runs.describe_run(run))

# %% tags=["nbval-check-output"]
from resnet_edu import published

print(f"test error, %{'':44} the paper's")
for name, rows in by_network.items():
    read_off = "≈ " if "plain" in name else ""
    told = f"{read_off}{100 - published.PAPER[rows[0]['model'], rows[0]['depth']]:.2f}"
    late = [row for row in rows if len(row["accuracy"]) > 125]
    ours = ", ".join(f"{100 * (1 - row['test_accuracy']):.2f}" for row in late)
    print(f"{name:25} {ours:18} after epoch {len(late[0]['accuracy'])}  {told}")

# %% tags=["nbval-check-output"]
print("first / last norm after epoch 0, 1, 2, 5, 10, 20, 50, 100, the last; smallest norm")
for name, rows in by_network.items():
    for row in rows:
        ratios = {epoch: values[0] / values[-1] for epoch, values in row["norms"].items()}
        ratios["last"] = ratios[max(ratios, key=int)]
        moments = ("0", "1", "2", "5", "10", "20", "50", "100", "last")
        shown = "".join(f"{ratios[n]:<8.2f}" if n in ratios else f"{'-':8}" for n in moments)
        print(f"{name:25} {row['seed']}  {shown} {min(map(min, row['norms'].values())):.2g}")

# %% [markdown]
# - **Degradation, in every training.** After 72 epochs, the last moment that all have reached, plain-56 gets 16 to 18 % of the training images wrong, in three trainings with two kinds of start; plain-20 less than 10 %, both ResNets less than 8 %. After both falls of the rate (epoch 126) the order is that of the paper's figure 6: plain-56 has the largest errors, then come plain-20, ResNet-20 and ResNet-56. So plain-56 is not only slow to start, as ten epochs could still mean. The plain-56 that was trained to the end is wrong on 4.4 % then, the three plain-20 on 1.0 to 1.1 %. (All networks were trained at 0.1, not each at its best rate.)
# - **A gentler start does not remove the gap.** With 0.1 at once the L2 term of plain-56 goes from 0.2 to 12 in the first epoch. With 0.01 it still rises, to 0.4 and 2.4: this start throws less, not nothing. After 72 epochs the errors, 18.3 and 16.3 % with it and 17.8 % without, are all far from plain-20's. None of these trainings began at 0.001, as that of section 4 did, and none had a smaller rate throughout.
# - **With the careful start, no norm of plain-56 is below 0.03 at the moments measured.** In the first ten epochs its first norm is at times *smaller* than its last one, up to 6 times; from epoch 50 on it is larger. What happens between these moments was not measured.
# - **A small norm alone does not tell whether a network has learned.** Two of the three ResNets-56 have smaller norms. The one with seed 0 ends with a norm of 0.0014, wrong about 0.1 % of the training images. The one with seed 1 has 0.012 after epoch 2, wrong about 82 %.
# - **The test errors of depth 20** are near the paper's. **ResNet-56** with the careful start has 7.23 %, 0.26 points above the paper's, and is better than each of the three ResNets-20. The one with 0.1 at once has 8.95 % after 126 epochs, no better than ResNet-20 at its end. **Plain-56** has 14.21 % with the careful start, 0.7 points above what figure 6 shows, and 12.23 % with 0.1 at once, after 127 epochs. One training of each kind cannot say why.
# - **Some images had no gradient.** These trainings ran on JAX. There Keras cuts off the cross-entropy of probabilities: an image whose right class got less than 10⁻⁷ had the loss 16.1, and no gradient. We noticed it afterwards; the course now takes the cross-entropy from the logits. To estimate what it touched, we repeated the first 450 steps of these trainings on a CPU, with the exact loss, and counted the images that would have been cut off (`benchmarks/cut_off.md`). Of 57,600 images they are 1 of ResNet-20 and none of plain-20. With 0.1 at once they are 152 of ResNet-56, nearly all in the first 50 steps, and 2 of plain-56. With the careful start they are none of plain-56, and 172, 103 and 89 of the three ResNets-56, in the first 50 steps or when the rate rises. Later steps were not counted. So the first steps of these ResNets-56 probably lacked their largest errors. What the exact loss leads to, we have not recorded at full length.
#
# ## 6. A ResNet-56 that started badly
#
# The ResNet-56 that began with 0.1 at once is wrong about 89 % of the training images after two epochs; chance has 90. (In its first steps the worst images had no gradient: section 5.) What did this start leave behind? Look at its stem, the first convolution with its BN and ReLU. A channel of the stem passes on `relu(gamma * x + beta)`. The x is the convolution's output after BN's normalization, with mean 0 and standard deviation 1 over the training images. Gamma and beta are the scale and the shift that BN learns. So x must be far enough from its mean, on the side that gamma's sign says, before anything comes through. If it never is, the channel is *dead*: always 0.
#
# ### Exercise 3 · Dead channels (medium, 15 minutes)
#
# Write `dead_channels(gamma, beta, limit)` for two arrays with one number per channel, no gamma being 0. Return how many channels pass on nothing as long as x is between `-limit` and `limit`.


# %% tags=["exercise"]
def dead_channels(gamma, beta, limit):
    ### BEGIN SOLUTION
    needed = -np.asarray(beta) / np.abs(gamma)
    return int(np.sum(needed > limit))
    ### END SOLUTION


checks.check_dead_channels(dead_channels)

# %% [markdown]
# <details><summary>Hint: from which x on does something come through?</summary>
#
# `gamma * x + beta` is positive for x above `-beta / gamma` where gamma is positive, and for x below it where gamma is negative. In both cases x must be more than `-beta / |gamma|` away from 0, on one side. (Where this is negative, x = 0 comes through.)
#
# </details>
#
# Predict: how many of the 16 channels of this stem are dead?
#
# - `"a"`: none, batch normalization keeps every channel alive
# - `"b"`: one or two
# - `"c"`: about half

# %% tags=["exercise"]
prediction_stem = "c"  ### SOLUTION

# %% tags=["nbval-check-output"]
from resnet_edu import trained as trained_networks

of_run = {
    "ResNet-20": ("cifar10_full", 20),
    "ResNet-56, 0.1 at once": ("cifar10_paper_56", 56),
    "ResNet-56, careful start, seed 0": ("cifar10_paper_warm", 56),
}
for name, (run, depth) in of_run.items():
    network = trained_networks.load_trained(run, model="resnet_v1", depth=depth).model
    gamma, beta, *_ = network.get_layer("stem_bn").get_weights()
    kernel = network.get_layer("stem_conv").get_weights()[0]
    needed = -beta / np.abs(gamma)
    lengths = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), axis=0)
    print(f"{name}, stem: {(needed > 2.5).sum()} of {len(needed)} channels need more than 2.5")
    print("   standard deviations:", *(f"{value:5.1f}" for value in sorted(needed)))
    print(
        "   length of kernel:   ",
        *(f"{length:5.2f}" for length in lengths[np.argsort(needed)]),
    )

# %%
checks.check_prediction("dead_stem", prediction_stem)

# %% [markdown]
# With 0.1 at once, nine of the sixteen channels of ResNet-56's stem are dead: on a thousand test images they are 0 at every pixel. (Any limit from 1.2 to 2.9 gives nine here, and none in the two others.) So all that this network sees of an image comes through seven channels.
#
# At least five died early. A dead channel gets no gradient, and the L2 term alone (the weight decay) shrinks its kernel. In each step that is 0.0001 of it times the rate 0.1, and ten times as much with the momentum (lesson 6): a tenth is left after 23,000 steps. The rate was 0.1 for 32,000. A kernel with the length of a fresh one, about 1.4, would be down to 0.05 if it had died at the first step. Five of the nine are at 0.06 to 0.07. So these died within about the first ten epochs, if they were not shorter than fresh ones then.
#
# In the training with the careful start that was finished no channel of the stem is dead, and the test error is lower. That is one pair, of different lengths. And the careful start does not always prevent a bad epoch: when its rate rose to 0.1, seed 1 was thrown back from 62 to 82 % wrong. How much dead channels cost, we did not test. A bad start need not cost anything: at 110 layers the paper saw a slow start with 0.1, and says that this network "still reaches similar accuracy".
#
# ## What to take along
#
# - A learning rate that suits one network can throw another one's weights. Compare networks at the best rate of each, or at several.
# - Behind batch normalization a step makes a kernel longer, and a longer kernel has a smaller gradient. So steps that are too long can leave small gradients behind. Ask what came first.
# - Plain-56 is behind at every rate that we tried, with a careful start and without, on the digits and on CIFAR-10, and also where none of its gradients was small when we measured.
# - A start that is too rough can leave dead channels. Gamma and beta tell which.
#
# **Next:** [lesson 10](10_signal_or_gradient.ipynb), optional: plain-56 without batch normalization, where the gradient does vanish.
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · the readings of its figure 6: [a-martyn/resnet](https://github.com/a-martyn/resnet) · van Laarhoven 2017, [L2 Regularization versus Batch and Weight Normalization](https://arxiv.org/abs/1706.05350).
