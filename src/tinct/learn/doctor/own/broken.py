"""Find what stops a training at its first step, or keeps that step from changing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import nn

from tinct.learn.doctor.findings import Finding
from tinct.learn.doctor.own.answers import REFUSED, Loss, Map
from tinct.learn.doctor.own.given import Sample

_INPUTS: list[tuple[str, Map]] = [
    ("inputs.float()", lambda values: values.float()),
    ("inputs.permute(0, 3, 1, 2)", lambda values: values.permute(0, 3, 1, 2)),
    ("inputs.permute(0, 3, 1, 2).float() / 255", lambda values: values.permute(0, 3, 1, 2).float() / 255),
    ("inputs.unsqueeze(1)", lambda values: values.unsqueeze(1)),
    ("inputs.flatten(1)", lambda values: values.flatten(1)),
    ("inputs.repeat(1, 3, 1, 1)", lambda values: values.repeat(1, 3, 1, 1)),
    ("inputs.mean(1, keepdim=True)", lambda values: values.mean(1, keepdim=True)),
]
_TARGETS: list[tuple[str, Map]] = [
    ("targets.long()", lambda values: values.long()),
    ("targets.float()", lambda values: values.float()),
    ("targets.squeeze(1).long()", lambda values: values.squeeze(1).long()),
    ("targets.argmax(1)", lambda values: values.argmax(1)),
    ("targets.unsqueeze(1).float()", lambda values: values.unsqueeze(1).float()),
    ("targets - 1", lambda values: values - 1),
    ("one_hot(targets).float()", lambda values: nn.functional.one_hot(values.long()).float()),
]
_ERRORS = (*REFUSED, AssertionError, NotImplementedError)


def not_numbers(sample: Sample) -> Iterator[Finding]:
    """Look for NaN and infinity in everything that was read from a loader."""
    for kind, what, values in (("input", "inputs", sample.inputs), ("target", "targets", sample.targets)):
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            rows = (~torch.isfinite(values)).reshape(len(values), -1).any(dim=1).nonzero().flatten().tolist()
            first = ", ".join(map(str, rows[:5]))
            yield Finding(
                f"{kind}-not-finite", 99, f"some {what} are NaN or infinite",
                [f"{len(rows)} of {len(values)} {what} hold NaN or infinity; the first have index {first}"],
                "look for divisions by 0 and logarithms of 0 in the code that prepares the data",
            )  # fmt: skip


def what_breaks(network: nn.Module, loss: Loss, sample: Sample) -> Iterator[Finding]:
    """Run the forward and backward pass of the first step on one batch, and yield what stops it, if anything.

    Args:
        network: a copy of the model, in the modes of training.
        loss: the user's.
        sample: one batch.
    """
    inputs, targets = sample.inputs, sample.targets
    try:
        outputs = network(inputs)
    except _ERRORS as error:
        yield _refused(network, error, inputs)
        return
    if not isinstance(outputs, torch.Tensor):
        yield Finding("output-no-tensor", 97, f"the model returns a {type(outputs).__name__}, not a tensor", [],
                      "wrap it so that it returns what the loss takes, such as `outputs.logits`")  # fmt: skip
        return
    try:
        value = loss(outputs, targets)
        reached = value.sum()
        if reached.requires_grad:
            reached.backward()  # type: ignore[no-untyped-call]
    except _ERRORS as error:
        yield _misfit(network, loss, error, sample)
        return
    yield from _judge(network, value, outputs)


def _judge(network: nn.Module, value: torch.Tensor, outputs: torch.Tensor) -> Iterator[Finding]:
    """Judge a loss that could be computed."""
    if value.numel() != 1:
        yield Finding(
            "loss-not-one-number", 97, f"the loss is {value.numel()} numbers, but backward() needs a single one",
            [f"its shape on one batch is {tuple(value.shape)}; its mean is {float(value.detach().mean()):.4g}"],
            'use reduction="mean", or call .mean() on it',
        )  # fmt: skip
        return
    trainable = [weight for weight in network.parameters() if weight.requires_grad]
    if not trainable:
        yield Finding(
            "all-frozen", 98, "no parameter is trained: requires_grad is off for all of them, or there are none",
            [f"{sum(1 for _ in network.parameters())} parameters, 0 with requires_grad"],
            "call requires_grad_(True) on the layers to be trained; keep layers as attributes or in nn.ModuleList",
        )  # fmt: skip
    elif not value.requires_grad or all(weight.grad is None for weight in trainable):
        where = "model's output" if not outputs.requires_grad else "loss" if not value.requires_grad else ""
        lines = [f"the {where} has no grad_fn"] if where else []
        yield Finding(
            "no-gradient", 98, "no gradient gets from the loss to any parameter of the model",
            [*lines, f"{len(trainable)} parameters have requires_grad, but none gets a gradient"],
            "look for .detach(), .data, .item(), numpy(), argmax, torch.tensor(loss) or torch.no_grad() between model "
            "and loss",
        )  # fmt: skip


def _refused(network: nn.Module, error: Exception, inputs: torch.Tensor) -> Finding:
    """Return the finding for a model that refuses its input, with a form of the input that it takes."""
    line = f"{tuple(inputs.shape)} {str(inputs.dtype).removeprefix('torch.')}: {_first_line(error)}"
    if len(inputs) == 1 and _works(lambda: network(torch.cat([inputs, inputs]))):
        return Finding(
            "batch-of-one", 97, "batch norm cannot learn from a batch of one",
            [line, "with the same input twice, the model works"],
            "use larger batches, or drop_last=True if only the last batch is that small",
        )  # fmt: skip
    for name, change in _INPUTS:
        if _works(lambda change=change: network(change(inputs))):  # type: ignore[misc]
            return Finding("input-form", 97, f"the model refuses its input, but takes {name}", [line], f"use {name}")
    remedy = "compare this shape and type with what the first layer takes"
    return Finding("input-form", 97, "the model refuses its input", [line], remedy)


def _misfit(network: nn.Module, loss: Loss, error: Exception, sample: Sample) -> Finding:
    """Return the finding for a loss that refuses outputs and targets, with a form of the targets that it takes."""
    outputs = network(sample.inputs).detach().requires_grad_()
    targets = sample.targets
    lines = [f"outputs {tuple(outputs.shape)}, targets {tuple(targets.shape)} "
             f"{str(targets.dtype).removeprefix('torch.')}: {_first_line(error)}"]  # fmt: skip
    whole = not targets.is_floating_point() and targets.ndim == 1 and outputs.ndim == 2
    if whole and int(targets.max()) >= outputs.shape[1]:
        lines.append(f"labels go from {int(targets.min())} to {int(targets.max())}; the {outputs.shape[1]} outputs "
                     f"stand for 0 to {outputs.shape[1] - 1}")  # fmt: skip
        from_one = int(targets.min()) == 1 and int(targets.max()) == outputs.shape[1]
        return Finding(
            "labels-out-of-range", 97, "some labels have no output", lines,
            "count labels from 0: use targets - 1" if from_one else "give the last layer an output for every class",
        )  # fmt: skip
    for name, change in _TARGETS:
        if _works(lambda change=change: loss(outputs, change(targets)).sum().backward()):  # type: ignore[misc, no-untyped-call]
            title = f"the loss refuses the labels as they are, but takes {name}"
            return Finding("label-form", 97, title, lines, f"use {name}")
    remedy = "compare their shapes and types with what the loss takes"
    return Finding("label-form", 97, "the loss refuses these outputs and labels", lines, remedy)


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except _ERRORS:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:160]
