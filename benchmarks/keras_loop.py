"""Keras 3's `fit` in typical use, on torch or JAX, as a peer of the benchmarks.

Normalised float32 images in memory, channels last as usual in Keras, Adam, float32, accuracy as a
metric, without a progress bar. The network is converted layer by layer from ours, with the same
paddings and the same number of parameters.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from torch import nn
from turns import BATCH_SIZE, LEARNING_RATE, Turns

from convcompare.data.dataset import Dataset, Split
from convcompare.experiment.shapes import shape_of
from convcompare.models.build import resolve
from convcompare.models.layers.residual_blocks import BasicBlock

ENDLESS = 10**6


class InTurn(keras.callbacks.Callback):
    """Runs one epoch per turn."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self.turns = turns

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.turns.begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.turns.end()


def converted(module: nn.Module, x: Any) -> Any:
    """Apply the Keras layers of a module to x: (n, h, w, c) or (n, features)."""
    match module:
        case nn.Sequential():
            for child in module:
                x = converted(child, x)
            return x
        case BasicBlock():
            out = converted(module.bn1, converted(module.conv1, x))
            out = converted(module.dropout1, layers.ReLU()(out))
            out = converted(module.dropout2, converted(module.bn2, converted(module.conv2, out)))
            return layers.ReLU()(layers.add([out, converted(module.shortcut, x)]))
        case nn.Conv2d():
            if any(module.padding):
                x = layers.ZeroPadding2D(module.padding)(x)
            bias = module.bias is not None
            size, stride = module.kernel_size, module.stride
            return layers.Conv2D(module.out_channels, size, stride, use_bias=bias)(x)
        case nn.BatchNorm2d():
            return layers.BatchNormalization(momentum=1 - module.momentum, epsilon=module.eps)(x)
        case nn.MaxPool2d():
            return layers.MaxPooling2D(module.kernel_size, module.stride)(x)
        case nn.AdaptiveAvgPool2d():
            return layers.AdaptiveAveragePooling2D(module.output_size)(x)
        case nn.Linear():
            return layers.Dense(module.out_features)(x)
        case nn.Dropout():
            return layers.Dropout(module.p)(x)
        case nn.Flatten():
            return layers.Flatten()(x)
        case nn.ReLU():
            return layers.ReLU()(x)
        case nn.Identity():
            return x
    raise NotImplementedError(f"no Keras layer for {type(module).__name__}")


def compiled(spec: str, dataset: Dataset) -> keras.Model:
    """Return the network of `spec` in Keras; RuntimeError if the number of parameters differs."""
    keras.utils.set_random_seed(0)
    ours = resolve(spec, shape_of(dataset)).build(0)
    inputs = keras.Input((dataset.image_size, dataset.image_size, dataset.channels))
    model = keras.Model(inputs, converted(ours, inputs))
    count = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    if count != sum(parameter.numel() for parameter in ours.parameters()):
        raise RuntimeError(f"{spec} has {count} parameters in Keras")
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def arrays(split: Split, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return normalised float32 images (n, h, w, c) and their labels."""
    images = split.images.transpose(0, 2, 3, 1).astype(np.float32) / 255
    normalised = (images - np.array(dataset.mean)) / np.array(dataset.std)
    return normalised.astype(np.float32), split.labels


def take_turns(spec: str, dataset: Dataset, turns: Turns) -> None:
    fit(spec, dataset, ENDLESS, InTurn(turns))


def fit(spec: str, dataset: Dataset, epochs: int, *callbacks: Any) -> keras.Model:
    """Return the network after `epochs` epochs."""
    model, (images, labels) = compiled(spec, dataset), arrays(dataset.train, dataset)
    options = {"batch_size": BATCH_SIZE, "epochs": epochs, "verbose": 0}
    model.fit(images, labels, callbacks=list(callbacks), **options)
    return model


def test_accuracy(spec: str, dataset: Dataset, epochs: int) -> float:
    images, labels = arrays(dataset.test, dataset)
    return float(fit(spec, dataset, epochs).evaluate(images, labels, verbose=0)[1])
