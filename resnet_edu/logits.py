"""A classifier's logits, for a cross-entropy that is exact however sure a network is.

That of softmax outputs is cut off where a probability is small: on JAX Keras clips it, and its gradient is 0 then.
"""

import keras
from keras import ops


def check_layers_known(model):
    """Raise ValueError unless `model` has layers and an input that Keras knows."""
    if not getattr(model, "layers", None) or not getattr(model, "inputs", None):
        raise ValueError("a Functional or Sequential Keras model with a known input shape is needed")


def split_head(model):
    """Split `model` into a part that gives logits, or nearly, and a function that makes them logits.

    Raises ValueError where the model ends in neither softmax nor logits, or its layers are not known.
    """
    check_layers_known(model)
    last = model.layers[-1]
    softmax, linear = keras.activations.softmax, keras.activations.linear
    activation = softmax if isinstance(last, keras.layers.Softmax) else getattr(last, "activation", None)
    if isinstance(last, keras.layers.Dense) and activation is softmax:
        before = keras.Model(model.inputs, last.input)
        return before, lambda x: ops.matmul(x, last.kernel) + (last.bias if last.use_bias else 0.0)
    if isinstance(last, keras.layers.Softmax | keras.layers.Activation) and activation is softmax:
        return keras.Model(model.inputs, last.input), lambda logits: logits
    if isinstance(last, keras.layers.Dense | keras.layers.Activation) and activation is linear:
        return model, lambda logits: logits
    raise ValueError(
        f"model {model.name!r} must end in a softmax or in logits, as a Dense, Activation or Softmax layer of its "
        f"own, not in {getattr(activation, '__name__', None) or type(last).__name__}"
    )


class LogitsModel(keras.Model):
    """The logits of a classifier: its layers and its weights, in its order, without the softmax.

    Raises ValueError as `split_head` does.
    """

    def __init__(self, model):
        # Logits are computed as precisely as weights are kept, like the probabilities of `blocks.classifier`.
        super().__init__(dtype=model.dtype_policy.variable_dtype)
        self.classifier = model  # first, so that the weights come in its order
        self.features, self.head = split_head(model)
        self.built = True  # with the weights of the classifier

    def call(self, x, training=None):
        return self.head(self.features(x, training=training))


def mean_cross_entropy(labels, logits):
    """Return the mean sparse cross-entropy of `(n, classes)` logits for n labels."""
    return ops.mean(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))
