"""The doctor as a Lightning callback."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tinct.errors import SettingError
from tinct.learn.doctor.findings import Diagnosis
from tinct.learn.doctor.own.answers import Loss
from tinct.learn.doctor.own.diagnose import STEPS, diagnose

# Attributes in which Lightning modules usually keep their loss.
LOSSES = ("loss", "criterion", "loss_fn", "loss_function")


class DoctorCallback(Callback):
    """Examines a training before its first step, and prints what is wrong with it.

    Attributes:
        diagnosis: the result; None before the training starts.

    >>> from lightning.pytorch import Trainer
    >>> from torch import nn
    >>> trainer = Trainer(callbacks=[DoctorCallback(nn.CrossEntropyLoss())], logger=False, accelerator="cpu",
    ...                   enable_model_summary=False, enable_checkpointing=False)
    """

    def __init__(self, loss: Loss | None = None, *, strict: bool = False, steps: int = STEPS) -> None:
        """Prepare.

        Args:
            loss: function of (outputs, targets); default: the module's attribute `loss`, `criterion`, `loss_fn` or
                `loss_function`.
            strict: stop the training with SettingError if anything serious is found.
            steps: of each short training, at most.
        """
        self.loss, self.strict, self.steps = loss, strict, steps
        self.diagnosis: Diagnosis | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Examine the module with the trainer's loaders and first optimizer.

        Raises:
            SettingError: there is no loss; or, if strict, something serious is found.
            DataError: the loader yields nothing that can be examined.
        """
        own = (getattr(pl_module, name, None) for name in LOSSES)
        loss = self.loss or next((kept for kept in own if callable(kept)), None)
        if loss is None:
            raise SettingError("DoctorCallback needs the loss: pass it, or keep it as the module's attribute "
                               + " or ".join(LOSSES))  # fmt: skip
        held_out: Any = trainer.val_dataloaders
        if isinstance(held_out, (list, tuple)):  # the first of several
            held_out = next(iter(held_out), None)
        own_trainer: Any = pl_module._trainer
        pl_module._trainer = None  # otherwise each copy of the module would copy the trainer
        try:
            self.diagnosis = diagnose(
                pl_module,
                trainer.train_dataloader,
                loss,
                optimizer=trainer.optimizers[0] if trainer.optimizers else None,
                val_loader=held_out,
                epochs=trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None,
                steps=self.steps,
            )
        finally:
            pl_module._trainer = own_trainer
        if trainer.is_global_zero:
            print(self.diagnosis)
        serious = [finding.title for finding in self.diagnosis.findings if finding.level == "serious"]
        if self.strict and serious:
            raise SettingError(f"DoctorCallback has stopped the training: {serious[0]}")
