"""The tasks that a network is trained for: colour bins, chroma itself, or the whole picture."""

from __future__ import annotations

from typing import Any, NamedTuple

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from tinct.color.bins import ColorBins
from tinct.color.spaces import RGB_TO_YUV, YUV_TO_RGB
from tinct.learn.augment import Augmenter
from tinct.learn.devices import mean_over_ranks, process_count
from tinct.learn.networks.layers import Network
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.schedule import Schedule
from tinct.learn.settings import Training

Batch = dict[str, torch.Tensor]
# Chroma is divided by this, so that it is learned in about ±1; that of Lab is as in Hultgren et al.
CHROMA_SCALES = {"yuv": 1.0, "lab": 128.0}
TEMPERATURE = 0.5  # at which bins are decoded to measure accuracy
RIGHT_WITHIN = 10.0  # for `accuracy_10`, a pixel is right within this distance in Lab (CIE 1976)


def unit_rgb(squares: torch.Tensor) -> torch.Tensor:
    """Return a batch's squares (N, H, W, 3) uint8 as (N, 3, H, W) sRGB in 0..1."""
    return squares.permute(0, 3, 1, 2).float().div_(255)


def split_rgb(rgb: torch.Tensor, space: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return luma (N, 1, H, W) in 0..1 and chroma (N, 2, H, W) of sRGB (N, 3, H, W) in 0..1.

    `space` is `yuv` or `lab`; chroma is in its units, as from `ChromaSpace.split`.
    """
    # Never in bfloat16, whose rounding alone would move greys into a neighbouring bin.
    with torch.autocast(rgb.device.type, enabled=False):
        if space == "yuv":
            yuv = torch.einsum("ij,njhw->nihw", torch.as_tensor(RGB_TO_YUV, device=rgb.device), rgb.float())
            return yuv[:, :1], yuv[:, 1:]
        lab = rgb_to_lab(rgb)
        return lab[:, :1] / 100, lab[:, 1:]


def join_lab(luma: torch.Tensor, chroma: torch.Tensor, space: str) -> torch.Tensor:
    """Return pictures (N, 3, H, W) in Lab of luma (N, 1, H, W) in 0..1 and chroma (N, 2, H, W), as from `split_rgb`.

    YUV colours outside of sRGB are clipped to it.
    """
    if space == "lab":
        return torch.cat([luma * 100, chroma], dim=1)
    with torch.autocast(luma.device.type, enabled=False):
        yuv = torch.cat([luma, chroma], dim=1).float()
        rgb = torch.einsum("ij,njhw->nihw", torch.as_tensor(YUV_TO_RGB, device=yuv.device), yuv)
        return rgb_to_lab(rgb.clamp(0, 1))


def rgb_to_lab(rgb: torch.Tensor) -> torch.Tensor:
    """Return Lab (N, 3, H, W), white D65, of sRGB (N, 3, H, W) in 0..1."""
    from kornia.color import rgb_to_lab as convert

    with torch.autocast(rgb.device.type, enabled=False):
        return convert(rgb.float())


def shrink(values: torch.Tensor, mask: torch.Tensor, stride: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values (N, C, H, W) and mask (N, 1, H, W) averaged over blocks; blocks partly outside get mask 0."""
    if stride == 1:
        return values, mask
    return functional.avg_pool2d(values, stride), (functional.avg_pool2d(mask, stride) > 0.999).to(mask.dtype)


def _count(mask: torch.Tensor) -> torch.Tensor:
    """Return the number of pixels inside the mask, at least 1; with several processes, its mean over them.

    Dividing by each process's own number would give more weight to the pixels of batches with much padding.
    """
    return mean_over_ranks(mask.sum()).clamp(min=1)


def _weight(pictures: torch.Tensor) -> int:
    """Return the weight of a batch's figures in the mean of an epoch.

    Lightning divides the sum over processes by their number and rounds it; a multiple of that number avoids rounding.
    """
    return len(pictures) * process_count()


class BinTable:
    """`ColorBins` on tensors: encoding by look-up table, decoding by annealed mean.

    It is not an `nn.Module`, since averaging the weights would then also average, and round, its integers.
    """

    def __init__(self, bins: ColorBins, *, softness: float = 0.0) -> None:
        """Copy the bins' tables.

        `softness` is the width, in cells, of the Gaussian that spreads each cell of the grid over its five nearest bins
        (half a cell in Zhang et al. 2016); 0: one bin for each cell.
        """
        self.soft = torch.from_numpy(_soft_cells(bins, softness)) if softness > 0 else None
        self.low = torch.tensor(bins.low).view(1, 2, 1, 1)
        self.high = torch.tensor(bins.high).view(1, 2, 1, 1)
        self.lookup = torch.from_numpy(bins.lookup)
        self.centers = torch.from_numpy(bins.centers)
        self.weights = torch.from_numpy(bins.weights).float()

    def to(self, device: torch.device) -> BinTable:
        """Move the tables to a device."""
        for name, value in vars(self).items():
            if value is not None:
                setattr(self, name, value.to(device))
        return self

    def cross_entropy(self, logits: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy (N, h, w) of logits (N, n, h, w) for chroma (N, 2, h, w), weighted by its bins."""
        cells = self._cells(chroma)
        bins = self.lookup.flatten()[cells]
        weights = self.weights[bins]
        if self.soft is None:
            return functional.cross_entropy(logits, bins, reduction="none") * weights
        shares = self.soft[cells].permute(0, 3, 1, 2)
        return -(shares * torch.log_softmax(logits, dim=1)).sum(dim=1) * weights

    def encode(self, chroma: torch.Tensor) -> torch.Tensor:
        """Return the bin (N, H, W) of chroma (N, 2, H, W)."""
        return self.lookup.flatten()[self._cells(chroma)]

    def _cells(self, chroma: torch.Tensor) -> torch.Tensor:
        """Return the flat grid cell (N, H, W) of chroma (N, 2, H, W)."""
        grid = self.lookup.shape[0]
        cells = ((chroma - self.low) / (self.high - self.low) * grid).floor().long().clamp(0, grid - 1)
        return cells[:, 0] * grid + cells[:, 1]

    def decode(self, logits: torch.Tensor, temperature: float) -> torch.Tensor:
        """Return chroma (N, 2, H, W) from logits (N, n, H, W)."""
        with torch.autocast(logits.device.type, enabled=False):
            shares = torch.softmax(logits.float() / temperature, dim=1)
            return torch.einsum("nbhw,bc->nchw", shares, self.centers)


def _soft_cells(bins: ColorBins, softness: float) -> NDArray[np.float32]:
    """Return the distribution over bins of each flat grid cell, (grid x grid, n)."""
    grid = bins.lookup.shape[0]
    low, high = np.array(bins.low), np.array(bins.high)
    width = (high - low) / grid
    places = np.indices((grid, grid)).reshape(2, -1).T
    middles = low + (places + 0.5) * width
    return bins.encode_soft(middles, sigma=softness * float(width.max()))


class Shown(NamedTuple):
    """A batch of squares, after augmentation in training.

    Attributes:
        rgb: (N, 3, H, W) sRGB in 0..1.
        luma: (N, 1, H, W) in 0..1.
        chroma: (N, 2, H, W) in the space's units.
        mask: (N, 1, H, W), 1 inside the photograph.
        seen: (N, 1, H, W) luma that the network sees.
    """

    rgb: torch.Tensor
    luma: torch.Tensor
    chroma: torch.Tensor
    mask: torch.Tensor
    seen: torch.Tensor


class ColorizeTask(lightning.LightningModule):
    """One training: network, loss and optimiser.

    With bins the loss is the cross-entropy, weighted by the bins' weights (Billaut et al. 2018); for chroma and for
    whole pictures it is the squared error. It is averaged over the pixels of photographs, without padding.

    Two accuracies are measured on the same pixels: `accuracy_bins`, for bins, is the share whose likeliest bin is
    right; `accuracy_10`, for all tasks, is the share within 10 units of the truth in Lab (CIE 1976). With bins, the
    latter is measured in validation only, after decoding at `TEMPERATURE`. In training they are measured on augmented
    pictures, with the weights of each step.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        *,
        bins: ColorBins | None,
        schedule: Schedule,
        chroma_scale: float | None = None,
    ) -> None:
        """Set up.

        Args:
            network: to be trained.
            training: the settings; with a rate of `auto`, `learning_rate` must be set before the training starts.
            bins: None for tasks without bins.
            schedule: the rate's factor at each step.
            chroma_scale: what chroma is divided by for the squared error; default: that of the colour space.
        """
        super().__init__()
        self.network = network
        self.seed = training.seed
        self.space = training.space
        self.task = training.task
        self.table = BinTable(bins, softness=training.softness) if bins is not None else None
        self.encoder_rate = training.encoder_rate
        self.augmenter = Augmenter(training.augmentation)
        self.learning_rate = 0.0 if training.learning_rate == "auto" else float(training.learning_rate)
        self.weight_decay = training.weight_decay
        self.schedule = schedule
        self.chroma_scale = chroma_scale or CHROMA_SCALES[training.space]

    def on_fit_start(self) -> None:
        """Move the bins to the network's device."""
        if self.table is not None:
            self.table.to(self.device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed noise and mirroring by seed, step and rank only, so that a resumed training draws the same."""
        torch.manual_seed((self.seed * 1_000_003 + self.global_step) * 1009 + self.global_rank)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Return the network's output, in the task's range, for luma (N, 1, H, W) in 0..1."""
        return self.network.finish(self.network(luma.contiguous(memory_format=torch.channels_last)), self.task)

    def _answer(self, batch: Batch, luma: torch.Tensor) -> torch.Tensor:
        """Return the network's output for a batch, computed from stored features of its encoder if there are any."""
        if "features" not in batch:
            return self(luma)
        assert isinstance(self.network, TransferNetwork)
        features = batch["features"].contiguous(memory_format=torch.channels_last)
        return self.network.finish(self.network.decode(features), self.task)

    def _pictures(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        return unit_rgb(batch["rgb"]), batch["mask"][:, None].float()

    def loss(self, output: torch.Tensor, truth: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the loss of an output (N, outputs, h, w).

        `truth` is chroma (N, 2, h, w) in the space's units or, for whole pictures, sRGB (N, 3, h, w); `mask` (N, 1, h,
        w) is 1 inside the photograph.
        """
        valid = _count(mask)
        if self.table is None:
            scaled = truth if self.task == "rgb" else truth / self.chroma_scale
            wrong = (output.float() - scaled).square().mean(dim=1, keepdim=True)
            return (wrong * mask).sum() / valid
        return (self.table.cross_entropy(output.float(), truth) * mask[:, 0]).sum() / valid

    def shown(self, batch: Batch) -> Shown:
        """Return a batch's squares after augmentation."""
        forms = batch.get("form")
        rgb, mask = self.augmenter.geometry(*self._pictures(batch), forms)
        if self.task == "rgb":  # the network's picture must have the light of its input
            with torch.autocast(rgb.device.type, enabled=False):
                rgb = self.augmenter.light(rgb)
        luma, chroma = split_rgb(rgb, self.space)
        with torch.autocast(luma.device.type, enabled=False):
            seen = self.augmenter.grain(luma, forms) if self.task == "rgb" else self.augmenter.luma(luma, rgb, forms)
        return Shown(rgb, luma, chroma, mask, seen)

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Return the loss of one batch."""
        shown = self.shown(batch)
        values = self._compare(self._answer(batch, shown.seen), shown, lab=self.table is None)
        loss, weight = values.pop("loss"), _weight(shown.rgb)
        self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True, batch_size=weight, sync_dist=True)
        values = {f"train_{name}": value for name, value in values.items()}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=weight, sync_dist=True)
        return loss

    def _compare(self, output: torch.Tensor, shown: Shown, *, lab: bool) -> dict[str, torch.Tensor]:
        """Return the loss and the accuracies of an output; `accuracy_10` only if `lab`."""
        stride = self.network.stride
        truth, inside = shrink(shown.rgb if self.task == "rgb" else shown.chroma, shown.mask, stride)
        values = {"loss": self.loss(output, truth, inside)}
        valid = _count(inside)
        with torch.no_grad():
            if self.table is not None:
                right = (output.argmax(dim=1) == self.table.encode(truth)).float()
                values["accuracy_bins"] = (right * inside[:, 0]).sum() / valid
            if lab:
                small, _ = shrink(shown.luma, shown.mask, stride)
                predicted, expected = (
                    (rgb_to_lab(output), rgb_to_lab(truth))
                    if self.task == "rgb"
                    else (join_lab(small, self.decode(output), self.space), join_lab(small, truth, self.space))
                )
                near = ((predicted - expected).norm(dim=1, keepdim=True) <= RIGHT_WITHIN).float()
                values["accuracy_10"] = (near * inside).sum() / valid
        return values

    def decode(self, output: torch.Tensor) -> torch.Tensor:
        """Return chroma (N, 2, h, w) in the space's units from the network's output."""
        if self.task == "rgb":
            return split_rgb(output.float(), self.space)[1]
        if self.table is None:
            return output.float() * self.chroma_scale
        return self.table.decode(output.float(), TEMPERATURE)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Measure one batch."""
        rgb, mask = self._pictures(batch)
        luma, chroma = split_rgb(rgb, self.space)
        output = self._answer(batch, luma)
        values = self._compare(output, Shown(rgb, luma, chroma, mask, luma), lab=True)
        chroma, mask = shrink(chroma, mask, self.network.stride)
        decoded = self.decode(output)
        valid = _count(mask)
        error, true, predicted = (
            (vectors.norm(dim=1, keepdim=True) * mask).sum() for vectors in (decoded - chroma, chroma, decoded)
        )
        values |= {"chroma_error": error / valid, "grey_error": true / valid}
        values["chroma_ratio"] = predicted / true.clamp(min=1e-6)
        values = {f"val_{name}": value for name, value in values.items()}
        self.log_dict(values, batch_size=_weight(rgb), sync_dist=True)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip the gradient's norm; Lightning's own way refuses fused optimisers because of half precision."""
        if gradient_clip_val:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:
        """Return AdamW with the schedule's rate at each step; only weights of convolutions decay.

        Frozen weights are left out, so that they do not decay either.
        """
        groups = []
        for encoder, factor in ((False, 1.0), (True, self.encoder_rate)):
            learned = [
                weight
                for name, weight in self.network.named_parameters()
                if weight.requires_grad and name.startswith("encoder.") == encoder
            ]
            decayed = [weight for weight in learned if weight.ndim > 1]
            plain = [weight for weight in learned if weight.ndim <= 1]
            groups.append({"params": decayed, "weight_decay": self.weight_decay, "lr": factor})
            groups.append({"params": plain, "weight_decay": 0.0, "lr": factor})
        optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=1.0, fused=True)
        # The rate comes from a plain function, which checkpoints do not store, so that a training that is resumed with
        # another rate or length follows the new plan.
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self.learning_rate * self.schedule(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
