"""Sheets of validation photographs, drawn after each epoch: grey, predicted, true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from tinct.color.spaces import chroma_space
from tinct.learn.data import Crop, Source, cut, pictures

if TYPE_CHECKING:
    from tinct.learn.tasks import ColorizeTask

import random


class SampleSheets(Callback):
    """Writes `epoch-NNN.png`, one row per photograph: grey, predicted, true."""

    def __init__(self, source: Source, folder: Path, *, count: int = 12, size: int = 160) -> None:
        """Choose the first `count` photographs of a source, shown at `size` pixels."""
        super().__init__()
        self._folder = folder
        crop = Crop(size, zoom=1.0, random=False)
        self._squares = [cut(picture, crop, random.Random(0))[0] for picture in pictures(source, limit=count)]

    def on_validation_epoch_end(self, trainer: Trainer, task: LightningModule) -> None:
        """Draw the sheet."""
        if trainer.is_global_zero and not trainer.sanity_checking:
            self._folder.mkdir(parents=True, exist_ok=True)
            sheet = draw(task, self._squares)
            path = self._folder / f"epoch-{trainer.current_epoch:03d}.png"
            cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def draw(task: ColorizeTask, squares: list[np.ndarray]) -> np.ndarray:
    """Draw a sheet.

    Args:
        task: the training, whose network predicts.
        squares: pictures (size, size, 3) sRGB uint8, size a multiple of the network's.

    Returns:
        (rows, columns, 3) sRGB uint8.
    """
    space = chroma_space(task.space)
    rgb = np.stack(squares).astype(np.float32) / 255
    luma, _ = space.split(rgb)
    with torch.no_grad():
        chroma = task.decode(task(torch.from_numpy(luma)[:, None].to(task.device))).cpu()
    size = rgb.shape[1]
    larger = torch.nn.functional.interpolate(chroma, size=(size, size), mode="bilinear").permute(0, 2, 3, 1).numpy()
    painted = np.clip(space.join(luma, larger), 0, 1)
    grey = np.repeat(luma[..., None], 3, axis=-1)
    half = (len(rgb) + 1) // 2
    cells = [np.concatenate(row, axis=1) for row in zip(grey, painted, rgb, strict=True)]
    if len(cells) % 2:
        cells.append(np.zeros_like(cells[0]))
    sheet = np.concatenate([np.concatenate(cells[:half]), np.concatenate(cells[half:])], axis=1)
    return (sheet * 255 + 0.5).astype(np.uint8)
