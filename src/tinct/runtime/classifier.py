"""A trained classifier as one file: an ONNX graph with a card, and the one way in which pictures are made ready for it.

The graph takes `pixels` (N, C, H, W) float32, standardised channels of the card's colour space, or `features` (N, F)
float32, statistics as `tinct.color.features` measures them; it gives `logits` (N, classes). Training makes pictures
ready by the same functions.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.inputs import ARRAY, KINDS, PICTURE, input_space
from tinct.color.spaces import FloatArray
from tinct.errors import DivergedError, InputError, ModelError, TinctError
from tinct.runtime.modelfile import FORMAT, METADATA_KEY, open_graph

TASK = "classify"


@dataclass(frozen=True)
class ClassifierCard:
    """What a classifier's file says about itself.

    Attributes:
        name: the model's own name.
        network: the candidate it was trained as.
        classes: their names, in the order of the logits.
        kind: `picture` or `array` (.npy files).
        size: height and width that pictures are brought to, in pixels.
        color_space: what `input_space` takes; empty for arrays.
        mean: of each channel, subtracted; empty where `features` are taken.
        std: of each channel, divided by.
        features: the options of `ColorFeatures` or `ArrayFeatures`; None where the graph takes pixels.
        temperature: logits are divided by it; fitted on pictures that were not trained on.
        options: of the network.
        metrics: how good it was on what: accuracy, calibration, and the table of all candidates.
        color_tests: how much of the accuracy is colour: on grey pictures, and on pictures of shifted hue.
        data: what it was trained on.
        training: how it was trained.
        licence: under which terms the weights may be used.
        description: one sentence for a person.
        tinct: the version that wrote the file.
        created: ISO date.
        task: always `classify`.
        format: version of the card's format.
    """

    name: str
    network: str
    classes: list[str]
    kind: str
    size: list[int]
    color_space: str
    mean: list[float]
    std: list[float]
    features: dict[str, Any] | None
    temperature: float
    options: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    color_tests: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    description: str = ""
    tinct: str = ""
    created: str = ""
    task: str = TASK
    format: int = FORMAT

    @classmethod
    def from_json(cls, text: str, *, source: str) -> ClassifierCard:
        """Read a card.

        Args:
            text: the JSON.
            source: where it comes from, for the messages.

        Raises:
            ModelError: the card is damaged, of another task, or comes from a newer tinct.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ModelError(f"{source}: the card is no JSON ({error}); train the model again") from error
        if not isinstance(values, dict) or type(values.get("format")) is not int:
            raise ModelError(f"{source}: the card says no format; train the model again")
        if values.get("task") != TASK:
            raise ModelError(
                f"{source}: a model for colorizing, not for recognising; make one by  tinct classify train"
            )
        if values["format"] > FORMAT:
            raise ModelError(f"{source}: the model was written by a newer tinct; run  pip install --upgrade tinct")
        known = {item.name for item in dataclasses.fields(cls)}
        try:
            card = cls(**{name: value for name, value in values.items() if name in known})
            fault = card._fault()
        except (TypeError, ValueError, TinctError) as error:
            fault = str(error)
            card = None
        if card is None or fault:
            raise ModelError(f"{source}: the card is damaged: {fault}; train the model again")
        return card

    def to_json(self) -> str:
        """Return the card as JSON, from which `from_json` makes exactly this card again."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    def measure(self) -> ColorFeatures | ArrayFeatures | None:
        """Return what measures the features, or None where the graph takes pixels.

        Raises:
            SettingError: its options are damaged.
        """
        if self.features is None:
            return None
        return (ColorFeatures if self.kind == PICTURE else ArrayFeatures).from_card(self.features)

    def _fault(self) -> str:
        """Say what is wrong with the values; empty when nothing is."""
        if len(self.classes) < 2 or not all(isinstance(name, str) for name in self.classes):
            return f"classes are {self.classes!r:.60}"
        if self.kind not in KINDS:
            return f"kind is {self.kind!r}"
        if len(self.size) != 2 or not all(type(edge) is int and edge > 0 for edge in self.size):
            return f"size is {self.size!r}"
        if not (isinstance(self.temperature, int | float) and self.temperature > 0):
            return f"temperature is {self.temperature!r}"
        channels = len(input_space(self.color_space).channels) if self.kind == PICTURE else len(self.mean)
        if self.measure() is None and not (len(self.mean) == len(self.std) == channels > 0 and min(self.std) > 0):
            return "mean and std do not fit the colour space"
        return ""


def channels_of(pixels: NDArray[Any], *, color_space: str) -> FloatArray:
    """Convert a batch to the channels that a network sees, not yet standardised.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32 where `color_space` is empty.
        color_space: as `tinct.color.inputs.input_space` takes it; empty for arrays.

    Returns:
        (N, C, H, W) float32.

    Raises:
        SettingError: there is no such space.
    """
    values = input_space(color_space).from_rgb(pixels) if color_space else pixels.astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(values, -1, 1))


def standardized(channels: FloatArray, *, mean: list[float], std: list[float]) -> FloatArray:
    """Subtract each channel's mean and divide by its standard deviation: (N, C, H, W) to the same."""
    shape = (1, -1, 1, 1)
    one, other = (np.array(each, dtype=np.float32).reshape(shape) for each in (mean, std))
    return (channels - one) / other


def graph_input(pixels: NDArray[Any], card: ClassifierCard) -> FloatArray:
    """Make a batch ready for a model's graph.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32 for arrays, of the card's size.
        card: the model's.

    Returns:
        (N, C, H, W) or (N, features) float32.

    Raises:
        InputError: arrays have another number of channels.
    """
    measure = card.measure()
    if measure is not None:
        return np.stack([measure.measure(each) for each in pixels])
    if card.kind == ARRAY and pixels.shape[-1] != len(card.mean):
        raise InputError(f"the model takes arrays of {len(card.mean)} channels, not {pixels.shape[-1]}")
    return standardized(channels_of(pixels, color_space=card.color_space), mean=card.mean, std=card.std)


def softmax(logits: NDArray[Any], *, temperature: float = 1.0) -> FloatArray:
    """Return probabilities (N, classes) that add up to 1 from logits (N, classes) divided by a temperature above 0."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: FloatArray = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares


class ClassifierSession:
    """A classifier's file, opened and ready to run. Several threads may call it at once.

    Attributes:
        path: the file.
        card: what it says about itself.
    """

    def __init__(self, model: str | Path, *, threads: int | None = None) -> None:
        """Open a model file.

        Args:
            model: its path.
            threads: how many threads one run uses; as many as there are cores without it.

        Raises:
            ModelError: there is no such file, it is damaged, or no classifier of tinct's.
        """
        self.path = Path(model)
        if not self.path.is_file():
            raise ModelError(f"no model '{model}': give the path of a file that  tinct classify train  wrote")
        self._graph = open_graph(self.path, threads=threads)
        text = self._graph.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelError(f"{model}: an ONNX model, but not one of tinct's; make one by  tinct classify train")
        self.card = ClassifierCard.from_json(text, source=str(model))
        wanted = "features" if self.card.features is not None else "pixels"
        inputs, outputs = (
            [item.name for item in each] for each in (self._graph.get_inputs(), self._graph.get_outputs())
        )
        if inputs != [wanted] or outputs != ["logits"]:
            raise ModelError(
                f"{model}: the graph takes {inputs} and gives {outputs}, its card says otherwise; train again"
            )

    def logits(self, pixels: NDArray[Any]) -> FloatArray:
        """Run the model.

        Args:
            pixels: as `graph_input` takes them.

        Returns:
            (N, classes) float32.

        Raises:
            InputError: the arrays do not fit.
            ModelError: the model failed.
            DivergedError: it gives no finite numbers.
        """
        ready = graph_input(pixels, self.card)
        try:
            (found,) = self._graph.run(["logits"], {self._graph.get_inputs()[0].name: ready})
        except Exception as error:  # ONNX Runtime's own classes have no public base but this
            raise ModelError(
                f"{self.path}: failed on an input of shape {ready.shape}; train the model again"
            ) from error
        if not np.isfinite(found).all():
            raise DivergedError(f"{self.path}: the model gives no finite numbers; train it again with a lower rate")
        return np.asarray(found, dtype=np.float32)

    def probabilities(self, pixels: NDArray[Any]) -> FloatArray:
        """Return calibrated probabilities (N, classes); the rest as `logits`."""
        return softmax(self.logits(pixels), temperature=self.card.temperature)
