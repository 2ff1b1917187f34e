"""Run by torchrun in two processes: gradients beside those of one process, then a training.

torchrun --nproc-per-node 2 tests/learn/two_ranks.py SETTINGS.json RUN
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel

from tinct.learn.devices import first_alone, joined, rank
from tinct.learn.networks.registry import build
from tinct.learn.schedule import Schedule
from tinct.learn.settings import Training
from tinct.learn.tasks import ColorizeTask, split_rgb
from tinct.learn.train import train


def check_gradients() -> None:
    """Check that two halves of a batch, one of them mostly padding, give the gradient of the whole."""
    torch.manual_seed(0)
    network = build("flat", outputs=2, options={"width": 4})
    one = ColorizeTask(network, Training("", task="regression"), bins=None, schedule=Schedule(steps=1, decay=0))
    two = copy.deepcopy(one)
    luma, chroma = split_rgb(torch.rand(4, 3, 16, 16), "yuv")
    mask = torch.ones(4, 1, 16, 16)
    mask[:2, :, 3:] = 0
    one.loss(one.network(luma), chroma, mask).backward()
    own = slice(2 * rank(), 2 * rank() + 2)
    joint = DistributedDataParallel(two.network)  # it joins the gradients as long as it lives
    two.loss(joint(luma[own]), chroma[own], mask[own]).backward()
    for expected, found in zip(one.network.parameters(), two.network.parameters(), strict=True):
        assert expected.grad is not None
        assert expected.grad.abs().max() > 0
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-4, atol=1e-7)


if __name__ == "__main__":
    settings, out = sys.argv[1:]
    with joined("cpu"):
        check_gradients()
        assert first_alone(rank) == 0
        # In the same group: processes that join a second time may still find the first group's addresses.
        train(Training(**json.loads(Path(settings).read_text(encoding="utf-8"))), out)
