"""Change training pictures in light and grain, as old photographs vary in them, and keep their colours."""

from __future__ import annotations

import torch
from kornia.augmentation import (
    AugmentationSequential,
    RandomBrightness,
    RandomContrast,
    RandomGaussianNoise,
    RandomHorizontalFlip,
)
from torch import nn
from torch.nn import functional

from tinct.color.spaces import RGB_TO_YUV
from tinct.learn import sevenfold
from tinct.learn.settings import Augmentation


class Augmenter(nn.Module):
    """Applies an `Augmentation` to batches."""

    def __init__(self, augmentation: Augmentation) -> None:
        """Set up the transforms."""
        super().__init__()
        self.augmentation = augmentation
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

    def geometry(
        self, rgb: torch.Tensor, mask: torch.Tensor, forms: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mirror half of the pictures (N, 3, H, W) in 0..1, together with their masks (N, 1, H, W).

        With forms (N,), pictures of the mirrored form are mirrored too; see `tinct.learn.sevenfold`.
        """
        if forms is not None:
            rgb, mask = sevenfold.mirror(rgb, forms), sevenfold.mirror(mask, forms)
        if self.flip is None:
            return rgb, mask
        flipped, turned = self.flip(rgb, mask)
        return flipped, turned

    def luma(
        self, luma: torch.Tensor, rgb: torch.Tensor | None = None, forms: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Vary light and grain of luma (N, 1, H, W) in 0..1.

        With the pictures, sRGB (N, 3, H, W) in 0..1, luma may also become that of early film.
        """
        if rgb is not None and self.augmentation.film > 0:
            luma = _as_film(luma, rgb, share=self.augmentation.film)
        if self.augmentation.fading > 0:
            luma = _faded(luma, share=self.augmentation.fading)
        if self.augmentation.blur > 0:
            luma = _blurred(luma, share=self.augmentation.blur)
        return self.grain(self.light(luma), forms)

    def light(self, values: torch.Tensor) -> torch.Tensor:
        """Vary contrast and brightness of luma (N, 1, H, W), or of all channels of sRGB (N, 3, H, W), in 0..1."""
        return self.tones(values)

    def grain(self, luma: torch.Tensor, forms: torch.Tensor | None = None) -> torch.Tensor:
        """Add noise to some pictures of luma (N, 1, H, W) in 0..1; with forms (N,), also to those of a grainy form."""
        if forms is not None:
            luma = sevenfold.grain(luma, forms)
        varied = luma.clone()
        share = 0.6 / max(len(self.noises), 1)
        drawn = torch.rand(len(luma), device=luma.device)
        for place, noise in enumerate(self.noises):
            chosen = (drawn >= place * share) & (drawn < (place + 1) * share)
            if chosen.any():
                varied[chosen] = noise(varied[chosen])
        return varied.clamp(0, 1)


# Shares of red, green and blue (sRGB values) in the luma of an orthochromatic plate; those of luma are RGB_TO_YUV[0].
ORTHOCHROMATIC = (0.02, 0.53, 0.45)


def _chosen(luma: torch.Tensor, share: float) -> torch.Tensor:
    """Return (N, 1, 1, 1), at random 1 for pictures to be changed and 0 for others."""
    return (torch.rand(len(luma), 1, 1, 1, device=luma.device) < share).to(luma.dtype)


def _between(luma: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Return a random number for each picture, (N, 1, 1, 1) in low..high."""
    return low + (high - low) * torch.rand(len(luma), 1, 1, 1, device=luma.device)


def _as_film(luma: torch.Tensor, rgb: torch.Tensor, *, share: float) -> torch.Tensor:
    """Move luma towards that of an orthochromatic emulsion, by a random amount."""
    change = torch.tensor(ORTHOCHROMATIC) - torch.as_tensor(RGB_TO_YUV[0])
    difference = torch.einsum("c,nchw->nhw", change.to(rgb), rgb)[:, None]
    return (luma + _chosen(luma, share) * _between(luma, 0.0, 1.0) * difference).clamp(0, 1)


def _faded(luma: torch.Tensor, *, share: float) -> torch.Tensor:
    """Apply a random gamma to luma, and squeeze it between a random black and white."""
    gamma = torch.exp(_between(luma, -0.5, 0.5))
    black, white = _between(luma, 0.0, 0.3), _between(luma, 0.7, 1.0)
    squeezed = black + (white - black) * luma.clamp(1e-4, 1) ** gamma
    return torch.lerp(luma, squeezed, _chosen(luma, share))


def _blurred(luma: torch.Tensor, *, share: float) -> torch.Tensor:
    """Put some pictures out of focus: halve their size and enlarge them again."""
    size = luma.shape[-2:]
    soft = functional.interpolate(functional.avg_pool2d(luma, 2), size=size, mode="bilinear", align_corners=False)
    return torch.lerp(luma, soft, _chosen(luma, share) * _between(luma, 0.3, 1.0))
