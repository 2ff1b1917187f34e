"""The network that tells which pixels belong to the thing at a click, from an encoder's features of the picture.

This is interactive segmentation as in FocalClick (Chen et al. 2022) and SimpleClick (Liu et al. 2023): the encoder's
features are computed once for a picture, and each click only runs this small network on them. Features at the click are
compared with those everywhere, at 1/32 to 1/4 of the size, and the differences are combined from coarse to fine. At
each size residual blocks carry what they say on to the thing's borders; luma shows where these are.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from tinct.runtime.thing import FEATURES

_LOOK = (12, 24, 32, 32)  # channels of luma at 1/4 and of features at 1/8, 1/16 and 1/32, as they are compared
_JOIN = (16, 32, 48, 48)  # channels of the combined differences at the same sizes
_LINES = 16  # channels of the edges in luma, at 1/4 of the size
# Width of the neighbourhood that counts as the click's place at each of these sizes, in pixels of 1/4 of the size.
_PLACE = (1.0, 1.5, 3.0, 6.0)
# Scales at which the network gets the nearness of the click, in pixels of 1/4 of the size.
_NEAR = (2.0, 6.0, 20.0)


class ThingHead(nn.Module):
    """Log odds that each pixel belongs to the thing at a click, from features of the picture."""

    def __init__(self, channels: Mapping[str, int]) -> None:
        """Build the network with random weights.

        Args:
            channels: name of features -> number of channels, from fine to coarse.
        """
        super().__init__()
        quarter, *looks = _LOOK
        fine, eighth, sixteenth, last = _JOIN
        self.edges = nn.Conv2d(1, 8, 3, 2, 1)
        self.shades = nn.Conv2d(8, quarter, 3, 2, 1)
        self.looks = nn.ModuleList(
            nn.Conv2d(count, look, 1) for count, look in zip(channels.values(), looks, strict=True)
        )
        self.unlike = nn.ModuleList(nn.Conv2d(2 * look, eighth, 1) for look in looks)
        self.told = nn.Linear(sum(looks), eighth)
        self.near = nn.Conv2d(len(_NEAR), eighth, 1)
        self.down = nn.Conv2d(eighth, sixteenth, 3, 2, 1)
        self.farther = nn.Conv2d(sixteenth, last, 3, 2, 1)
        self.before, self.deep, self.after = _Block(sixteenth), _Block(last), _Block(sixteenth)
        self.wider, self.deeper = _Block(sixteenth, apart=2), _Block(last, apart=2)
        self.nearer = nn.Conv2d(last, sixteenth, 1)
        self.up = nn.Conv2d(sixteenth, eighth, 1)
        self.joined = nn.Conv2d(eighth, eighth, 3, 1, 1)
        self.filled = nn.Sequential(_Block(eighth), _Block(eighth, apart=2))
        self.finer = nn.Conv2d(eighth, fine, 1)
        self.unlike_shade = nn.Conv2d(2 * quarter + len(_NEAR), fine, 1)
        self.fine = nn.Conv2d(fine, fine, 3, 1, 1)
        self.finished = _Block(fine)
        self.lines = nn.Conv2d(quarter, _LINES, 3, 1, 1)
        self.lines_fine, self.lines_eighth = nn.Conv2d(_LINES, fine, 3, 1, 1), nn.Conv2d(_LINES, eighth, 3, 2, 1)
        self.odds = nn.Conv2d(fine, 1, 3, 1, 1)
        for name, count in channels.items():
            self.register_buffer(f"mean_{name}", torch.zeros(1, count, 1, 1))
            self.register_buffer(f"deviation_{name}", torch.ones(1, count, 1, 1))

    def standardise(self, name: str, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        """Set mean and deviation (c,) of features, by which `forward` standardises them."""
        getattr(self, f"mean_{name}").copy_(mean[None, :, None, None])
        getattr(self, f"deviation_{name}").copy_(deviation[None, :, None, None])

    def forward(self, luma: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        """Compute log odds.

        Args:
            luma: (1, 1, H, W) in 0..1, height and width multiples of 32.
            rest: the features (1, c, H / s, W / s), from fine to coarse; then the distance (K, 1, H / 4, W / 4) to the
                nearest point of each of K clicks, in pixels of that size.

        Returns:
            (K, 1, H / 4, W / 4).
        """
        *features, distance = rest
        shades = self._shades(luma)
        lines = torch.relu(self.lines(torch.relu(shades)))
        away = [distance]
        for _ in features:
            away.append(functional.avg_pool2d(away[-1], 2))
        near = [torch.cat([torch.exp(-there / scale) for scale in _NEAR], dim=1) for there in away[:2]]
        places = [torch.exp(-torch.square(there / scale)) for there, scale in zip(away, _PLACE, strict=True)]
        seen = [
            look((values - getattr(self, f"mean_{name}")) / getattr(self, f"deviation_{name}"))
            for name, look, values in zip(FEATURES, self.looks, features, strict=True)
        ]
        clicked = [_at(values, place) for values, place in zip(seen, places[1:], strict=True)]
        coarse: torch.Tensor | None = None
        for values, there, unlike in reversed(list(zip(seen, clicked, self.unlike, strict=True))):
            here = unlike(_differences(values, there))
            coarse = here if coarse is None else here + _larger(coarse)
        told = self.told(torch.cat(clicked, dim=1).flatten(1))[:, :, None, None]
        eighth = torch.relu(coarse + self.near(near[1]) + told + self.lines_eighth(lines))
        sixteenth = self.wider(self.before(self.down(eighth)))
        last = self.deeper(self.deep(self.farther(torch.relu(sixteenth))))
        sixteenth = self.after(sixteenth + _larger(self.nearer(torch.relu(last))))
        joined = self.joined(eighth + torch.relu(_larger(self.up(torch.relu(sixteenth)))))
        eighth = torch.relu(self.filled(joined))
        shaded = torch.cat([_differences(shades, _at(shades, places[0])), near[0]], dim=1)
        fine = torch.relu(_larger(self.finer(eighth)) + self.unlike_shade(shaded) + self.lines_fine(lines))
        result: torch.Tensor = self.odds(torch.relu(self.finished(self.fine(fine))))
        return result

    def _shades(self, luma: torch.Tensor) -> torch.Tensor:
        """Return features of luma at 1/4 of the size that do not depend on its contrast."""
        mean = luma.mean(dim=(2, 3), keepdim=True)
        spread = torch.square(luma - mean).mean(dim=(2, 3), keepdim=True).sqrt()
        shades: torch.Tensor = self.shades(torch.relu(self.edges((luma - mean) / (spread + 0.05))))
        return shades


class _Block(nn.Module):
    """Two convolutions whose output is added to their input; the first one's taps are `apart` pixels apart."""

    def __init__(self, channels: int, *, apart: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, apart, dilation=apart)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = values + self.second(torch.relu(self.first(torch.relu(values))))
        return result


def _at(values: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Return the mean (K, c, 1, 1) of values (1, c, h, w) around K clicks, weighted by `place` (K, 1, h, w)."""
    weights = (place + 1e-6).flatten(1)
    mean = (weights / weights.sum(dim=1, keepdim=True)) @ values[0].flatten(1).T
    return mean[:, :, None, None]


def _differences(values: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Return (K, 2 c, h, w): values (1, c, h, w), and their differences from those at K clicks."""
    return torch.cat([values.expand(there.shape[0], -1, -1, -1), torch.abs(values - there)], dim=1)


def _larger(values: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(values, scale_factor=2.0, mode="bilinear", align_corners=False)
