"""The examination of a training to colorize, with those experiments that apply to it.

Networks that colorize take luma in 0..1 and standardise it inside, so their input is not examined, and there are no
labels. The survey of `tinct data` finds what is wrong with the photographs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tinct.color.bins import ColorBins
from tinct.data.pictures import find_splits
from tinct.data.source import Source, open_source, select
from tinct.data.survey import inspect_data
from tinct.errors import DataError
from tinct.learn.doctor.evidence import (
    Evidence,
    Measured,
    gradient_findings,
    heart_lines,
    range_line,
    run_probes,
    unit_findings,
)
from tinct.learn.doctor.findings import Diagnosis, Finding, in_order
from tinct.learn.doctor.probes import Probe, dead_units, finite, take_step
from tinct.learn.doctor.trials import steps_for
from tinct.learn.initial_weights import load_start, read_encoder
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build
from tinct.learn.photo_stream import Crop, PhotoStream
from tinct.learn.run import learn_bins
from tinct.learn.schedule import Schedule
from tinct.learn.settings import Training
from tinct.learn.tasks import Batch, ColorizeTask, shrink, split_rgb, unit_rgb
from tinct.runtime.modelfile import OUTPUT_CHANNELS

CROP = 64  # pixels: edge of the squares that experiments use
BATCH = 8  # squares in a batch
STEPS = 60  # of each experiment; they take about a quarter of a minute
BINS_FROM = 400  # photographs that colour bins are learned from
LOOKED_AT = 400  # at most this many photographs of a split are surveyed: what spoils a training shows in them
# A batch is learned by heart if its loss is below this share of that of the best single answer for all pixels. Luma
# does not determine colours, so a lower share would require the network to remember every pixel.
KNOWN = 0.75
STUCK = 0.98  # a training is stuck if its loss is above this share of that of the best single answer
ALIKE_RATES = 5.0  # a rate within this factor of the suggested one is as good


@dataclass(kw_only=True)
class _Examined(Measured):
    steps: int
    losses: list[float]  # of the short training
    reached: float  # loss on held-out photographs after it
    held_out: float  # loss of the best single answer on the same photographs

    @property
    def stuck(self) -> bool:
        """Whether the short training is no better than a single answer."""
        return not self.reached < STUCK * self.held_out

    @property
    def failing(self) -> bool:
        """Whether the short training is stuck, or the batch was not learned by heart."""
        return self.stuck or not self.probed.hearts[0].known


def examine_training(
    training: Training, *, steps: int = STEPS, progress: Callable[[int, int], None] | None = None
) -> Diagnosis:
    """Find out whether a training to colorize learns and, if it does not, why; nothing is written.

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
    examined = _measure(training, source, bins, steps, progress or (lambda done, total: None))
    rules = (_about_network, _about_rate, _about_learning)
    findings = in_order(finding for rule in rules for finding in rule(examined))
    return Diagnosis(
        subject=training.data,
        setup=training.to_json(),
        verdict=_verdict(examined, findings),
        facts=_facts(examined, source.count),
        findings=findings,
        measurements=_measurements(examined),
        seconds=time.perf_counter() - began,
    )


def examine_with_data(training: Training, *, progress: Callable[[int, int], None] | None = None) -> Diagnosis:
    """Find out why a training to colorize does not learn, by experiments and by a survey of its photographs.

    Args:
        training: the training in question.
        progress: called with (done, total) experiments.

    Returns:
        The diagnosis, with the warnings of `tinct.data.survey` among the findings. A dataset at an address is not
        surveyed, only trained on.

    Raises:
        SettingError: settings that make no sense.
        DataError: no photographs.
        ModelError: weights to start from cannot be read.
    """
    examined = examine_training(training, progress=progress)
    if not Path(training.data).is_dir():
        return examined
    many = any(len(pictures) > LOOKED_AT for pictures in find_splits(training.data).values())
    report = inspect_data(training.data, limit=LOOKED_AT if many else None, seed=training.seed)
    warnings = [
        warning
        for warning in report.warnings
        # These matter to `tinct data`, but not to a training.
        if warning.kind not in ("squeezed", "rare-bins", "foreign-bins")
    ]
    return replace(examined, findings=in_order([*examined.findings, *warnings]))


def _measure(
    training: Training, source: Source, bins: ColorBins | None, most: int, progress: Callable[[int, int], None]
) -> _Examined:
    """Run all experiments on squares of the training's own photographs."""
    encoder = read_encoder(training)

    def make() -> Network:
        torch.manual_seed(training.seed)
        outputs = bins.count if bins is not None else OUTPUT_CHANNELS[training.task]
        network = build(training.network, outputs=outputs, options=training.options)
        load_start(network, training, source, encoder)
        return network

    first = make()
    plain = replace(training, learning_rate=1.0, weight_decay=0.0, softness=0.0, encoder_rate=1.0)
    task = ColorizeTask(first, plain, bins=bins, schedule=Schedule(steps=1, decay=0.0))
    crop = max(first.multiple, CROP // first.multiple * first.multiple)
    cropped = Crop(crop, zoom=training.zoom, whole=training.letterbox, lanczos=training.scaling == "lanczos")
    stream = PhotoStream(source, crop=cropped, batch_size=BATCH, seed=training.seed, epoch=0, endless=True)
    batches = iter(stream)
    fixed, others = next(batches), list(islice(batches, 3))
    luma, _ = split_rgb(unit_rgb(fixed["rgb"]), training.space)
    steps, _ = steps_for(first, luma, batch_size=BATCH, most=most)

    def optimizer(network: nn.Module, rate: float) -> torch.optim.Optimizer:
        trained = [weight for weight in network.parameters() if weight.requires_grad]
        return torch.optim.AdamW(trained, lr=rate, weight_decay=0)

    def loss(network: nn.Module) -> torch.Tensor:
        return _loss(task, network, fixed)

    clip = training.clip or None
    done = count(1)
    rate = None if training.learning_rate == "auto" else float(training.learning_rate)
    probed = run_probes(
        Probe(make, loss, optimizer, _guess(task, [fixed]), enough=KNOWN, clip=clip),
        luma,
        rate=rate,
        range_steps=steps,
        heart_steps=steps,
        alike=ALIKE_RATES,
        tick=lambda: progress(next(done), 4),
    )
    # A short training on new squares, measured on those of `others`.
    network = make()
    moves = optimizer(network, probed.hearts[0].rate)
    network.train()
    new = islice(batches, steps)
    losses = [take_step(network, _loss(task, network, batch), moves, clip=clip) for batch in new]
    network.eval()
    with torch.no_grad():
        reached = float(torch.stack([_loss(task, network, batch) for batch in others]).mean())
    probed.after = dead_units(network, split_rgb(unit_rgb(others[0]["rgb"]), task.space)[0])
    progress(4, 4)
    return _Examined(probed=probed, steps=steps, losses=losses, reached=reached, held_out=_guess(task, others))


def _truth(task: ColorizeTask, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return luma, what is to be learned, and the mask; the latter two in the size of the network's output."""
    rgb = unit_rgb(batch["rgb"])
    luma, chroma = split_rgb(rgb, task.space)
    truth, mask = shrink(rgb if task.task == "rgb" else chroma, batch["mask"][:, None].float(), task.network.stride)
    return luma, truth, mask


def _loss(task: ColorizeTask, network: nn.Module, batch: Batch) -> torch.Tensor:
    luma, truth, mask = _truth(task, batch)
    return task.loss(task.network.finish(network(luma), task.task), truth, mask)


def _guess(task: ColorizeTask, batches: list[Batch]) -> float:
    """Return the loss of the best single answer for all pixels.

    For bins that is their weighted distribution; otherwise the mean.
    """
    rows = []
    for batch in batches:
        _, truth, mask = _truth(task, batch)
        inside = mask[:, 0] > 0
        if task.table is not None:
            rows.append(task.table.encode(truth)[inside])
        else:
            rows.append(truth.permute(0, 2, 3, 1)[inside] / (1.0 if task.task == "rgb" else task.chroma_scale))
    truth = torch.cat(rows)
    if task.table is None:
        return float(truth.var(dim=0, correction=0).mean())
    weighted = torch.bincount(truth, minlength=len(task.table.weights)).double() / len(truth) * task.table.weights
    shares = weighted / weighted.sum()
    return float(-(weighted * torch.log(shares.clamp(min=1e-12))).sum())


def _heart_lines(examined: Evidence) -> list[str]:
    return [f"{line}; the best single answer has {examined.guess:.3g}" for line in heart_lines(examined.hearts)]


def _about_network(examined: _Examined) -> Iterator[Finding]:
    remedy = "lower the rate, or use a network with batch norm (--network tinct)"
    yield from unit_findings(examined, remedy=remedy)
    yield from gradient_findings(examined)


def _about_learning(examined: _Examined) -> Iterator[Finding]:
    hearts = examined.probed.hearts
    if not hearts[0].known:
        rescued = hearts[-1].known
        yield Finding(
            "no-overfit", 50 if rescued else 65, "as asked for, it cannot even learn one batch by heart",
            _heart_lines(examined.probed),
            f"use a rate of {hearts[-1].rate:.1g}: there it can" if rescued else
            "use a larger network; if that fails too, look at the photographs with tinct data",
            sure=examined.steps >= STEPS,
        )  # fmt: skip
    if examined.stuck:
        yield Finding(
            "stuck", 45, "it is no better than a single answer for all pixels",
            [f"loss on held-out photographs {examined.reached:.4g} after {len(examined.losses)} steps; the best single "
             f"answer has {examined.held_out:.4g}"],
            "this is a symptom; for the cause, see the other findings",
            sure=examined.steps >= STEPS,
        )  # fmt: skip


def _about_rate(examined: _Examined) -> Iterator[Finding]:
    probed = examined.probed
    other, breaks = probed.better_rate, probed.range.breaks if probed.range else None
    if probed.rate is None or other is None:
        return
    beyond = breaks is not None and probed.rate >= breaks
    rescued = len(probed.hearts) > 1 and probed.hearts[1].known
    broken = not all(map(math.isfinite, (*examined.losses, examined.reached)))
    if not (rescued or broken or (beyond and examined.failing)):
        return
    high = broken or beyond or probed.rate > other
    lines = [f"asked for: {probed.rate:g}", f"the range test suggests {other:.1g}", *_heart_lines(probed)]
    if breaks is not None:
        lines.insert(1, f"learning breaks at {breaks:.1g}")
    yield Finding(
        "rate-high" if high else "rate-low", 90 if rescued or broken else 75,
        f"the learning rate is too {'high' if high else 'low'}", lines,
        f"use --lr {other:.1g}, or --lr auto", sure=rescued or broken,
    )  # fmt: skip


def _verdict(examined: _Examined, findings: list[Finding]) -> str:
    reached = (
        f"loss {examined.reached:.3g} on held-out photographs after {len(examined.losses)} steps; the best single "
        f"answer for all pixels has {examined.held_out:.3g}"
    )
    if not examined.failing:
        return f"it learns: {reached}"
    return f"it does not learn: {reached}; {findings[0].title}" if findings else f"it learns little: {reached}"


def _facts(examined: _Examined, count: int) -> list[str]:
    return [
        f"{count:,} photographs to train on; experiments take {examined.steps} steps each, on batches of {BATCH} "
        f"squares of {CROP} pixels",
        "luma is in 0..1 and is standardised inside the network, so its scale cannot be wrong",
        *([f"rates: {range_line(examined.probed.range)}"] if examined.probed.range else []),
        *_heart_lines(examined.probed),
    ]


def _measurements(examined: _Examined) -> dict[str, Any]:
    return {
        "rate": examined.probed.rate,
        "guess": examined.probed.guess,
        "steps": examined.steps,
        **examined.probed.to_json(),
        "losses": finite(examined.losses),
        "reached": examined.reached if math.isfinite(examined.reached) else None,
        "one_answer": examined.held_out,
    }
