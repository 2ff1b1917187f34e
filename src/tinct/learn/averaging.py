"""The moving average of the weights, whose batch norms are measured anew before it is judged or kept."""

from __future__ import annotations

from itertools import islice
from typing import Any

from lightning.pytorch.callbacks import EMAWeightAveraging

from tinct.learn.batch_norm import norms_measured_anew
from tinct.learn.tasks import ColorizeTask

# Steps between updates of the moving average; one at every step would cost 4 % of the time for no gain.
AVERAGE_EVERY = 5
# Batches of an epoch that batch norms are measured on.
MEASURED_ON = 64


class AveragedWeights(EMAWeightAveraging):
    """Lightning's exponential moving average of the weights, validated and saved in place of the last weights.

    What a batch norm knows of its input, mean and variance, was measured with other weights than the average's; at a
    high rate with quite other ones, and a loss of 3.81 became 3.98. So it is measured anew before each validation
    (Izmailov et al. 2018, "Averaging weights leads to wider optima", section 3.2).
    """

    def __init__(self, average: float) -> None:
        """Set up; `average` is the share of the average that one step keeps."""
        super().__init__(decay=average**AVERAGE_EVERY, update_every_n_steps=AVERAGE_EVERY, use_buffers=True)

    def on_validation_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Put the average in the place of the weights, and measure its batch norms."""
        super().on_validation_epoch_start(trainer, pl_module)
        measure_batch_norms(pl_module, trainer)


def measure_batch_norms(task: ColorizeTask, trainer: Any) -> None:
    """Measure what comes to batch norms on an epoch's first squares; those that measure nothing stay as they are."""
    with norms_measured_anew(task) as norms, trainer.precision_plugin.forward_context():
        if not norms:
            return
        batches = islice(trainer.datamodule.train_dataloader(), min(MEASURED_ON, trainer.num_training_batches))
        for batch in batches:
            task(task.shown(trainer.strategy.batch_to_device(batch)).seen)
    for norm in norms:
        for measured in (norm.running_mean, norm.running_var):  # of all processes alike
            measured.copy_(trainer.strategy.reduce(measured, reduce_op="mean"))
