"""Load a training's initial weights: from a model file, its `.safetensors` twin, or a pretrained encoder.

In a model file, batch norms are folded into the convolutions before them. They are unfolded with the help of
photographs: each norm gets the statistics of its input there, and the scale and shift that undo them. The twin holds
the network as it was trained, with the same card.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

from tinct.data.source import Source
from tinct.errors import ModelError
from tinct.learn.networks.backbones import BACKBONES, load_backbone
from tinct.learn.networks.layers import Backbone, EncoderNetwork, Network
from tinct.learn.networks.registry import FAMILIES
from tinct.learn.photo_stream import Crop, PhotoStream, loader
from tinct.learn.settings import Training
from tinct.learn.tasks import split_rgb, unit_rgb
from tinct.runtime.modelfile import METADATA_KEY, Card, find_model, list_models, read_card


@dataclass(frozen=True, eq=False)
class Encoder:
    """A pretrained encoder, with the name and the SHA-256 of its file of weights."""

    backbone: Backbone
    name: str
    sha256: str


def read_encoder(training: Training) -> Encoder | None:
    """Load the pretrained encoder that a training starts from; None if it has no encoder, or starts otherwise.

    If the training names no file, the weights of an installed package are used.

    Raises:
        ModelError: the file is missing or damaged, or belongs to another network.
    """
    family = FAMILIES[training.network]
    if not issubclass(family, EncoderNetwork):
        return None
    file = training.encoder_weights
    if file is None:
        file = BACKBONES[family.backbone].packaged_weights()
        if file is None or training.from_scratch or training.initial is not None:
            return None
    backbone, digest = load_backbone(file, family.backbone, head=False)
    return Encoder(backbone, Path(file).name, digest)


def load_start(network: Network, training: Training, source: Source, encoder: Encoder | None) -> None:
    """Load a training's initial weights into its network."""
    if training.initial is not None:
        load_weights(network, training.initial, training_luma(training, source))
    elif encoder is not None and isinstance(network, EncoderNetwork):
        network.encoder.load_state_dict(encoder.backbone.state_dict())


def training_luma(training: Training, source: Source) -> Iterator[torch.Tensor]:
    """Yield luma of training photographs (64, 1, H, W) in 0..1, without end."""
    crop = Crop.of(training, "val")
    stream = PhotoStream(source, crop=crop, batch_size=64, seed=training.seed, epoch=0, endless=True)
    for batch in loader(stream, workers=0):
        yield split_rgb(unit_rgb(batch["rgb"]), training.space)[0]


def read_initial_card(initial: str | Path) -> Card:
    """Read the card of a training's initial weights: of a model's name, a model file, or a `.safetensors` twin.

    Raises:
        ModelError: the file is missing, damaged, or not from tinct.
    """
    return _read_twin_card(Path(initial)) if _is_twin(initial) else read_card(initial)


def load_weights(network: Network, initial: str | Path, pictures: Iterable[torch.Tensor]) -> None:
    """Load weights, named as for `read_initial_card`, into a network of the same kind.

    `pictures` yields luma (N, 1, H, W) in 0..1, in a size that the network takes. One batch of some dozens of
    photographs is used, and only for a model file with folded batch norms.

    Raises:
        ModelError: the file is missing or damaged, or belongs to another network.
    """
    card = read_initial_card(initial)
    state = _twin_weights(Path(initial)) if _is_twin(initial) else _graph_weights(find_model(initial))
    folded = _take_folded_norms(network, state)
    try:
        missing, unknown = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ModelError(
            f"{initial}: the weights belong to another network ({str(error).strip().splitlines()[-1].strip()})"
        ) from error
    norms = {f"{name}.{key}" for name, module, _ in folded for key in module.state_dict()}
    if unknown or set(missing) - norms:
        raise ModelError(
            f"{initial}: the weights belong to another network than '{card.network}' with these options, or their "
            f"batch norms cannot be unfolded ({[*unknown, *sorted(set(missing) - norms)][0]}); "
            "start from the .safetensors file that `tinct export` wrote beside it"
        )
    if folded:
        _unfold(network, folded, next(iter(pictures)))


_Folded = tuple[str, nn.BatchNorm2d, torch.Tensor]


def _is_twin(initial: str | Path) -> bool:
    return Path(initial).suffix == ".safetensors" and initial not in list_models()


def _read_twin_card(file: Path) -> Card:
    if not file.is_file():
        raise ModelError(f"{file}: no such file of weights; check the path")
    try:
        with safe_open(file, framework="pt") as weights:
            metadata = weights.metadata() or {}
    except Exception as error:  # safetensors' own error class is not public
        raise ModelError(f"{file}: is not a .safetensors file, or is damaged ({error}); get it again") from error
    if METADATA_KEY not in metadata:
        raise ModelError(f"{file}: has weights, but no tinct card; use the file that `tinct export` wrote")
    return Card.from_json(metadata[METADATA_KEY], source=str(file))


def _twin_weights(file: Path) -> dict[str, torch.Tensor]:
    with safe_open(file, framework="pt") as weights:
        state = {key: weights.get_tensor(key) for key in weights.keys()}  # noqa: SIM118 - no mapping
    return {key: value.float() if value.dtype == torch.half else value for key, value in state.items()}


def _graph_weights(file: Path) -> dict[str, torch.Tensor]:
    """Return a graph's named weights; the shifts of folded batch norms are named `<convolution>.weight_bias`."""
    import onnx
    from onnx import numpy_helper

    prefix = "network."
    graph = onnx.load(file, load_external_data=False).graph
    return {
        item.name.removeprefix(prefix).removesuffix(".half"): torch.from_numpy(
            numpy_helper.to_array(item).copy()
        ).float()
        for item in graph.initializer
        if item.name.startswith(prefix)
    }


def _take_folded_norms(network: Network, state: dict[str, torch.Tensor]) -> list[_Folded]:
    """Move the shifts of folded batch norms out of the weights; return them with the norms after their convolutions."""
    folded = []
    convolution = None
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            convolution = name
        elif (
            isinstance(module, nn.BatchNorm2d) and (shift := state.pop(f"{convolution}.weight_bias", None)) is not None
        ):
            folded.append((name, module, shift))
    return folded


def _unfold(network: Network, folded: list[_Folded], luma: torch.Tensor) -> None:
    """Set each norm's statistics to those of its input, and its scale and bias so that it only adds its shift."""

    def meet(norm: nn.BatchNorm2d, shift: torch.Tensor, values: torch.Tensor) -> None:
        variance, mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)
        state = {
            "running_mean": mean,
            "running_var": variance,
            "weight": (variance + norm.eps).sqrt(),
            "bias": mean + shift,
        }
        norm.load_state_dict(state, strict=False)

    hooks = [
        norm.register_forward_pre_hook(lambda module, inputs, shift=shift: meet(module, shift, inputs[0]))
        for _, norm, shift in folded
    ]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(luma)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
