"""The `.safetensors` twin of a model file: the same card, and weights to train on from."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from tinct.errors import ModelError
from tinct.learn.networks.layers import Network
from tinct.media.files import written_beside
from tinct.runtime.modelfile import METADATA_KEY, Card

# Tensors larger than this many numbers are stored in half precision; what is computed stays single precision.
HALF_FROM = 1024


def write_twin(network: Network, card: Card, path: Path, *, half: bool) -> None:
    """Write a network's weights with its card, large ones in half precision where asked for.

    Raises:
        OutputError: the file cannot be written; nothing is left behind.
    """
    state = {
        key: (value.half() if half and value.is_floating_point() and value.numel() > HALF_FROM else value).contiguous()
        for key, value in network.state_dict().items()
    }
    content = save(state, metadata={METADATA_KEY: card.to_json()})
    with written_beside(path) as partial:
        partial.write_bytes(content)


def read_twin_card(path: str | Path) -> Card:
    """Read the card of a `.safetensors` twin.

    Raises:
        ModelError: the file is missing, damaged, or not one of tinct's.
    """
    file = Path(path)
    if not file.is_file():
        raise ModelError(f"{path}: no such file of weights")
    try:
        with safe_open(file, framework="pt") as weights:
            metadata = weights.metadata() or {}
    except Exception as error:  # safetensors' own error class is not public
        raise ModelError(f"{path}: no .safetensors file, or a damaged one ({error})") from error
    if METADATA_KEY not in metadata:
        raise ModelError(f"{path}: weights without a tinct card; use the twin that `tinct export` wrote")
    return Card.from_json(metadata[METADATA_KEY], source=str(path))


def load_weights(network: Network, path: str | Path) -> None:
    """Load the weights of a twin into a network of the same make.

    Raises:
        ModelError: the file is missing or damaged, or belongs to another network.
    """
    read_twin_card(path)
    with safe_open(Path(path), framework="pt") as weights:
        state = {key: weights.get_tensor(key) for key in weights.keys()}  # noqa: SIM118 - no mapping
    try:
        network.load_state_dict(
            {key: value.float() if value.dtype == torch.half else value for key, value in state.items()}
        )
    except RuntimeError as error:
        raise ModelError(f"{path}: the weights belong to another network ({str(error).splitlines()[0]})") from error
