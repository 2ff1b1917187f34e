"""Running a model file: from luma of any size to logits, chroma or a picture."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import InputError, ModelError
from tinct.parallel import core_count
from tinct.runtime import DEFAULT_MODEL, check_running, openvino
from tinct.runtime.modelfile import (
    OUTPUT_CHANNELS,
    OUTPUTS,
    Card,
    card_of,
    check_finite,
    find_model,
    open_graph,
    run_graph,
)
from tinct.runtime.thing import ThingModel, shipped


class Session:
    """A model file, opened and ready to run. Several threads may call `run` at once.

    Attributes:
        path: the model file.
        card: its card.
        bins: its colour bins; None if the model's output is chroma or a picture.
        runtime: `onnxruntime` (float32) or `openvino` (bfloat16 if the processor has it).
    """

    def __init__(self, model: str | Path = DEFAULT_MODEL, *, runtime: str = "auto", threads: int | None = None) -> None:
        """Open a model.

        Args:
            model: the name of a model that comes with tinct, or the path of a model file.
            runtime: `onnxruntime`, `openvino`, or `auto`: OpenVINO if it is installed and the processor computes in
                bfloat16, which about halves the time; otherwise ONNX Runtime.
            threads: how many threads one picture uses; default: one for each core.

        Raises:
            ModelError: there is no such model, or the file cannot be used.
            SettingError: there is no such runtime, or `threads` is below 1.
            MissingExtraError: OpenVINO was asked for and is not installed.
        """
        check_running(runtime=runtime, threads=threads)
        self.path = find_model(model)
        self.runtime = runtime if runtime != "auto" else best_runtime()
        if self.runtime == "openvino":
            self.card, self._infer = openvino.open_model(self.path, threads=threads, cores=core_count())
        else:
            graph = open_graph(self.path, threads=threads or core_count())
            self.card = card_of(graph, self.path, kind=Card)
            self._infer = lambda lumas, outputs: run_graph(graph, lumas, path=self.path, outputs=outputs)
        self.bins = self.card.color_bins()

    def run(self, luma: NDArray[Any]) -> FloatArray:
        """Run the network on one picture.

        Args:
            luma: (H, W) in 0..1, of any size from 1 x 1.

        Returns:
            (ceil(H / stride), ceil(W / stride), n) float32; meaning and errors are those of `run_batch`.
        """
        return self._checked(*self._of_one(luma, self._answer).values())

    def run_batch(self, lumas: NDArray[Any]) -> FloatArray:
        """Run the network on several pictures of one size, which need not be a multiple of the card's `multiple`.

        Args:
            lumas: (N, H, W) in 0..1.

        Returns:
            (N, ceil(H / stride), ceil(W / stride), n) float32 logits, 2 channels of chroma in the space's units, or the
            whole picture's sRGB in 0..1.

        Raises:
            InputError: the array has another shape or type.
            ModelError: the network failed.
            DivergedError: its outputs are not finite.
        """
        (result,) = self._outputs(lumas, self._answer)
        return self._checked(result)

    def features(self, luma: NDArray[Any]) -> dict[str, FloatArray]:
        """Run the network on one picture for its inner features, by which things can be told apart.

        Args:
            luma: (H, W) in 0..1, of any size from 1 x 1.

        Returns:
            For each name in the card's `features`, (ceil(H / stride), ceil(W / stride), n) float32. Errors are those of
            `run_batch`.
        """
        return self._of_one(luma, self.card.features)

    def run_with_features(self, luma: NDArray[Any]) -> tuple[FloatArray, dict[str, FloatArray]]:
        """Return the results of `run` and `features` for one picture, from one run of the network."""
        outputs = self._of_one(luma, {**self._answer, **self.card.features})
        return self._checked(outputs.pop(next(iter(self._answer)))), outputs

    @cached_property
    def things(self) -> ThingModel | None:
        """The network that tells things apart by this model's features; None if they do not suit it."""
        if not self.card.features:
            return None
        return shipped() if shipped().fits(self.features) else None

    @property
    def _answer(self) -> dict[str, int]:
        """The name of the main output, and its stride."""
        return {OUTPUTS[self.card.task]: self.card.output_stride}

    def _checked(self, answer: FloatArray) -> FloatArray:
        """Return the main output (..., n), checked to have as many channels as the card says."""
        expected = self.bins.count if self.bins is not None else OUTPUT_CHANNELS[self.card.task]
        if answer.shape[-1] != expected:
            raise ModelError(f"{self.path}: the graph gives {answer.shape}, its card promises {expected} channels")
        return answer

    def _of_one(self, luma: NDArray[Any], strides: dict[str, int]) -> dict[str, FloatArray]:
        if luma.ndim != 2:
            raise InputError(f"luma must have the shape (H, W), not {luma.shape}")
        return {name: values[0] for name, values in zip(strides, self._outputs(luma[None], strides), strict=True)}

    def _outputs(self, lumas: NDArray[Any], strides: dict[str, int]) -> list[FloatArray]:
        """Return the named outputs, each (N, h, w, n), without what belongs to the padding."""
        if lumas.ndim != 3 or 0 in lumas.shape:
            raise InputError(f"lumas must be a non-empty array of shape (N, H, W), not {lumas.shape}")
        if not np.issubdtype(lumas.dtype, np.floating):
            raise InputError(f"luma must be floats in 0..1, not {lumas.dtype}")
        if not strides:
            return []
        height, width = lumas.shape[1:]
        results = self._infer(padded(lumas.astype(np.float32, copy=False), self.card.multiple)[:, None], [*strides])
        cropped = []
        for result, (name, stride) in zip(results, strides.items(), strict=True):
            if result.ndim != 4:
                raise ModelError(f"{self.path}: the graph's {name} has the shape {result.shape}, not (N, n, h, w)")
            check_finite(result, self.path)
            inside = result[:, :, : -(-height // stride), : -(-width // stride)]
            cropped.append(np.ascontiguousarray(np.moveaxis(inside, 1, -1), dtype=np.float32))
        return cropped


def padded(lumas: FloatArray, multiple: int) -> FloatArray:
    """Pad (N, H, W) below and at the right until height and width are multiples of `multiple`.

    The padding is a reflection; if a side is too short for that, its last row or column is repeated.
    """
    for axis in (1, 2):
        size = lumas.shape[axis]
        margin = -size % multiple
        if margin:
            widths = [(0, 0)] * 3
            widths[axis] = (0, margin)
            lumas = np.pad(lumas, widths, mode="reflect" if margin < size else "edge")
    return lumas


def best_runtime() -> str:
    """Return the runtime that `auto` chooses: OpenVINO if it is installed and has bfloat16, else ONNX Runtime."""
    return "openvino" if openvino.gains() else "onnxruntime"
