"""What a network is trained for: choosing colour bins, or giving chroma outright."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch.nn import functional

from tinct.color.bins import ColorBins
from tinct.color.spaces import RGB_TO_YUV
from tinct.errors import SettingError
from tinct.learn.augment import Augmentation, Augmenter
from tinct.learn.networks.layers import Network

Batch = dict[str, torch.Tensor]


def split_rgb(rgb: torch.Tensor, space: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Give luma and chroma of pictures.

    Args:
        rgb: (N, 3, H, W) sRGB in 0..1.
        space: `yuv` or `lab`.

    Returns:
        Luma (N, 1, H, W) in 0..1 and chroma (N, 2, H, W) in the space's units, as `ChromaSpace.split` gives them.
    """
    # Never in bfloat16: its rounding alone would move greys into a neighbouring bin.
    with torch.autocast(rgb.device.type, enabled=False):
        if space == "yuv":
            yuv = torch.einsum("ij,njhw->nihw", torch.as_tensor(RGB_TO_YUV, device=rgb.device), rgb.float())
            return yuv[:, :1], yuv[:, 1:]
        from kornia.color import rgb_to_lab

        lab = rgb_to_lab(rgb.float())
        return lab[:, :1] / 100, lab[:, 1:]


def shrink(values: torch.Tensor, mask: torch.Tensor, stride: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Average values (N, C, H, W) where the mask (N, 1, H, W) is 1 over blocks; blocks partly outside do not count."""
    if stride == 1:
        return values, mask
    return functional.avg_pool2d(values, stride), (functional.avg_pool2d(mask, stride) > 0.999).to(mask.dtype)


class BinTable:
    """`ColorBins` on tensors: encoding by look-up table, decoding by annealed mean.

    It is no `nn.Module`, since averaging the weights would average, and round down, its whole numbers too.
    """

    def __init__(self, bins: ColorBins) -> None:
        """Copy the bins' tables."""
        self.low = torch.tensor(bins.low).view(1, 2, 1, 1)
        self.high = torch.tensor(bins.high).view(1, 2, 1, 1)
        self.lookup = torch.from_numpy(bins.lookup)
        self.centers = torch.from_numpy(bins.centers)
        self.weights = torch.from_numpy(bins.weights).float()

    def to(self, device: torch.device) -> BinTable:
        """Move the tables to a device."""
        for name in ("low", "high", "lookup", "centers", "weights"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def encode(self, chroma: torch.Tensor) -> torch.Tensor:
        """Give the bin (N, H, W) of chroma (N, 2, H, W)."""
        grid = self.lookup.shape[0]
        cells = ((chroma - self.low) / (self.high - self.low) * grid).floor().long().clamp(0, grid - 1)
        return self.lookup[cells[:, 0], cells[:, 1]]

    def decode(self, logits: torch.Tensor, temperature: float) -> torch.Tensor:
        """Give chroma (N, 2, H, W) from logits (N, n, H, W)."""
        with torch.autocast(logits.device.type, enabled=False):
            shares = torch.softmax(logits.float() / temperature, dim=1)
            return torch.einsum("nbhw,bc->nchw", shares, self.centers)


class ColorizeTask(lightning.LightningModule):
    """One training: network, loss and optimiser.

    With bins the loss is the cross-entropy weighed by the bins' weights (Billaut et al. 2018); without, the squared
    error of chroma. Both are averaged over the pixels that belong to photographs, not over padding.
    """

    def __init__(
        self,
        network: Network,
        *,
        space: str,
        bins: ColorBins | None,
        augmentation: Augmentation,
        learning_rate: float,
        weight_decay: float,
        schedule: Schedule,
        seed: int = 0,
        temperature: float = 0.5,
    ) -> None:
        """Set up; `learning_rate` may be changed before the training starts."""
        super().__init__()
        self.seed = seed
        self.network = network
        self.space = space
        self.table = BinTable(bins) if bins is not None else None
        self.augmenter = Augmenter(augmentation)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.temperature = temperature
        # Chroma is scaled to about ±1 for the squared error, so that its size does not depend on the space's units.
        self.chroma_scale = 1.0 if space == "yuv" else 110.0

    def on_fit_start(self) -> None:
        """Bring the bins to where the network is."""
        if self.table is not None:
            self.table.to(self.device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Draw noise and mirroring from seed, step and rank alone, so that a resumed training draws the same."""
        torch.manual_seed((self.seed * 1_000_003 + self.global_step) * 1009 + self.global_rank)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Give the network's output for luma (N, 1, H, W) in 0..1."""
        output: torch.Tensor = self.network(luma.contiguous(memory_format=torch.channels_last))
        return output

    def _pictures(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        rgb = batch["rgb"].permute(0, 3, 1, 2).float().div_(255)
        return rgb, batch["mask"][:, None].float()

    def loss(self, output: torch.Tensor, chroma: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Give the loss of an output for true chroma (N, 2, h, w) and mask (N, 1, h, w) of the output's size."""
        valid = mask.sum().clamp(min=1)
        if self.table is None:
            wrong = (output.float() - chroma / self.chroma_scale).square().mean(dim=1, keepdim=True)
            return (wrong * mask).sum() / valid
        truth = self.table.encode(chroma)
        wrong = functional.cross_entropy(output.float(), truth, reduction="none")
        return (wrong * self.table.weights[truth] * mask[:, 0]).sum() / valid

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Give the loss of one batch."""
        rgb, mask = self.augmenter.geometry(*self._pictures(batch))
        luma, chroma = split_rgb(rgb, self.space)
        chroma, mask = shrink(chroma, mask, self.network.stride)
        with torch.autocast(luma.device.type, enabled=False):
            seen = self.augmenter.luma(luma)
        loss = self.loss(self(seen), chroma, mask)
        self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True, batch_size=len(rgb))
        return loss

    def decode(self, output: torch.Tensor) -> torch.Tensor:
        """Give chroma (N, 2, h, w) in the space's units from the network's output."""
        if self.table is None:
            return output.float() * self.chroma_scale
        return self.table.decode(output.float(), self.temperature)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Measure one batch."""
        rgb, mask = self._pictures(batch)
        luma, chroma = split_rgb(rgb, self.space)
        chroma, mask = shrink(chroma, mask, self.network.stride)
        output = self(luma)
        found = self.decode(output)
        valid = mask.sum().clamp(min=1)
        values = {
            "val_loss": self.loss(output, chroma, mask),
            "val_chroma_error": ((found - chroma).norm(dim=1, keepdim=True) * mask).sum() / valid,
            "val_grey_error": (chroma.norm(dim=1, keepdim=True) * mask).sum() / valid,
            "val_chroma_ratio": (found.norm(dim=1, keepdim=True) * mask).sum()
            / (chroma.norm(dim=1, keepdim=True) * mask).sum().clamp(min=1e-6),
        }
        if self.table is not None:
            right = (output.argmax(dim=1) == self.table.encode(chroma)).float()
            values["val_accuracy"] = (right * mask[:, 0]).sum() / valid
        self.log_dict(values, batch_size=len(rgb), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Give AdamW, decaying weights of convolutions only, with the schedule's rate for each step."""
        decayed = [weight for weight in self.network.parameters() if weight.ndim > 1]
        plain = [weight for weight in self.network.parameters() if weight.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=1.0,
        )
        # The whole rate comes from a plain function, of which checkpoints keep nothing: a training resumed with another
        # rate or length follows the new plan.
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self.learning_rate * self.schedule(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Schedule:
    """The learning rate over a training: a short rise, a plateau, and a straight fall to nearly nothing.

    The fall is the second step at a lower rate of Billaut et al. 2018, without the jump. A training resumed with
    another number of steps keeps its plateau and falls at its new end.
    """

    def __init__(self, *, steps: int, decay: float, warmup: int = 200) -> None:
        """Plan for a number of steps, of which the last share `decay` (0..1) falls.

        Raises:
            SettingError: `decay` lies outside 0..1.
        """
        if not 0 <= decay <= 1:
            raise SettingError(f"decay must lie in 0..1, not {decay}")
        self.steps = steps
        self.decay = decay
        self.warmup = min(warmup, max(1, steps // 10))

    def __call__(self, step: int) -> float:
        """Give the factor on the learning rate at a step."""
        rise = min(1.0, (step + 1) / self.warmup)
        falling = self.decay * self.steps
        left = (self.steps - step) / falling if falling > 0 else 1.0
        return rise * min(1.0, max(0.01, left))
