"""Measure the statistics of batch norms again, for weights with which they were not gathered.

The running statistics were gathered while the weights changed; for averaged weights, the input of batch norms can be
very different (Izmailov et al. 2018, "Averaging weights leads to wider optima", section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def has_norms(network: nn.Module) -> bool:
    """Return whether a network has batch norms that measure what comes to them."""
    return bool(_norms(network))


def _norms(network: nn.Module) -> list[Any]:
    return [part for part in network.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]


@contextmanager
def norms_measured_anew(network: nn.Module) -> Iterator[list[Any]]:
    """Measure the statistics of a network's batch norms within the context, as the mean over all batches that are run.

    All other modules keep their mode; batch norms end in inference mode. Batch norms without running statistics, or
    through which no batch is run, do not change.

    Yields:
        The batch norms that are measured; if there are none, nothing needs to be run.
    """
    norms = _norms(network)
    before = [(norm.momentum, {name: value.clone() for name, value in norm.named_buffers()}) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    with torch.no_grad():
        yield norms
    for norm, (momentum, buffers) in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()
        if not norm.num_batches_tracked:
            norm.load_state_dict(buffers, strict=False)
