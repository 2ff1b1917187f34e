"""How a training begins: a new folder or one to go on with, bins, and the weights it starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tinct.color.bins import ColorBins
from tinct.data.source import Source, pictures
from tinct.errors import SettingError
from tinct.files import make_folder
from tinct.learn.networks.backbone import Backbone
from tinct.learn.networks.backbones import BACKBONES, load_backbone
from tinct.learn.networks.layers import EncoderNetwork, Network
from tinct.learn.networks.registry import FAMILIES
from tinct.learn.photo_stream import Crop, PhotoStream, loader
from tinct.learn.run import OLD_CHROMA_SCALES, Run
from tinct.learn.settings import Training
from tinct.learn.tasks import CHROMA_SCALES, split_rgb
from tinct.learn.weights import load_weights, read_initial_card


@dataclass(frozen=True, eq=False)
class Encoder:
    """Pretrained weights of an encoder.

    Attributes:
        backbone: it, loaded.
        name: the file's name.
        sha256: the file's.
    """

    backbone: Backbone
    name: str
    sha256: str


def read_encoder(training: Training) -> Encoder | None:
    """Load the weights that a training's encoder starts from; None where it starts otherwise, or there is no encoder.

    Those that come with an installed package are taken where the training names none.

    Raises:
        ModelError: the file is missing, damaged, or another network's.
    """
    family = FAMILIES[training.network].build
    if not (isinstance(family, type) and issubclass(family, EncoderNetwork)):
        return None
    file = training.encoder_weights
    if file is None:
        file = BACKBONES[family.backbone].packaged_weights()
        if file is None or training.from_scratch or training.initial is not None:
            return None
    backbone, digest = load_backbone(file, family.backbone, head=False)
    return Encoder(backbone, Path(file).name, digest)


def training_luma(training: Training, source: Source) -> Iterator[torch.Tensor]:
    """Return luma of training photographs (N, 1, H, W), 64 at a time, as many as there are."""
    crop = Crop(training.crop, zoom=1.0, random=False)
    stream = PhotoStream(source, crop=crop, batch_size=64, seed=training.seed, epoch=0, endless=True, rank=0, ranks=1)
    for batch in loader(stream, workers=0):
        yield split_rgb(batch["rgb"].permute(0, 3, 1, 2).float() / 255, training.space)[0]


def begin_run(folder: Path, training: Training, source: Source, encoder: Encoder | None) -> Run:
    """Start a run's folder: learn the bins and write them down.

    Raises:
        SettingError: the folder holds a training already, or the model to start from is for something else.
    """
    if (folder / "config.json").exists():
        raise SettingError(f"{folder} holds a training already; add --resume to go on with it, or name another folder")
    bins = None
    scale = CHROMA_SCALES[training.space]
    told = None if encoder is None else {"name": encoder.name, "sha256": encoder.sha256}
    if training.initial is not None:
        card = read_initial_card(training.initial)
        if (card.network, card.task, card.space) != (training.network, training.task, training.space):
            raise SettingError(
                f"{training.initial} holds a network '{card.network}' for {card.task} in {card.space}; train the same"
            )
        bins = card.color_bins()
        scale = float(card.training.get("chroma_scale") or OLD_CHROMA_SCALES[training.space])
        told = card.training.get("encoder")
    elif training.task == "bins":
        bins = learn_bins(training, source)
    make_folder(folder)
    run = Run(folder, training, bins, scale, told)
    run.save()
    return run


def learn_bins(training: Training, source: Source) -> ColorBins:
    """Learn colour bins from a training's photographs, as its settings say."""
    return ColorBins.learn(
        pictures(source, limit=training.bins_from),
        space=training.space,
        grid=training.grid,
        bins=training.bins,
        rebalance=training.rebalance,
    )


def load_start(network: Network, training: Training, source: Source, encoder: Encoder | None) -> None:
    """Put the weights that a training starts from into its network."""
    if training.initial is not None:
        load_weights(network, training.initial, training_luma(training, source))
    elif encoder is not None and isinstance(network, EncoderNetwork):
        network.encoder.load_state_dict(encoder.backbone.state_dict())


def resume_run(folder: Path, training: Training, encoder: Encoder | None) -> Run:
    """Open a run to go on with, and take over what may have changed.

    Raises:
        SettingError: something changed that may not.
        DataError: the folder is no run.
    """
    run = Run.open(folder)
    before, now = run.training.to_json(), training.to_json()
    fixed = (
        *("network", "options", "task", "space", "grid", "bins", "rebalance", "seed", "val", "initial"),
        *("from_scratch", "subset", "categories", "resample"),
    )
    if (before["average"] > 0) != (now["average"] > 0):
        raise SettingError(f"{folder} was begun {'with' if before['average'] else 'without'} an average; keep it so")
    if changed := [name for name in fixed if before[name] != now[name]]:
        raise SettingError(f"{folder} was begun with another {', '.join(changed)}; resume with the same, or start anew")
    if encoder is not None and run.encoder is not None and encoder.sha256 != run.encoder["sha256"]:
        raise SettingError(f"{folder} was begun with other encoder weights ({run.encoder['name']}); give the same file")
    if training.learning_rate == "auto":
        training = replace(training, learning_rate=run.training.learning_rate)
    run = replace(run, training=training)
    run.save()
    return run
