"""A check for tests: does a model learn one batch by heart?"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tinct.learn.doctor.own.case import Loss, Optimizer
from tinct.learn.doctor.own.diagnose import by_heart
from tinct.learn.doctor.own.keras_parts import check_parts
from tinct.learn.doctor.own.sample import pair


def assert_learns(
    model: nn.Module, batch: Any, loss: Loss, *, optimizer: Optimizer = None, steps: int = 200, seed: int = 0
) -> None:
    """Check that a model learns one batch by heart; for a test of the user's own code.

    A model, loss and optimizer that fit together learn a handful of samples by heart, whatever they show. The model
    itself is left as it was.

    Args:
        model: in the mode in which it is trained.
        batch: (inputs, targets), 4 to 32 samples of several classes.
        loss: function of (outputs, targets).
        optimizer: as for `tinct.learn.diagnose`.
        steps: at most.
        seed: of everything random, such as dropout.

    Raises:
        AssertionError: it does not; the message is the diagnosis.
        DataError: the batch does not hold two tensors.
        SettingError: the model is not a PyTorch module, or the optimizer is a Keras optimizer.

    >>> import torch
    >>> from torch import nn
    >>> batch = torch.randn(8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2
    >>> _ = torch.manual_seed(0)
    >>> assert_learns(nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 2)), batch, nn.CrossEntropyLoss())
    """
    check_parts(model, optimizer)
    inputs, targets = pair(batch)
    device = next(model.parameters(), torch.zeros(0)).device
    given = inputs.to(device), targets.to(device)
    diagnosis = by_heart(model, given, loss, optimizer=optimizer, steps=steps, seed=seed)
    if diagnosis.findings:
        raise AssertionError(f"the model does not learn this batch\n{diagnosis}")
