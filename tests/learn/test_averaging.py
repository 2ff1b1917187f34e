"""The average of the weights: its batch norms know their input."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import BatchNorm2d
from torch.optim.swa_utils import update_bn

from tinct.data.source import open_source
from tinct.learn.export import trained_network
from tinct.learn.settings import AUGMENTATIONS, Training
from tinct.learn.streams import Streams
from tinct.learn.tasks import split_rgb
from tinct.learn.train import train


def _training(photos: Path, **options: bool) -> Training:
    return Training(
        data=str(photos), network="bottleneck", options={"width": 4, **options}, epochs=1, batch_size=8, crop=32,
        workers=0, bins=8, bins_from=10, average=0.9, learning_rate=3e-2, precision="float32", devices="cpu",
        augmentation=AUGMENTATIONS["none"],
    )  # fmt: skip


def test_batch_norms_of_the_average_are_measured_as_pytorch_does(photo_folder: Path, tmp_path: Path) -> None:
    training = _training(photo_folder)
    run = train(training, tmp_path / "run")
    network, _ = trained_network(run)
    measured = {name: value.clone() for name, value in network.state_dict().items() if "running" in name}
    sources = [open_source(training.data, split=split, val=0.1) for split in ("train", "val")]
    streams = Streams(run.training, *sources)
    steps = training.steps_of_epoch(sources[0].count)
    lumas = [
        split_rgb(batch["rgb"].permute(0, 3, 1, 2).float() / 255, "yuv")[0]
        for _, batch in zip(range(steps), streams.train_dataloader(), strict=False)
    ]
    update_bn(lumas, network)
    assert measured
    for name, value in measured.items():
        torch.testing.assert_close(value, network.state_dict()[name], rtol=1e-3, atol=1e-5, msg=name)


def test_batch_norms_that_stay_in_inference_mode_are_left_alone(photo_folder: Path, tmp_path: Path) -> None:
    run = train(_training(photo_folder, as_published=True), tmp_path / "run")
    network, _ = trained_network(run)
    norms = [part for part in network.modules() if isinstance(part, BatchNorm2d)]
    assert len(norms) == 3
    for norm in norms:
        assert norm.running_mean is not None
        assert norm.running_mean.eq(0).all()
