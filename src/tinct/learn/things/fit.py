"""Train the head that tells things apart, for a given time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from tinct.color.spaces import FloatArray
from tinct.learn.things.head import ThingHead
from tinct.learn.things.samples import Sample, clicks, deepest
from tinct.runtime.thing import distance

Seen = Mapping[str, NDArray[np.float16]]
Pair = tuple[Sample, Seen]


@dataclass(frozen=True)
class Fitting:
    """How the head is trained.

    Attributes:
        minutes: length of the training.
        steps: number of steps, at most.
        rate: highest learning rate of AdamW.
        clicks: on each picture.
        pictures: in each step.
        noise: standard deviation of noise added to the features, relative to theirs: the features of a model that is
            trained further differ a little.
        bfloat16: compute in this format, which is twice as quick on processors with units for it (AMX).
    """

    minutes: float = 30
    steps: int = 1_000_000
    rate: float = 2e-3
    clicks: int = 6
    pictures: int = 3
    noise: float = 0.1
    bfloat16: bool = False


def fit(
    head: ThingHead,
    draw: Callable[[np.random.Generator], Pair],
    how: Fitting,
    *,
    seed: int = 0,
    report: Callable[[int, float, float], None] | None = None,
) -> None:
    """Train a head.

    Args:
        head: to be trained.
        draw: returns a random picture.
        how: the settings.
        seed: of everything random.
        report: called every 50 steps with the step, the share of the time that is over, and the running loss.
    """
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(head.parameters(), lr=how.rate, weight_decay=1e-3, betas=(0.9, 0.98))
    head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    head.train()
    began, step, mean = time.monotonic(), 0, 0.0
    while (over := max((time.monotonic() - began) / (60 * how.minutes), step / how.steps)) < 1:
        warm = min(1.0, (step + 1) / 100)
        for group in optimizer.param_groups:
            group["lr"] = how.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * over)))
        optimizer.zero_grad()
        total = 0.0
        for _ in range(how.pictures):
            loss = _loss(head, *draw(generator), how, generator)
            if loss is not None:
                (loss / how.pictures).backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach()) / how.pictures
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        step += 1
        mean = total if step == 1 else 0.98 * mean + 0.02 * total
        if report is not None and step % 50 == 0:
            report(step, over, mean)
    head.eval()


def standardise(head: ThingHead, several: Sequence[Seen]) -> None:
    """Set a head's standardisation so that features have mean 0 and deviation 1 over several pictures."""
    for name in several[0]:
        values = np.concatenate(
            [np.moveaxis(seen[name].astype(np.float32), 0, -1).reshape(-1, seen[name].shape[0]) for seen in several]
        )
        head.standardise(name, torch.from_numpy(values.mean(axis=0)), torch.from_numpy(values.std(axis=0) + 1e-3))


def tell(head: ThingHead, sample: Sample, seen: Seen, places: NDArray[np.intp]) -> FloatArray:
    """Return the log odds (h / 4, w / 4) of the thing at points (n, 2), in 0..1 of the picture's height and width."""
    with torch.no_grad():
        away = torch.from_numpy(distance(places, sample.luma.shape))[None, None]
        result: FloatArray = head(*_given(sample, seen), away)[0, 0].numpy()
    return result


def measure(head: ThingHead, pairs: Sequence[Pair]) -> dict[str, float]:
    """Measure a head on the largest things of pictures, from a click into the middle of each.

    Returns:
        Mean percentages: `outside`, the part of the area found that is not the thing's; `inside`, the part of the thing
        that is found; and `intersection_over_union`.
    """
    rows = []
    for sample, seen in pairs:
        areas = sample.areas
        areas[(sample.kinds < 0) | (areas < 0.015) | (areas > 0.4)] = 0
        for number in np.argsort(-areas)[:2]:
            if areas[number]:
                region = sample.regions == number
                odds = torch.from_numpy(tell(head, sample, seen, (np.array([deepest(region)]) + 0.5) / region.shape))
                larger = functional.interpolate(odds[None, None], size=region.shape, mode="bilinear")
                colored = larger[0, 0].numpy() > 0
                both = (colored & region).sum()
                rows.append((1 - both / max(1, colored.sum()), both / region.sum(), both / (colored | region).sum()))
    names = ("outside", "inside", "intersection_over_union")
    return {name: round(100 * float(value), 1) for name, value in zip(names, np.mean(rows, axis=0), strict=True)}


def _given(sample: Sample, seen: Seen) -> tuple[torch.Tensor, ...]:
    luma = torch.from_numpy(sample.luma.astype(np.float32) / 255)[None, None]
    return luma, *(torch.from_numpy(values.astype(np.float32))[None] for values in seen.values())


def _loss(
    head: ThingHead, sample: Sample, seen: Seen, how: Fitting, generator: np.random.Generator
) -> torch.Tensor | None:
    made = clicks(sample, how.clicks, generator=generator)
    if made is None:
        return None
    away, own, counts = (torch.from_numpy(values) for values in made)
    luma, *features = _given(sample, seen)
    for number, (name, values) in enumerate(zip(seen, features, strict=True)):
        features[number] = values + how.noise * torch.randn_like(values) * getattr(head, f"deviation_{name}")
    features = [values.contiguous(memory_format=torch.channels_last) for values in features]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=how.bfloat16):
        odds = head(luma, *features, away)
    odds = odds.float()
    # Inside and outside have a weight of about the root of their number of pixels, so that small things count too.
    inside = (own * counts).sum(dim=(2, 3), keepdim=True)
    outside = ((1 - own) * counts).sum(dim=(2, 3), keepdim=True)
    weights = counts * (own / (inside + 1).sqrt() + (1 - own) / (outside + 1).sqrt())
    weights = weights / weights.sum(dim=(2, 3), keepdim=True)
    cross = (weights * functional.binary_cross_entropy_with_logits(odds, own, reduction="none")).sum(dim=(2, 3)).mean()
    chance = torch.sigmoid(odds) * counts
    both = (chance * own).sum(dim=(2, 3))
    overlap = 1 - (both + 5) / ((chance + own * counts - chance * own).sum(dim=(2, 3)) + 5)
    return cross + overlap.mean()
