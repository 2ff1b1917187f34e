"""From a run to a model file: an ONNX graph with its card, and a `.safetensors` twin to train on from."""

from __future__ import annotations

import datetime
import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from tinct import __version__
from tinct.data.source import open_source, pictures, select
from tinct.errors import DataError, ModelError, OutputError, SettingError
from tinct.files import make_folder, written_beside
from tinct.learn.networks.layers import Network
from tinct.learn.run import Run, finished_epochs
from tinct.learn.tasks import split_rgb
from tinct.learn.weights import HALF_FROM, write_twin
from tinct.runtime import VIEWS
from tinct.runtime.modelfile import METADATA_KEY, OUTPUTS, Card
from tinct.runtime.session import Session

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-3


def export(
    run: str | Path,
    out: str | Path,
    *,
    name: str | None = None,
    checkpoint: str = "last",
    working_size: int = 192,
    temperature: float = 0.5,
    caution: float = 0.0,
    unweigh: float = 0.0,
    views: int = 1,
    half: bool = False,
    description: str = "",
    licence: str | None = None,
    metrics: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> Card:
    """Write a run's network as a model file and its twin.

    The file is tried before it gets its name: ONNX Runtime must give what PyTorch gives, within 1e-3, on noise and on
    validation photographs of several sizes.

    Args:
        run: the folder of a training.
        out: the model file, ending in `.onnx`; the twin beside it ends in `.safetensors`.
        name: the model's name; the file's without it.
        checkpoint: `last` or `best` (by validation loss).
        working_size: the size at which the network looks at pictures, see `Card.working_size`.
        temperature: the default temperature of decoding.
        caution: the default caution of decoding, 0..4; see `tinct.color.decoding.annealed_mean`.
        unweigh: share of the bins' weights that is taken back from the logits, 0..1: the training made rare colours
            weigh more; 0 leaves it at that, which is vivid, 1 gives colours as likely as they are, which is cautious.
            The logit adjustment of Menon et al. 2021, the other way round.
        views: the default number of views of a photograph that are averaged: 1, 2 or 4.
        half: store the weights in half precision, which halves the files.
        description: one sentence for a person.
        licence: under which terms the weights may be used; MIT without it, or, of a model that holds an encoder's
            pretrained weights, theirs, by the name of their file.
        metrics: what an evaluation found, for the card.
        overwrite: replace files that are there already.

    Returns:
        The card.

    Raises:
        SettingError: a setting makes no sense.
        DataError: the run is none, or has no checkpoint yet.
        OutputError: the file exists already, or cannot be written.
        ModelError: ONNX Runtime and PyTorch do not agree.
    """
    target = Path(out)
    twin = target.with_suffix(".safetensors")
    if target.suffix != ".onnx":
        raise SettingError(f"{out}: a model file must end in .onnx")
    if not overwrite and (found := [path for path in (target, twin) if path.exists()]):
        raise OutputError(f"{found[0]} exists already; add --overwrite to replace it")
    if not 0 <= unweigh <= 1:
        raise SettingError(f"unweigh must lie in 0..1, not {unweigh}")
    if views not in VIEWS:
        raise SettingError(f"there can be 1, 2 or 4 views, not {views}")
    opened = Run.open(run)
    if unweigh and opened.bins is None:
        raise SettingError(f"{run}: trained by regression, there are no weights to take back; leave --unweigh out")
    network, state = trained_network(opened, checkpoint=checkpoint)
    if half:
        _round_to_half(network)
    card = _card(
        opened,
        network,
        state,
        name=name or target.stem,
        working_size=working_size,
        temperature=temperature,
        caution=caution,
        unweigh=unweigh,
        views=views,
        licence=licence or _licence(opened),
        description=description,
        metrics=metrics or {},
    )
    output = _Output(
        network,
        card.task,
        scale=opened.chroma_scale if card.task == "regression" else 1.0,
        shift=-unweigh * torch.from_numpy(opened.bins.weights).log().float() if opened.bins and unweigh else None,
    ).eval()
    make_folder(target.parent)
    with written_beside(target) as partial:
        _write_onnx(output, card, partial, half=half)
        check_agreement(output, partial, _trial_pictures(opened, card))
    write_twin(network, card, twin, half=half)
    return card


class _Output(nn.Module):
    """The network with its output in the card's units, or its logits shifted by a number for each bin."""

    shift: torch.Tensor | None

    def __init__(self, network: Network, task: str, *, scale: float, shift: torch.Tensor | None) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.scale = scale
        self.register_buffer("shift", None if shift is None else shift.view(1, -1, 1, 1))

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        result = self.network.finish(self.network(luma), self.task)
        if self.shift is not None:
            result = result + self.shift
        return result * self.scale if self.scale != 1.0 else result


def trained_network(run: Run, *, checkpoint: str = "last") -> tuple[Network, dict[str, Any]]:
    """Load a run's network, in inference mode, with its averaged weights where the training kept an average.

    Args:
        run: the run.
        checkpoint: `last` or `best`.

    Returns:
        The network and what the checkpoint says of the training (epoch, step).

    Raises:
        SettingError: no such kind of checkpoint.
        DataError: the run has none yet.
    """
    if checkpoint not in {"last", "best"}:
        raise SettingError(f"checkpoint must be last or best, not '{checkpoint}'")
    file = run.path / "checkpoints" / f"{checkpoint}.ckpt"
    if not file.is_file():
        raise DataError(f"{run.path}: no finished epoch yet; let the training run on")
    state = torch.load(file, map_location="cpu", weights_only=False)
    prefix = "network."
    weights = {key.removeprefix(prefix): value for key, value in state["state_dict"].items() if key.startswith(prefix)}
    network = run.network()
    network.load_state_dict(weights)
    return network.eval(), {"epochs": finished_epochs(state), "steps": int(state["global_step"])}


def _round_to_half(network: nn.Module) -> None:
    with torch.no_grad():
        for weight in network.parameters():
            if weight.numel() > HALF_FROM:
                weight.copy_(weight.half().float())


def _card(run: Run, network: Network, state: dict[str, Any], *, name: str, unweigh: float, **values: Any) -> Card:
    training = run.training
    kept = (
        *("epochs", "batch_size", "learning_rate", "weight_decay", "decay", "average", "clip", "crop", "zoom"),
        *("enlarge", "seed", "subset", "minutes"),
    )
    source = select(
        open_source(training.data, split="train", val=training.val, seed=training.seed),
        subset=training.subset,
        categories=training.categories,
        seed=training.seed,
    )
    return Card(
        name=name,
        network=training.network,
        options=training.to_json()["options"],
        task=training.task,
        space=training.space,
        bins=run.bins.to_card() if run.bins is not None else None,
        output_stride=network.stride,
        multiple=network.multiple,
        data={
            "name": Path(training.data.rstrip("/")).name,
            "photographs": source.count,
            "categories": list(training.categories),
        },
        training={
            **{key: getattr(training, key) for key in kept},
            "initial": Path(training.initial).name if training.initial is not None else None,
            "encoder": run.encoder,
            "chroma_scale": run.chroma_scale if training.task == "regression" else None,
            "rebalance": training.rebalance,
            "resample": training.resample,
            "unweigh": unweigh,
            "augmentation": training.to_json()["augmentation"],
            "finished": state,
            "parameters": sum(weight.numel() for weight in network.parameters()),
        },
        tinct=__version__,
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        **values,
    )


def _licence(run: Run) -> str:
    if run.encoder is None:
        return "MIT"
    return f"holds weights of others, from {run.encoder['name']}: their terms apply; MIT for the rest"


def _write_onnx(output: _Output, card: Card, path: Path, *, half: bool) -> None:
    import onnx

    # Twice the multiple, so that no dimension is 1 and taken for fixed.
    example = torch.zeros(2, 1, 2 * card.multiple * 2, 3 * card.multiple * 2)
    batch = torch.export.Dim("batch", min=1)
    rows, columns = (torch.export.Dim(name, min=1, max=512) for name in ("rows", "columns"))
    model = onnx_graph(
        output,
        example,
        input_name="luma",
        output_name=OUTPUTS[card.task],
        dynamic_shapes={0: batch, 2: card.multiple * rows, 3: card.multiple * columns},
    )
    if half:
        _store_half(model)
    _name_dimensions(model, card)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def onnx_graph(
    network: nn.Module, example: torch.Tensor, *, input_name: str, output_name: str, dynamic_shapes: dict[int, Any]
) -> onnx.ModelProto:
    """Convert a network of one input and one output to ONNX.

    Args:
        network: in inference mode.
        example: an input.
        input_name: the graph's.
        output_name: the graph's.
        dynamic_shapes: the input's axes that may have another length, as `torch.export` takes them.
    """
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (example,),
                input_names=[input_name],
                output_names=[output_name],
                dynamic_shapes=(dynamic_shapes,),
                dynamo=True,
                optimize=True,
                verbose=False,
            )
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    if program is None:
        raise ModelError("PyTorch gave no ONNX graph")
    model: onnx.ModelProto = program.model_proto
    # The exporter notes where in which file each node comes from: paths of this machine, of no use to anyone else.
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        del part.metadata_props[:]
    return model


def _name_dimensions(model: onnx.ModelProto, card: Card) -> None:
    """Return the graph's dimensions plain names: what the exporter derives reads as formulas."""
    names = {
        model.graph.input[0].name: ("batch", None, "height", "width"),
        model.graph.output[0].name: ("batch", None, "output_height", "output_width"),
    }
    for value in (*model.graph.input, *model.graph.output):
        for dimension, name in zip(value.type.tensor_type.shape.dim, names[value.name], strict=True):
            if name is not None:
                dimension.dim_param = name


def _store_half(model: onnx.ModelProto) -> None:
    """Store large weights as float16, each turned to float32 by a Cast, which runtimes do once when they load."""
    import onnx
    from onnx import helper, numpy_helper

    casts = []
    for index, weight in enumerate(model.graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size <= HALF_FROM:
            continue
        name = weight.name
        model.graph.initializer[index].CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _trial_pictures(run: Run, card: Card) -> list[np.ndarray]:
    """Return luma pictures (H, W) to compare on: noise, and validation photographs, of several sizes."""
    rng = np.random.default_rng(0)
    trials = [
        rng.random((rows * card.multiple, columns * card.multiple), np.float32) for rows, columns in ((1, 1), (3, 2))
    ]
    for split in ("val", "train"):
        source = open_source(run.training.data, split=split, val=run.training.val, seed=run.training.seed)
        for picture in pictures(source, limit=4):
            rows, columns = (side // card.multiple * card.multiple for side in picture.shape[:2])
            if rows and columns:
                rgb = torch.from_numpy(picture[:rows, :columns]).permute(2, 0, 1)[None].float() / 255
                trials.append(split_rgb(rgb, card.space)[0][0, 0].numpy())
    return trials


def check_agreement(output: nn.Module, path: Path, trials: list[np.ndarray]) -> float:
    """Compare PyTorch's output with ONNX Runtime's.

    Args:
        output: the module that was exported.
        path: the model file.
        trials: luma pictures (H, W), sides multiples of the model's.

    Returns:
        The largest difference found, relative to the output's largest value where that is above 1.

    Raises:
        ModelError: it is above 1e-3.
    """
    session = Session(path, runtime="onnxruntime")
    largest = 0.0
    for luma in trials:
        with torch.no_grad():
            expected = output(torch.from_numpy(luma)[None, None])[0].permute(1, 2, 0).numpy()
        found = session.run(luma)
        largest = max(largest, float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max()))))
    if not largest <= TOLERANCE:
        raise ModelError(f"PyTorch and ONNX Runtime differ by {largest:.2g}, more than {TOLERANCE}: not exported")
    return largest


def read_metrics(path: str | Path) -> dict[str, Any]:
    """Read figures for a card from a JSON file.

    Raises:
        DataError: the file is missing or holds no JSON object.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no readable JSON ({error})") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: must hold a JSON object, as `tinct evaluate --json` prints")
    return values
