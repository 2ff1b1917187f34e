"""A small network that tells where the thing at a click ends, from the features of a model that colorizes.

The graph takes `luma` (1, 1, H, W) float32 in 0..1, height and width multiples of 32; the other model's features
(1, c, H / s, W / s) of it; and `distance` (K, 1, H / 4, W / 4) to the nearest point of each of K hints, in pixels of
that size. It returns `odds` (K, 1, H / 4, W / 4): log odds that a pixel belongs to the thing at the hint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray
from tinct.errors import ModelError, one_line
from tinct.parallel import core_count
from tinct.runtime.modelfile import MODELS, BaseCard, card_of, check_finite, open_graph

TASK = "thing"
LUMA, DISTANCE, ODDS = "luma", "distance", "odds"
FEATURES = ("features_8", "features_16", "features_32")  # the other model's outputs that it takes, from fine to coarse
MULTIPLE = 32  # height and width of its input are multiples of this
SHIPPED = MODELS / "hints" / "things.onnx"  # the file that comes with tinct
# A model's features suit the file if, for each output, their means over `pattern` correlate with those of the model
# that it was trained with by more than this.
_LIKE = 0.8
_PATTERN = 64  # pixels, the pattern's edge
_MOST_POINTS = 16  # a stroke with more points is reduced to this many, evenly spaced


@dataclass(frozen=True, kw_only=True)
class ThingCard(BaseCard):
    """The card of such a file: the values of every card, and its own.

    Attributes:
        size: a picture is scaled so that sqrt(height * width) is about this, in pixels; never enlarged.
        certain: log odds of the graph at which a pixel is as likely the thing's as not.
        sight: the means over `pattern` of the features of the model that it was trained with, by their names.
        task: always `thing`.
    """

    written_by = "python -m tinct.learn.things"
    again = "make the file again"

    size: int
    certain: float
    sight: dict[str, list[float]] = field(default_factory=dict)
    task: str = TASK

    @property
    def graph_names(self) -> tuple[str, str]:
        return LUMA, ODDS

    @property
    def inputs(self) -> list[str]:
        return [LUMA, *FEATURES, DISTANCE]

    @classmethod
    def wrong_task(cls, task: object) -> str:
        return "" if task == TASK else "not a model that tells things apart"

    def check(self) -> None:
        if self.size < MULTIPLE or not np.isfinite(self.certain) or set(self.sight) != set(FEATURES):
            raise ModelError(f"size {self.size}, certain {self.certain} or the sight of {sorted(self.sight)} is wrong")


class ThingModel:
    """Such a file, opened. Several threads may use it at once.

    Attributes:
        path: the file.
        card: its card.
    """

    def __init__(self, path: Path = SHIPPED) -> None:
        """Open it.

        Raises:
            ModelError: it cannot be used.
        """
        self.path = path
        self._graph = open_graph(path, threads=core_count())
        self.card = card_of(self._graph, path, kind=ThingCard)

    def fits(self, see: Callable[[FloatArray], Mapping[str, FloatArray]]) -> bool:
        """Return whether a model's features suit this network, as those of the model that it was trained with.

        Args:
            see: returns the model's features (h, w, c) of luma, by name.
        """
        features = see(pattern())
        return set(FEATURES) <= set(features) and all(
            _alike(values, self.card.sight[name]) for name, values in sight(features).items()
        )

    def seen_at(self, luma: NDArray[Any]) -> FloatArray:
        """Return luma (H, W) resized for the network."""
        return resized(np.ascontiguousarray(luma, dtype=np.float32), seen_shape(*luma.shape, size=self.card.size))

    def odds(self, luma: FloatArray, features: Mapping[str, FloatArray], places: NDArray[Any]) -> FloatArray:
        """Return the log odds (h / 4, w / 4) that pixels belong to the thing at a hint; at 0 either is as likely.

        Args:
            luma: (h, w) as `seen_at` returns it.
            features: (h / s, w / s, c) of that luma, by name.
            places: (n, 2) rows and columns of the hint's points in 0..1 of the picture, at least one.

        Raises:
            ModelError: the features are not those of this luma.
            DivergedError: the network's outputs are not finite.
        """
        inputs = {LUMA: luma[None, None], DISTANCE: distance(places, luma.shape)[None, None]}
        inputs |= {name: np.ascontiguousarray(np.moveaxis(features[name], -1, 0))[None] for name in FEATURES}
        try:
            (result,) = self._graph.run([ODDS], inputs)
        except Exception as error:  # ONNX Runtime's own classes have no public base but this
            reason = one_line(error)
            raise ModelError(f"{self.path}: failed on a picture of shape {luma.shape}: {reason}") from error
        check_finite(result, self.path)
        odds: FloatArray = result[0, 0] - np.float32(self.card.certain)
        return odds


def seen_shape(height: int, width: int, *, size: int) -> tuple[int, int]:
    """Return the height and width, multiples of 32, to which a picture is resized for the network.

    >>> seen_shape(2000, 3000, size=224)
    (192, 288)
    """
    small = small_size(height, width, size=size)
    return max(MULTIPLE, round(small[0] / MULTIPLE) * MULTIPLE), max(MULTIPLE, round(small[1] / MULTIPLE) * MULTIPLE)


def distance(places: NDArray[Any], shape: tuple[int, ...]) -> FloatArray:
    """Compute each pixel's distance (h / 4, w / 4) from the nearest of several places, in pixels of that size.

    Args:
        places: (n, 2) rows and columns in 0..1 of the picture, at least one.
        shape: (h, w) of the network's luma.
    """
    height, width = shape[0] // 4, shape[1] // 4
    few = places[np.linspace(0, len(places) - 1, min(_MOST_POINTS, len(places))).round().astype(np.intp)]
    down, across = np.arange(height) + 0.5, np.arange(width) + 0.5
    away = np.hypot(down[None, :, None] - few[:, :1, None] * height, across[None, None] - few[:, 1:, None] * width)
    result: FloatArray = away.min(axis=0).astype(np.float32)
    return result


def pattern() -> FloatArray:
    """Return luma (h, w) in 0..1 with something for every feature: rings, stripes and a square."""
    down, across = np.mgrid[:_PATTERN, :_PATTERN].astype(np.float32)
    rings = 0.5 + 0.4 * np.sin(np.hypot(down - 20, across - 20) / 2)
    rings[36:60, 30:56] = 0.15
    rings[4:24, 40:60] = 0.5 + 0.3 * np.sign(np.sin(across[4:24, 40:60]))
    return np.ascontiguousarray(rings)


def sight(features: Mapping[str, NDArray[Any]]) -> dict[str, list[float]]:
    """Return the mean of each channel of a model's features (h, w, c) of `pattern`, by their names."""
    return {name: [round(float(value), 3) for value in features[name].mean(axis=(0, 1))] for name in FEATURES}


@cache
def shipped() -> ThingModel:
    """Return the model that comes with tinct, opened once."""
    return ThingModel()


def _alike(one: list[float], other: list[float]) -> bool:
    return len(one) == len(other) and bool(np.corrcoef(one, other)[0, 1] > _LIKE)
