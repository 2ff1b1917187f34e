"""A trained network as one file: an ONNX graph with a card that holds everything needed to use it.

The card is JSON under the key `tinct` of the ONNX metadata. The graph takes `luma` (N, 1, H, W) float32 in 0..1 and
returns `logits` (N, n, h, w) for the task `bins`, `chroma` (N, 2, h, w) in the space's units for `regression`, or the
whole picture `rgb` (N, 3, h, w) as sRGB in 0..1, where h = H / output_stride. It may also return inner features, under
the names that the card lists.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import msgspec
import numpy as np

from tinct.color.bins import ColorBins
from tinct.color.decoding import check_decoding
from tinct.color.spaces import FloatArray, chroma_space
from tinct.errors import DivergedError, MissingExtraError, ModelError, SettingError, TinctError, one_line
from tinct.files import check_place, check_target, written_beside
from tinct.runtime import DEFAULT_MODEL, VIEWS
from tinct.runtime.onnxfile import check_file

if TYPE_CHECKING:
    import onnxruntime

FORMAT = 1  # of the card; a file with a higher one comes from a newer tinct
METADATA_KEY = "tinct"
MODELS = Path(__file__).parent.parent / "models"
OUTPUTS = {"bins": "logits", "regression": "chroma", "rgb": "rgb"}  # name of the graph's output for each task
OUTPUT_CHANNELS = {"regression": 2, "rgb": 3}  # for `bins` there are as many as bins


@dataclass(frozen=True, kw_only=True)
class BaseCard:
    """The values that every model file of tinct's has.

    Attributes:
        name: the model's own name.
        network: the architecture's name.
        options: of the architecture.
        task: what it is for.
        temperature: divides the logits, above 0.
        data: what it was trained on.
        training: how it was trained.
        metrics: its results, and on which data.
        licence: of the weights.
        description: one sentence for users.
        tinct: the version that wrote the file.
        created: ISO date.
        format: version of the card's format.
    """

    written_by: ClassVar[str]  # the command that writes such files
    again: ClassVar[str]  # what to do about a damaged one

    name: str
    network: str
    task: str
    temperature: float
    options: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    description: str = ""
    tinct: str = ""
    created: str = ""
    format: int = FORMAT

    @classmethod
    def from_json(cls, text: str, *, source: str) -> Self:
        """Read a card.

        Args:
            text: the JSON.
            source: where it comes from, for messages.

        Returns:
            The card, its values checked; keys that this version does not know are ignored.

        Raises:
            ModelError: the card is damaged, lacks a value, is for another task, or comes from a newer tinct.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{source}: the card is not valid JSON ({error}); {cls.again}") from error
        if not isinstance(values, dict) or type(values.get("format")) is not int:
            raise ModelError(f"{source}: the card has no format; {cls.again}")
        if values["format"] > FORMAT:
            raise ModelError(
                f"{source}: the model was written by a newer tinct ({values.get('tinct', 'unknown')}, format "
                f"{values['format']}, this one reads {FORMAT}); run  pip install --upgrade tinct"
            )
        if fault := cls.wrong_task(values.get("task")):
            raise ModelError(f"{source}: {fault}")
        try:
            card = msgspec.convert(values, cls)
            card.check()
        except (msgspec.ValidationError, TinctError) as error:
            raise ModelError(f"{source}: the card is damaged: {error}; {cls.again}") from error
        return card

    def to_json(self) -> str:
        """Return the card as JSON, from which `from_json` makes exactly this card again."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    @property
    def graph_names(self) -> tuple[str, str]:
        """The names of the graph's input and output."""
        raise NotImplementedError

    @property
    def inputs(self) -> list[str]:
        """The names of all the graph's inputs."""
        return [self.graph_names[0]]

    @property
    def inner_outputs(self) -> tuple[str, ...]:
        """The names of the graph's inner features."""
        return ()

    @classmethod
    def wrong_task(cls, task: object) -> str:
        """Return why a card of this task is not of this class; empty if it is."""
        raise NotImplementedError

    def check(self) -> None:
        """Check that the values fit together.

        Raises:
            ModelError, SettingError: they do not.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Card(BaseCard):
    """The card of a model that colorizes: the values of every card, and its own.

    Attributes:
        network: the architecture's name in the registry of networks.
        task: `bins` (logits over colour bins), `regression` (chroma itself) or `rgb` (the whole picture).
        space: `yuv` or `lab`.
        bins: the colour bins as `ColorBins.to_card` returns them; None for other tasks.
        output_stride: input pixels for each output pixel, along each axis: 1, 2 or 4.
        multiple: height and width of the graph's input are multiples of this.
        working_size: a picture is scaled so that sqrt(height * width) is this, in pixels; never enlarged.
        temperature: the default temperature of decoding, above 0.
        caution: the default caution of decoding, 0..4; see `tinct.color.decoding.annealed_mean`.
        calibration: divides the logits to make calibrated probabilities, above 0; 1 changes nothing.
        features: names of the graph's inner features, by which things can be told apart, with their strides; older
            files have none.
        views: the default number of views of a photograph that are averaged, 1, 2 or 4; see
            `tinct.coloring.photo.prediction`.
    """

    written_by = "tinct export"
    again = "export the model again"

    space: str
    bins: dict[str, Any] | None
    output_stride: int
    multiple: int
    working_size: int
    caution: float = 0.0
    views: int = 1
    calibration: float = 1.0
    features: dict[str, int] = field(default_factory=dict)

    @property
    def graph_names(self) -> tuple[str, str]:
        return "luma", OUTPUTS[self.task]

    @property
    def inner_outputs(self) -> tuple[str, ...]:
        return tuple(self.features)

    def color_bins(self) -> ColorBins | None:
        """Return the colour bins; None for other tasks.

        Raises:
            ModelError: the card's bins are damaged.
        """
        if self.bins is None:
            return None
        try:
            return ColorBins.from_card(self.bins)
        except TinctError as error:
            raise ModelError(str(error)) from error

    @classmethod
    def wrong_task(cls, task: object) -> str:
        return (
            "" if isinstance(task, str) and task in OUTPUTS else f"the card is damaged: no task '{task}'; {cls.again}"
        )

    def check(self) -> None:
        if (self.task == "bins") != (self.bins is not None):
            raise ModelError("task and bins do not fit together")
        if self.output_stride not in (1, 2, 4) or self.multiple < 1 or self.multiple % self.output_stride:
            raise ModelError(f"output_stride {self.output_stride} and multiple {self.multiple} do not fit together")
        if self.working_size < 1:
            raise ModelError(f"working_size {self.working_size} is out of range")
        if self.views not in VIEWS:
            raise ModelError(f"views {self.views} is not one of {VIEWS}")
        if not (self.calibration > 0 and math.isfinite(self.calibration)):
            raise ModelError(f"calibration {self.calibration} is out of range")
        if any(stride < 1 or self.multiple % stride for stride in self.features.values()):
            raise ModelError(f"features {self.features} and multiple {self.multiple} do not fit together")
        check_decoding(temperature=self.temperature, caution=self.caution)
        chroma_space(self.space)
        self.color_bins()


AnyCard = TypeVar("AnyCard", bound=BaseCard)


def list_models() -> list[str]:
    """Return the names of the models that come with tinct, the default one first."""
    names = sorted(path.stem for path in MODELS.glob("*.onnx"))
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def find_model(model: str | Path) -> Path:
    """Return the path of a model that comes with tinct, by its name, or of a model file.

    Raises:
        ModelError: there is no such model; the message lists those that come with tinct.
    """
    if isinstance(model, str) and model in list_models():
        return MODELS / f"{model}.onnx"
    path = Path(model)
    if path.is_file():
        return path
    raise ModelError(f"no model '{model}': give the path of a model file or one of  {', '.join(list_models()) or '-'}")


def read_card(model: str | Path) -> Card:
    """Read the card of a model that comes with tinct, by its name, or of a model file.

    Raises:
        ModelError: there is no such model, or the file is damaged, not ONNX, without a card, or from a newer tinct.
    """
    path = find_model(model)
    return card_of(open_graph(path, optimize=False), path, kind=Card)


def rewrite_card(model: str | Path, card: Card, out: str | Path, *, overwrite: bool = False) -> None:
    """Write a model file with another card; graph and weights stay exactly the same.

    Args:
        model: the name of a model that comes with tinct, or a model file.
        card: the new card.
        out: the file to write, ending in `.onnx`.
        overwrite: replace an existing file.

    Raises:
        ModelError: the model is damaged.
        OutputError: the file exists already, or cannot be written; nothing is left behind.
        SettingError: it does not end in `.onnx`.
        MissingExtraError: the package `onnx` is not installed.
    """
    target, source = Path(out), find_model(model)
    check_model_target(target, overwrite=overwrite)
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("learn", "writing a model file") from error
    open_graph(source, optimize=False)  # its message is clearer if the file is damaged
    graph = onnx.load(source, load_external_data=False)
    onnx.helper.set_model_props(
        graph, {entry.key: entry.value for entry in graph.metadata_props} | {METADATA_KEY: card.to_json()}
    )
    with written_beside(target) as partial:
        partial.write_bytes(graph.SerializeToString())
        read_card(partial)


def check_model_target(target: Path, *, overwrite: bool) -> None:
    """Check, before any work is done, that a model file may be written.

    Raises:
        SettingError: it does not end in `.onnx`.
        OutputError: it exists already, or its folder does not exist or cannot be written to.
    """
    if target.suffix.lower() != ".onnx":
        raise SettingError(f"{target}: a model file ends in .onnx; name it so")
    check_target(target, overwrite=overwrite)
    check_place(target)


def open_graph(path: Path, *, optimize: bool = True, threads: int | None = None) -> onnxruntime.InferenceSession:
    """Open an ONNX file in ONNX Runtime on the processor.

    Args:
        path: the file.
        optimize: prepare the graph for running; without it opening is faster, enough to read the card.
        threads: how many threads one run uses; default: one for each core.

    Raises:
        ModelError: the file cannot be read, is not an ONNX graph, or has what `check_file` refuses.
    """
    import onnxruntime

    check_file(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal: other errors are raised as well, and would be printed twice
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    # Waiting threads would keep cores busy by polling, which tinct's other threads can use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors have no other public base class
        if path.stat().st_size == 0:
            raise ModelError(f"{path}: the model file is empty; copy or export it again") from error
        reason = one_line(error)[:200]
        raise ModelError(f"{path}: not an ONNX model, or a damaged one ({reason}); copy or export it again") from error


def run_graph(
    graph: onnxruntime.InferenceSession, values: FloatArray, *, path: Path, outputs: Sequence[str] | None = None
) -> list[FloatArray]:
    """Run an opened graph of one input on a batch and return the named outputs; default: all.

    Raises:
        ModelError: the graph failed.
    """
    try:
        result: list[FloatArray] = graph.run(outputs, {graph.get_inputs()[0].name: values})
    except Exception as error:  # ONNX Runtime's own errors have no other public base class
        reason = one_line(error)
        raise ModelError(f"{path}: the network failed on an input of shape {values.shape}: {reason}") from error
    return result


def check_finite(values: FloatArray, path: Path) -> None:
    """Check that a network's outputs are finite.

    Raises:
        DivergedError: they are not.
    """
    if not np.isfinite(values).all():
        message = "the network's outputs are not finite: its training diverged; train it again with a lower  --lr"
        raise DivergedError(f"{path}: {message}")


def card_of(graph: onnxruntime.InferenceSession, path: Path, *, kind: type[AnyCard]) -> AnyCard:
    """Read the card in an opened graph; errors are those of `checked_card`."""
    return checked_card(
        graph.get_modelmeta().custom_metadata_map.get(METADATA_KEY),
        inputs=[item.name for item in graph.get_inputs()],
        outputs=[item.name for item in graph.get_outputs()],
        path=path,
        kind=kind,
    )


def checked_card(
    text: str | None, *, inputs: list[str], outputs: list[str], path: Path, kind: type[AnyCard]
) -> AnyCard:
    """Read a graph's card, and check that the graph has the inputs and outputs that it names.

    Args:
        text: the card's JSON; None if there was none.
        inputs: names of the graph's inputs.
        outputs: names of its outputs.
        path: the file, for messages.
        kind: the card's class.

    Raises:
        ModelError: there is no card, it is damaged or too new, or the graph does not match it.
    """
    if text is None:
        raise ModelError(
            f"{path}: an ONNX model, but not one of tinct's: it has no card; write it with  {kind.written_by}"
        )
    card = kind.from_json(text, source=str(path))
    expected, returned = card.inputs, card.graph_names[1]
    if inputs != expected or returned not in outputs:
        raise ModelError(
            f"{path}: the graph takes {inputs} and returns {outputs}, but its card promises {', '.join(expected)} in "
            f"and {returned} out; {kind.again}"
        )
    if missing := set(card.inner_outputs) - set(outputs):
        raise ModelError(f"{path}: the graph does not return {', '.join(sorted(missing))} of its card; {kind.again}")
    return card
