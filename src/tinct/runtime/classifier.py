"""A trained classifier as one file, an ONNX graph with a card, and how pictures are prepared for it.

The graph takes `pixels` (N, C, H, W) float32, standardised channels of the card's colour space, or `features` (N, F)
float32, the statistics of `tinct.color.features`; it returns `logits` (N, classes). Training prepares pictures by the
same functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.inputs import ARRAY, KINDS, PICTURE, input_space
from tinct.color.spaces import FloatArray
from tinct.errors import InputError, ModelError
from tinct.runtime.modelfile import BaseCard, card_of, check_finite, open_graph, run_graph

TASK = "classify"


@dataclass(frozen=True, kw_only=True)
class ClassifierCard(BaseCard):
    """The card of a classifier's file: the values of every card, and its own.

    Attributes:
        network: the candidate that was chosen in training.
        classes: their names, in the order of the logits.
        kind: `picture` or `array` (.npy files).
        size: height and width to which pictures are resized, in pixels.
        color_space: as `input_space` takes it; empty for arrays.
        mean: of each channel, which is subtracted; empty if the graph takes `features`.
        std: standard deviation of each channel, by which it is divided; empty if the graph takes `features`.
        features: the options of `ColorFeatures` or `ArrayFeatures`; None if the graph takes pixels.
        temperature: divides the logits; fitted on pictures outside the training set.
        metrics: results on named data: accuracy, calibration, and the table of all candidates.
        color_tests: how much the accuracy depends on colour: results on grey pictures, and with rotated hues.
        task: always `classify`.
    """

    written_by = "tinct classify train"
    again = "train the model again"

    classes: list[str]
    kind: str
    size: list[int]
    color_space: str
    mean: list[float]
    std: list[float]
    features: dict[str, Any] | None
    color_tests: dict[str, Any] = field(default_factory=dict)
    task: str = TASK

    @property
    def graph_names(self) -> tuple[str, str]:
        return "pixels" if self.features is None else "features", "logits"

    def measure(self) -> ColorFeatures | ArrayFeatures | None:
        """Return the features that the graph takes; None if it takes pixels.

        Raises:
            SettingError: their options are damaged.
        """
        if self.features is None:
            return None
        return (ColorFeatures if self.kind == PICTURE else ArrayFeatures).from_card(self.features)

    @classmethod
    def wrong_task(cls, task: object) -> str:
        return "" if task == TASK else f"a model for colorizing, not for recognising; make one with  {cls.written_by}"

    def check(self) -> None:
        if len(self.classes) < 2:
            raise ModelError(f"classes are {self.classes!r:.60}")
        if self.kind not in KINDS:
            raise ModelError(f"kind is {self.kind!r}")
        if len(self.size) != 2 or min(self.size) < 1:
            raise ModelError(f"size is {self.size!r}")
        if not self.temperature > 0:
            raise ModelError(f"temperature is {self.temperature!r}")
        channels = len(input_space(self.color_space).channels) if self.kind == PICTURE else len(self.mean)
        if self.measure() is None and not (len(self.mean) == len(self.std) == channels > 0 and min(self.std) > 0):
            raise ModelError("mean and std do not fit the colour space")


def channels_of(pixels: NDArray[Any], *, color_space: str) -> FloatArray:
    """Convert a batch to the channels that a network takes, not yet standardised.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32 if `color_space` is empty.
        color_space: as `tinct.color.inputs.input_space` takes it; empty for arrays.

    Returns:
        (N, C, H, W) float32.

    Raises:
        SettingError: there is no such space.
    """
    values = input_space(color_space).from_rgb(pixels) if color_space else pixels.astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(values, -1, 1))


def standardized(channels: FloatArray, *, mean: list[float], std: list[float]) -> FloatArray:
    """Return channels (N, C, H, W) less their means, divided by their standard deviations."""
    shift, scale = (np.array(values, dtype=np.float32).reshape(1, -1, 1, 1) for values in (mean, std))
    return (channels - shift) / scale


def graph_input(pixels: NDArray[Any], card: ClassifierCard) -> FloatArray:
    """Prepare a batch for a model's graph.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32 for arrays, of the card's size.
        card: of the model.

    Returns:
        (N, C, H, W) or (N, features) float32.

    Raises:
        InputError: arrays have another number of channels.
    """
    measure = card.measure()
    if measure is not None:
        return np.stack([measure.measure(picture) for picture in pixels])
    if card.kind == ARRAY and pixels.shape[-1] != len(card.mean):
        raise InputError(f"the model takes arrays of {len(card.mean)} channels, not {pixels.shape[-1]}")
    return standardized(channels_of(pixels, color_space=card.color_space), mean=card.mean, std=card.std)


class ClassifierSession:
    """A classifier's file, opened and ready to run. Several threads may call it at once.

    Attributes:
        path: the file.
        card: its card.
    """

    def __init__(self, model: str | Path, *, threads: int | None = None) -> None:
        """Open a model file.

        Args:
            model: its path.
            threads: how many threads one run uses; default: one for each core.

        Raises:
            ModelError: there is no such file, it is damaged, or not a classifier of tinct's.
        """
        self.path = Path(model)
        if not self.path.is_file():
            raise ModelError(f"no model '{model}': give the path of a file that  tinct classify train  wrote")
        self._graph = open_graph(self.path, threads=threads)
        self.card = card_of(self._graph, self.path, kind=ClassifierCard)

    def logits(self, pixels: NDArray[Any]) -> FloatArray:
        """Run the model.

        Args:
            pixels: as `graph_input` takes them.

        Returns:
            (N, classes) float32.

        Raises:
            InputError: arrays have another number of channels.
            ModelError: the model failed.
            DivergedError: its outputs are not finite.
        """
        logits = run_graph(self._graph, graph_input(pixels, self.card), path=self.path)[0]
        check_finite(logits, self.path)
        return np.asarray(logits, dtype=np.float32)

    def probabilities(self, pixels: NDArray[Any]) -> FloatArray:
        """Return calibrated probabilities (N, classes); arguments and errors are those of `logits`."""
        return softmax(self.logits(pixels), temperature=self.card.temperature)
