"""Changes to training pictures that keep their colours right: photographs from other times vary in light and grain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from kornia.augmentation import (
    AugmentationSequential,
    RandomBrightness,
    RandomContrast,
    RandomGaussianNoise,
    RandomHorizontalFlip,
)
from torch import nn


@dataclass(frozen=True)
class Augmentation:
    """Which changes are made; cropping and scaling are the data stream's (`tinct.learn.photo_stream.Crop`).

    Attributes:
        flip: mirror half of the pictures.
        random_crop: crops lie anywhere and at several scales; otherwise in the middle.
        noise: variances of Gaussian noise on luma (0..1), each added to an equal share of 60 % of the pictures.
        contrast: luma contrast is multiplied by 1 - contrast to 1 + contrast.
        brightness: luma is shifted by up to this, either way.
    """

    flip: bool = True
    random_crop: bool = True
    noise: tuple[float, ...] = (1e-4, 3e-4, 1e-3, 3e-3)
    contrast: float = 0.25
    brightness: float = 0.1


class Augmenter(nn.Module):
    """Applies an `Augmentation` to batches."""

    def __init__(self, augmentation: Augmentation) -> None:
        """Set up the transforms."""
        super().__init__()
        self.flip = (
            AugmentationSequential(RandomHorizontalFlip(p=0.5), data_keys=["input", "mask"])
            if augmentation.flip
            else None
        )
        tones: list[nn.Module] = []
        if augmentation.contrast > 0:
            tones.append(RandomContrast((1 - augmentation.contrast, 1 + augmentation.contrast), p=0.5))
        if augmentation.brightness > 0:
            tones.append(RandomBrightness((1 - augmentation.brightness, 1 + augmentation.brightness), p=0.5))
        self.tones = nn.Sequential(*tones)
        self.noises = nn.ModuleList(RandomGaussianNoise(std=variance**0.5, p=1.0) for variance in augmentation.noise)

    def geometry(self, rgb: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mirror pictures (N, 3, H, W) in 0..1 together with their masks (N, 1, H, W)."""
        if self.flip is None:
            return rgb, mask
        flipped, turned = self.flip(rgb, mask)
        return flipped, turned

    def luma(self, luma: torch.Tensor) -> torch.Tensor:
        """Vary light and grain of luma (N, 1, H, W) in 0..1; chroma stays as it was."""
        return self.grain(self.light(luma))

    def light(self, values: torch.Tensor) -> torch.Tensor:
        """Vary contrast and brightness of luma (N, 1, H, W), or of all channels of sRGB (N, 3, H, W), in 0..1."""
        varied: torch.Tensor = self.tones(values)
        return varied

    def grain(self, luma: torch.Tensor) -> torch.Tensor:
        """Add noise to some of luma (N, 1, H, W) in 0..1."""
        varied = luma.clone()
        share = 0.6 / max(len(self.noises), 1)
        drawn = torch.rand(len(luma), device=luma.device)
        for place, noise in enumerate(self.noises):
            chosen = (drawn >= place * share) & (drawn < (place + 1) * share)
            if chosen.any():
                varied[chosen] = noise(varied[chosen])
        limited: torch.Tensor = varied.clamp(0, 1)
        return limited
