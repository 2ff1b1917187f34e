"""The examination of a training to colorize: the experiments that apply there.

Networks that colorize take luma in 0..1 and standardise inside, so that nothing is looked for in the input; there are
no labels to be random. What is wrong with the photographs, the survey of `tinct data` finds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tinct.color.bins import ColorBins
from tinct.data.pictures import find_splits
from tinct.data.source import Source, open_source, select
from tinct.data.survey import inspect_data
from tinct.errors import DataError
from tinct.learn.doctor.findings import Diagnosis, Finding, in_order
from tinct.learn.doctor.probes import (
    CRIPPLED,
    DEAD,
    ByHeart,
    LayerFacts,
    Probe,
    RateRange,
    UnitFacts,
    born_dead,
    dead_units,
    explode,
    gradients,
    learn_by_heart,
    range_of_rates,
    vanish,
)
from tinct.learn.doctor.trials import steps_for
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build
from tinct.learn.photo_stream import Crop, PhotoStream
from tinct.learn.run import learn_bins
from tinct.learn.settings import Training
from tinct.learn.tasks import Batch, ColorizeTask, Schedule, shrink, split_rgb
from tinct.learn.weights import load_start, read_encoder
from tinct.runtime.modelfile import OUTPUT_CHANNELS

# Experiments are made on squares of this size, so many at a time, and so many steps: a quarter of a minute each.
CROP, BATCH, STEPS = 64, 8, 60
BINS_FROM = 400
# Of more photographs in a split only this many are looked at: what spoils a training shows in them.
LOOKED_AT = 400
# One batch counts as learned by heart when its loss is this share of that of the best single answer for all pixels.
# Colours are not decided by light: less would ask a network to remember every pixel.
KNOWN = 0.75
# A loss above this share of it is no better than that answer.
STUCK = 0.98
ALIKE_RATES = 5.0
USUAL_RATE = 1e-3


@dataclass
class _Examined:
    """What was measured."""

    rate: float | None
    guess: float
    steps: int
    before: list[UnitFacts]
    layers: list[LayerFacts]
    range: RateRange
    hearts: list[ByHeart]
    losses: list[float] = field(default_factory=list)
    reached: float = math.nan
    held_out: float = math.nan
    after: list[UnitFacts] = field(default_factory=list)

    @property
    def other(self) -> float | None:
        """The rate to try instead of the one asked for; None where that is as good, or is looked for anyway."""
        if self.rate is None:
            return None
        suggested = self.range.suggested or USUAL_RATE
        return None if 1 / ALIKE_RATES <= self.rate / suggested <= ALIKE_RATES else suggested

    @property
    def failing(self) -> bool:
        """Whether the short training is no better than one answer for all pixels, or the batch was not learned."""
        return not self.reached < STUCK * self.held_out or not _known(self.hearts[0], self.guess)


def examine_training(
    training: Training, *, steps: int = STEPS, progress: Callable[[int, int], None] | None = None
) -> Diagnosis:
    """Find out why a training to colorize does not learn, or that it does; nothing is written.

    Args:
        training: the training in question; its photographs are read from its dataset or folder.
        steps: of each experiment, at most; costly networks get fewer.
        progress: called with (done, total) experiments.

    Raises:
        SettingError: settings that make no sense.
        DataError: no photographs.
        ModelError: weights to start from cannot be read.
    """
    began = time.perf_counter()
    training.check()
    source = open_source(training.data, split="train", val=training.val, seed=training.seed)
    if source.count == 0:
        raise DataError(f"{training.data}: no photographs to train on")
    source = select(source, subset=training.subset, categories=training.categories, seed=training.seed)
    bins = None
    if training.task == "bins":
        bins = learn_bins(replace(training, bins_from=BINS_FROM), source)
    found = _measure(training, source, bins, steps, progress or (lambda done, total: None))
    findings = in_order(list(_findings(found)))
    return Diagnosis(
        training.data, training.to_json(), _verdict(found, findings), _facts(found, source.count), findings,
        _measurements(found), time.perf_counter() - began,
    )  # fmt: skip


def examine_with_data(training: Training, *, progress: Callable[[int, int], None] | None = None) -> Diagnosis:
    """Find out why a training to colorize does not learn: its photographs first, then experiments.

    Args:
        training: the training in question.
        progress: called with (done, total).

    Returns:
        The diagnosis; warnings of `tinct.data.survey` are findings among the others. A dataset at an address is not
        looked at, only trained on.

    Raises:
        SettingError: settings that make no sense.
        DataError: no photographs.
        ModelError: weights to start from cannot be read.
    """
    found = examine_training(training, progress=progress)
    if not Path(training.data).is_dir():
        return found
    many = any(len(pictures) > LOOKED_AT for pictures in find_splits(training.data).values())
    report = inspect_data(training.data, limit=LOOKED_AT if many else None, seed=training.seed)
    warnings = [
        each
        for each in report.warnings
        # What says nothing of a training is left to `tinct data`.
        if each.kind not in ("squeezed", "rare-bins", "foreign-bins")
    ]
    return replace(found, findings=in_order([*found.findings, *warnings]))


def _measure(
    training: Training, source: Source, bins: ColorBins | None, most: int, progress: Callable[[int, int], None]
) -> _Examined:
    """Make all experiments on squares of the training's own photographs."""
    encoder = read_encoder(training)

    def make() -> Network:
        torch.manual_seed(training.seed)
        outputs = bins.count if bins is not None else OUTPUT_CHANNELS[training.task]
        network = build(training.network, outputs=outputs, options=training.options)
        load_start(network, training, source, encoder)
        return network

    first = make()
    task = _task(training, first, bins)
    crop = max(first.multiple, CROP // first.multiple * first.multiple)
    stream = PhotoStream(
        source, crop=Crop(crop, zoom=training.zoom), batch_size=BATCH, seed=training.seed, epoch=0, endless=True
    )
    batches = iter(stream)
    fixed, others = next(batches), list(islice(batches, 3))
    luma = _luma(fixed, training.space)
    steps, _ = steps_for(first, luma, batch_size=BATCH, most=most)

    def optimizer(network: nn.Module, rate: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW([each for each in network.parameters() if each.requires_grad], lr=rate, weight_decay=0)

    def loss(network: nn.Module) -> torch.Tensor:
        return _loss(task, network, fixed)

    probe = Probe(make, loss, optimizer, _guess(task, [fixed]), training.clip or None)
    before, layers = dead_units(first, luma), gradients(probe)
    progress(1, 4)
    rates = range_of_rates(probe, steps=steps)
    progress(2, 4)
    rate = None if training.learning_rate == "auto" else float(training.learning_rate)
    found = _Examined(rate, _guess(task, [fixed]), steps, before, layers, rates, [])

    def attempt(name: str, rate: float) -> ByHeart:
        return learn_by_heart(
            probe, name=name, rate=rate, steps=steps, accuracy=lambda network: math.nan, stop=KNOWN * found.guess
        )

    used = rate or rates.suggested or USUAL_RATE
    found.hearts.append(attempt("as asked" if rate else "at the rate found", used))
    if not _known(found.hearts[0], found.guess) and found.other is not None:
        found.hearts.append(attempt("at another rate", found.other))
    progress(3, 4)
    _short_training(found, task, make(), islice(batches, steps), others, used, optimizer, training.clip)
    progress(4, 4)
    return found


def _task(training: Training, network: Network, bins: ColorBins | None) -> ColorizeTask:
    plain = replace(training, learning_rate=1.0, weight_decay=0.0, softness=0.0, encoder_rate=1.0)
    return ColorizeTask(network, plain, bins=bins, schedule=Schedule(steps=1, decay=0.0))


def _short_training(
    found: _Examined,
    task: ColorizeTask,
    network: Network,
    batches: Any,
    others: list[Batch],
    rate: float,
    optimizer: Callable[[nn.Module, float], torch.optim.Optimizer],
    clip: float,
) -> None:
    """Train on fresh squares for some steps, and measure on those of `others`."""
    moves = optimizer(network, rate)
    network.train()
    for batch in batches:
        loss = _loss(task, network, batch)
        moves.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if clip:
            nn.utils.clip_grad_norm_(network.parameters(), clip)
        moves.step()
        found.losses.append(float(loss.detach()))
    network.eval()
    with torch.no_grad():
        found.reached = float(torch.stack([_loss(task, network, batch) for batch in others]).mean())
    found.held_out = _guess(task, others)
    found.after = dead_units(network, _luma(others[0], task.space))


def _luma(batch: Batch, space: str) -> torch.Tensor:
    return split_rgb(batch["rgb"].permute(0, 3, 1, 2).float() / 255, space)[0]


def _truth(task: ColorizeTask, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return luma, what is to be learned, and the mask, the latter two of the network's size."""
    rgb = batch["rgb"].permute(0, 3, 1, 2).float() / 255
    luma, chroma = split_rgb(rgb, task.space)
    truth, mask = shrink(rgb if task.task == "rgb" else chroma, batch["mask"][:, None].float(), task.network.stride)
    return luma, truth, mask


def _loss(task: ColorizeTask, network: nn.Module, batch: Batch) -> torch.Tensor:
    luma, truth, mask = _truth(task, batch)
    return task.loss(task.network.finish(network(luma), task.task), truth, mask)


def _guess(task: ColorizeTask, batches: list[Batch]) -> float:
    """Return the loss of the best single answer for all pixels.

    For bins that is the distribution in which each counts with its weight; otherwise the mean.
    """
    rows = []
    for batch in batches:
        _, truth, mask = _truth(task, batch)
        inside = mask[:, 0] > 0
        if task.table is not None:
            rows.append(task.table.encode(truth)[inside])
        else:
            rows.append(truth.permute(0, 2, 3, 1)[inside] / (1.0 if task.task == "rgb" else task.chroma_scale))
    found = torch.cat(rows)
    if task.table is None:
        return float(found.var(dim=0, correction=0).mean())
    weighed = torch.bincount(found, minlength=len(task.table.weights)).double() / len(found) * task.table.weights
    shares = weighed / weighed.sum()
    return float(-(weighed * torch.log(shares.clamp(min=1e-12))).sum())


def _known(heart: ByHeart, guess: float) -> bool:
    return bool(heart.losses) and heart.losses[-1] < KNOWN * guess


def _heart_lines(found: _Examined) -> list[str]:
    return [
        f"one batch by heart, {heart.name} ({heart.rate:.1g}): loss {heart.losses[0]:.3g} to {heart.losses[-1]:.3g} in "
        f"{len(heart.losses)} steps; one answer for all pixels has {found.guess:.3g}"
        for heart in found.hearts
    ]


def _findings(found: _Examined) -> list[Finding]:
    rows: list[Finding] = []
    born = born_dead(found.before)
    worst = max(found.after, key=lambda each: each.dead, default=None)
    if born:
        rows.append(Finding(
            "dead-network", 95, f"the network is dead before the first step: {born[0].name} gives 0 for every picture",
            [f"{each.name}: {each.dead:.0%} of {each.units} units never answer" for each in found.before],
            "look at how its weights and biases start, or start from another model",
        ))  # fmt: skip
    elif worst is not None and worst.dead >= CRIPPLED and found.failing:
        rows.append(Finding(
            "dead-units", 70 if worst.dead >= DEAD else 45, f"training killed {worst.dead:.0%} of {worst.name}",
            [f"{each.name}: {each.dead:.0%} of {each.units} units never answer any more" for each in found.after],
            "lower the rate, or take a network with batch norm (--network tinct)",
        ))  # fmt: skip
    lines = [f"{each.name}: gradient next to weights {each.ratio:.2g}" for each in found.layers]
    if found.failing and not born:
        if explode(found.layers):
            rows.append(Finding("exploding-gradients", 55, "gradients explode", lines, "clip them (--clip 1)"))
        elif vanish(found.layers):
            text = "gradients vanish on the way back to the first layer"
            rows.append(Finding("vanishing-gradients", 75, text, lines, "take a network with batch norm or skips"))
    rows += _about_rate(found)
    if not _known(found.hearts[0], found.guess):
        rescued = len(found.hearts) > 1 and _known(found.hearts[1], found.guess)
        rows.append(Finding(
            "no-overfit", 50 if rescued else 65, "as asked for, it cannot even learn one batch by heart",
            _heart_lines(found),
            f"at a rate of {found.hearts[1].rate:.1g} it can" if rescued else
            "take a larger network; where that fails as well, look at the photographs with tinct data",
            sure=found.steps >= STEPS,
        ))  # fmt: skip
    if not found.reached < STUCK * found.held_out:
        rows.append(Finding(
            "stuck", 45, "it is no better than one answer for all pixels",
            [f"loss on other photographs {found.reached:.4g} after {len(found.losses)} steps; one answer for all "
             f"pixels has {found.held_out:.4g}"],
            "this is how it shows, not why: see the other findings",
            sure=found.steps >= STEPS,
        ))  # fmt: skip
    return rows


def _about_rate(found: _Examined) -> list[Finding]:
    if found.rate is None or found.other is None:
        return []
    beyond = found.range.breaks is not None and found.rate >= found.range.breaks
    rescued = len(found.hearts) > 1 and _known(found.hearts[1], found.guess)
    broken = not all(map(math.isfinite, (*found.losses, found.reached)))
    if not (rescued or broken or (beyond and found.failing)):
        return []
    high = broken or beyond or found.rate > found.other
    lines = [f"asked for: {found.rate:g}", f"the range test suggests {found.other:.1g}", *_heart_lines(found)]
    if found.range.breaks is not None:
        lines.insert(1, f"learning breaks at {found.range.breaks:.1g}")
    return [Finding(
        "rate-high" if high else "rate-low", 90 if rescued or broken else 75,
        f"the learning rate is too {'high' if high else 'low'}", lines,
        f"use --lr {found.other:.1g}, or --lr auto", sure=rescued or broken,
    )]  # fmt: skip


def _verdict(found: _Examined, findings: list[Finding]) -> str:
    reached = (
        f"loss {found.reached:.3g} on other photographs after {len(found.losses)} steps; one answer for all pixels has "
        f"{found.held_out:.3g}"
    )
    if not found.failing:
        return f"it learns: {reached}"
    return f"it does not learn: {reached}; {findings[0].title}" if findings else f"it learns little: {reached}"


def _facts(found: _Examined, count: int) -> list[str]:
    lowest = found.range.lowest
    return [
        f"{count:,} photographs to train on; experiments on squares of {CROP} pixels, {BATCH} at a time, {found.steps} "
        "steps each",
        "luma comes in 0..1 and is standardised inside the network: there is nothing to scale",
        "rates: " + ("the loss on one batch did not fall at any" if lowest is None else
                     f"the loss is lowest at {lowest:.1g}; {found.range.suggested:.1g} suggested"),
        *_heart_lines(found),
    ]  # fmt: skip


def _measurements(found: _Examined) -> dict[str, Any]:
    def plain(losses: Any) -> list[float | None]:
        return [loss if math.isfinite(loss) else None for loss in losses]

    return {
        "rate": found.rate,
        "guess": found.guess,
        "steps": found.steps,
        "range": asdict(found.range),
        "by_heart": [{**asdict(each), "losses": plain(each.losses), "accuracy": None} for each in found.hearts],
        "layers": [{**asdict(each), "ratio": each.ratio} for each in found.layers],
        "units_before": [asdict(each) for each in found.before],
        "units_after": [asdict(each) for each in found.after],
        "losses": plain(found.losses),
        "reached": found.reached if math.isfinite(found.reached) else None,
        "one_answer": found.held_out,
    }
