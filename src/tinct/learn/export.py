"""Export a run as a model file (an ONNX graph with its card), and as a `.safetensors` twin to train further from."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct import __version__
from tinct.color.decoding import check_decoding
from tinct.color.spaces import FloatArray
from tinct.data.source import pictures
from tinct.errors import DataError, SettingError
from tinct.files import check_target, make_folder
from tinct.learn.graph import HALF_FROM, network_graph, store_half, write_model, write_twin
from tinct.learn.networks.layers import Network
from tinct.learn.run import Run, finished_epochs
from tinct.learn.tasks import split_rgb, unit_rgb
from tinct.runtime import VIEWS
from tinct.runtime.modelfile import OUTPUTS, Card, check_model_target
from tinct.runtime.session import Session

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-3  # largest difference between the outputs of ONNX Runtime and PyTorch
# The same in half precision: larger, since weights are rounded after batch norms were folded into them.
HALF_TOLERANCE = 5e-3


@dataclass(frozen=True)
class Export:
    """The settings of a model file.

    Attributes:
        name: the model's name; default: the file's.
        checkpoint: `last` or `best` (by validation loss).
        working_size: see `Card.working_size`.
        temperature: default temperature of decoding.
        caution: default caution of decoding, 0..4; see `tinct.color.decoding.annealed_mean`.
        unweigh: how far the loss's weighting of rare colours is undone in the logits, 0..1. With 0, rare colours keep
            their higher weight, which is vivid; with 1, they are as likely as they occur, which is cautious. (The
            inverse of the logit adjustment of Menon et al. 2021.)
        risk: how bins are decoded: 0 by the annealed mean, above 0 by the lowest expected CIEDE2000; see
            `ColorBins.risk`.
        views: default number of views of a photograph that are averaged: 1, 2 or 4.
        half: store the weights in half precision, which halves the files.
        description: one sentence for people.
        licence: of the weights; default: MIT or, if the encoder started from pretrained weights, a note that names
            their file.
        metrics: figures of an evaluation, for the card.
    """

    name: str | None = None
    checkpoint: str = "last"
    working_size: int = 192
    temperature: float = 0.5
    caution: float = 0.0
    unweigh: float = 0.0
    risk: float = 0.0
    views: int = 1
    half: bool = False
    description: str = ""
    licence: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise a SettingError if a value is out of its range."""
        if self.checkpoint not in {"last", "best"}:
            raise SettingError(f"checkpoint must be last or best, not '{self.checkpoint}'")
        if not 0 <= self.unweigh <= 1:
            raise SettingError(f"unweigh must lie in 0..1, not {self.unweigh}")
        if self.views not in VIEWS:
            raise SettingError(f"views must be 1, 2 or 4, not {self.views}")
        if self.working_size < 1:
            raise SettingError(f"the size must be at least 1, not {self.working_size}")
        check_decoding(temperature=self.temperature, caution=self.caution, risk=self.risk)


def export(run: str | Path, out: str | Path, settings: Export | None = None, *, overwrite: bool = False) -> Card:
    """Write a run's network as a model file and its twin.

    Before the file gets its name, it is tested on noise and on validation photographs of several sizes.

    Args:
        run: the folder of a training.
        out: the model file, ending in `.onnx`; the twin beside it ends in `.safetensors`.
        settings: of the model file; default: `Export()`.
        overwrite: replace existing files.

    Returns:
        The card.

    Raises:
        SettingError: a setting makes no sense for this run, or the file does not end in `.onnx`.
        DataError: the folder is not a run, or has no checkpoint yet.
        OutputError: a file exists already, or cannot be written.
        ModelError: the outputs of ONNX Runtime and PyTorch differ.
    """
    settings, target, opened = settings or Export(), Path(out), Run.open(run)
    twin = target.with_suffix(".safetensors")
    make_folder(target.parent)
    check_model_target(target, overwrite=overwrite)
    check_target(twin, overwrite=overwrite)
    if (settings.unweigh or settings.risk) and opened.bins is None:
        raise SettingError(f"{run}: trained without bins; leave --unweigh and --risk out")
    network, finished = trained_network(opened, checkpoint=settings.checkpoint)
    if settings.half:
        _round_to_half(network)
    card = _card(opened, network, finished, settings, name=target.stem)
    shift = -settings.unweigh * torch.from_numpy(opened.bins.weights).log().float() if opened.bins else None
    scale = opened.chroma_scale if card.task == "regression" else 1.0
    output = _Output(network, card.task, scale=scale, shift=shift if settings.unweigh else None).eval()

    def trials(path: Path) -> Iterator[tuple[FloatArray, FloatArray]]:
        session = Session(path, runtime="onnxruntime")
        for luma in _trial_pictures(opened, card):
            with torch.no_grad():
                given = output(torch.from_numpy(luma)[None, None])
            expected, *features = (values[0].permute(1, 2, 0).numpy() for values in given)
            yield expected, session.run(luma)
            yield from zip(features, session.features(luma).values(), strict=True)

    tolerance = HALF_TOLERANCE if settings.half else TOLERANCE
    write_model(_graph(output, card, half=settings.half), card, target, trials=trials, tolerance=tolerance)
    write_twin(network, card, twin, half=settings.half)
    return card


def trained_network(run: Run, *, checkpoint: str = "last") -> tuple[Network, dict[str, Any]]:
    """Load a run's network in inference mode, with averaged weights if the training averaged them.

    `checkpoint` is `last` or `best`.

    Returns:
        The network, and the numbers of finished `epochs` and `steps`.

    Raises:
        DataError: the run has no such checkpoint.
    """
    file = run.path / "checkpoints" / f"{checkpoint}.ckpt"
    if not file.is_file():
        raise DataError(f"{run.path}: no finished epoch yet; continue the training")
    state = torch.load(file, map_location="cpu", weights_only=False)
    prefix = "network."
    weights = {key.removeprefix(prefix): value for key, value in state["state_dict"].items() if key.startswith(prefix)}
    network = run.network()
    network.load_state_dict(weights)
    return network.eval(), {"epochs": finished_epochs(state), "steps": int(state["global_step"])}


class _Output(nn.Module):
    """The network with its output in the card's units, or its logits shifted by a number for each bin; its features."""

    shift: torch.Tensor | None

    def __init__(self, network: Network, task: str, *, scale: float, shift: torch.Tensor | None) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.scale = scale
        self.register_buffer("shift", None if shift is None else shift.view(1, -1, 1, 1))

    def forward(self, luma: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output, *features = self.network.forward_tapped(luma)
        result = self.network.finish(output, self.task)
        if self.shift is not None:
            result = result + self.shift
        return result * self.scale if self.scale != 1.0 else result, *features


def _graph(output: _Output, card: Card, *, half: bool) -> onnx.ModelProto:
    # Twice the multiple, so that no dimension is 1, which would be taken as fixed.
    example = torch.zeros(2, 1, 2 * card.multiple * 2, 3 * card.multiple * 2)
    batch = torch.export.Dim("batch", min=1)
    rows, columns = (torch.export.Dim(name, min=1, max=512) for name in ("rows", "columns"))
    model = network_graph(
        output,
        (example,),
        input_names=["luma"],
        output_names=[OUTPUTS[card.task], *card.features],
        dynamic_shapes=({0: batch, 2: card.multiple * rows, 3: card.multiple * columns},),
    )
    if half:
        store_half(model)
    # Plain names instead of the exporter's formulas for dimensions.
    prefixes = ("", "output_", *(f"{name}_" for name in card.features))
    for value, prefix in zip((model.graph.input[0], *model.graph.output), prefixes, strict=True):
        batch_size, _, *edges = value.type.tensor_type.shape.dim
        batch_size.dim_param = "batch"
        for edge, name in zip(edges, ("height", "width"), strict=True):
            edge.dim_param = prefix + name
    return model


def _round_to_half(network: nn.Module) -> None:
    with torch.no_grad():
        for weight in network.parameters():
            if weight.numel() > HALF_FROM:
                weight.copy_(weight.half().float())


def _card(run: Run, network: Network, state: dict[str, Any], settings: Export, *, name: str) -> Card:
    training = run.training
    kept = (
        *("epochs", "batch_size", "learning_rate", "weight_decay", "decay", "average", "clip", "crop", "zoom"),
        *("enlarge", "seed", "subset", "minutes"),
    )
    return Card(
        name=settings.name or name,
        network=training.network,
        options=training.to_json()["options"],
        task=training.task,
        space=training.space,
        bins=replace(run.bins, risk=settings.risk).to_card() if run.bins is not None else None,
        output_stride=network.stride,
        multiple=network.multiple,
        features=dict(network.tapped),
        data={
            "name": Path(training.data.rstrip("/")).name,
            "photographs": training.chosen(training.source("train")).count,
            "categories": list(training.categories),
        },
        training={
            **{key: getattr(training, key) for key in kept},
            "initial": Path(training.initial).name if training.initial is not None else None,
            "encoder": run.encoder,
            "chroma_scale": run.chroma_scale if training.task == "regression" else None,
            "rebalance": training.rebalance,
            "resample": training.resample,
            "unweigh": settings.unweigh,
            "augmentation": training.to_json()["augmentation"],
            "finished": state,
            "parameters": sum(weight.numel() for weight in network.parameters()),
        },
        tinct=__version__,
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        working_size=settings.working_size,
        temperature=settings.temperature,
        caution=settings.caution,
        views=settings.views,
        description=settings.description,
        licence=settings.licence or _licence(run),
        metrics=settings.metrics,
    )


def _licence(run: Run) -> str:
    if run.encoder is None:
        return "MIT"
    return f"contains pretrained weights from {run.encoder['name']}, whose terms apply; MIT for the rest"


def _trial_pictures(run: Run, card: Card) -> list[NDArray[np.float32]]:
    """Return luma pictures (H, W) of several sizes to compare outputs on: noise and photographs."""
    rng = np.random.default_rng(0)
    trials = [
        rng.random((rows * card.multiple, columns * card.multiple), np.float32) for rows, columns in ((1, 1), (3, 2))
    ]
    for split in ("val", "train"):
        for picture in pictures(run.training.source(split), limit=4):
            rows, columns = (side // card.multiple * card.multiple for side in picture.shape[:2])
            if rows and columns:
                rgb = unit_rgb(torch.from_numpy(picture[None, :rows, :columns]))
                trials.append(split_rgb(rgb, card.space)[0][0, 0].numpy())
    return trials


def read_metrics(path: str | Path) -> dict[str, Any]:
    """Read figures for a card from a JSON file.

    Raises:
        DataError: the file is missing, or is not a JSON object.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is not valid JSON ({error}); give the output of `tinct evaluate --json`") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: is not a JSON object; give the output of `tinct evaluate --json`")
    return values
