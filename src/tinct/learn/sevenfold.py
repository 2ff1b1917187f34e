"""Show each photograph in seven forms, as Billaut, de Rochemonteix & Thibault 2018 do (section 3.2).

The forms are: unchanged, mirrored, with grain of three strengths, and two random crops: "the size of our training set
is dilated sevenfold". Contrast and brightness do not change. Only the luma that the network sees has grain.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from tinct.data.source import Sample
from tinct.learn.settings import FORMS

MIRRORED = 1  # index of the mirrored form
GRAINS = {2: 1e-4, 3: 2e-4, 4: 3e-4}  # index of a grainy form -> variance of the grain on luma in 0..1
PIECES = (5, 6)  # indices of the cropped forms
PIECE = 0.7  # edges of the crops, as a share of the photograph's


def in_forms(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Yield each photograph seven times, with `form` 0 to 6 in its card."""
    for content, card in samples:
        for form in range(FORMS):
            yield content, {**card, "form": form}


def piece(picture: NDArray[np.uint8], form: int, rng: random.Random) -> NDArray[np.uint8]:
    """Return a random crop (H, W, 3) of a photograph if `form` is a cropped form, otherwise the whole photograph."""
    if form not in PIECES:
        return picture
    height, width = (max(1, round(PIECE * edge)) for edge in picture.shape[:2])
    top, left = rng.randint(0, picture.shape[0] - height), rng.randint(0, picture.shape[1] - width)
    return picture[top : top + height, left : left + width]


def mirror(values: torch.Tensor, forms: torch.Tensor) -> torch.Tensor:
    """Return values (N, C, H, W), mirrored left to right if their form (N,) is the mirrored one."""
    return torch.where((forms == MIRRORED).view(-1, 1, 1, 1), values.flip(-1), values)


def grain(luma: torch.Tensor, forms: torch.Tensor) -> torch.Tensor:
    """Return luma (N, 1, H, W) in 0..1 with the grain of the forms (N,)."""
    spread = torch.zeros(FORMS, device=luma.device)
    for form, variance in GRAINS.items():
        spread[form] = variance**0.5
    return (luma + spread[forms].view(-1, 1, 1, 1) * torch.randn_like(luma)).clamp(0, 1)
