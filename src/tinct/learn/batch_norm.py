"""What batch norms know of their input, measured anew: for weights that they have not been measured with.

Mean and variance were gathered while the weights changed; the average of the weights gets quite another input (Izmailov
et al. 2018, "Averaging weights leads to wider optima", section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def norms_measured_anew(network: nn.Module) -> Iterator[list[Any]]:
    """Measure what comes to a network's batch norms within the context, as the mean of all batches.

    Everything else of the network stays in its mode; batch norms end in inference mode. Those that nothing comes to, or
    that measure nothing, stay as they are.

    Yields:
        The batch norms that are measured; nothing has to be run where there are none.
    """
    norms: list[Any] = [part for part in network.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
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
