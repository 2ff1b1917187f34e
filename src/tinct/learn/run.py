"""A training's settings and its folder.

A run is a folder:

    config.json           what was asked for, and the colour bins
    checkpoints/last.ckpt the state after the last finished epoch; best.ckpt the one with the lowest validation loss
    metrics.csv           one row per epoch; tensorboard/ holds the same
    samples/epoch-003.png validation photographs: grey, predicted, true
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tinct.color.bins import ColorBins
from tinct.color.spaces import chroma_space
from tinct.errors import DataError, SettingError
from tinct.files import written_beside
from tinct.learn.augment import Augmentation
from tinct.learn.hardware import choose_devices, choose_precision
from tinct.learn.networks.encoder import EncoderNetwork
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build
from tinct.learn.tasks import Schedule
from tinct.runtime.modelfile import OUTPUT_CHANNELS, OUTPUTS

# Pixels of an edge; a batch of larger squares fits into no memory there is.
LARGEST_CROP = 2048
# What says no scale was written before `CHROMA_SCALES` became what it is.
OLD_CHROMA_SCALES = {"yuv": 1.0, "lab": 110.0}


@dataclass(frozen=True)
class Training:
    """Everything that decides a training; two trainings with equal settings on one machine give equal networks.

    Attributes:
        data: a prepared dataset (folder or http(s) address) or a plain folder of photographs.
        network: name in `tinct.learn.networks.registry`.
        options: plain values of the network's options.
        task: `bins` (classification), `regression` (chroma) or `rgb` (the whole picture, to compare with).
        space: `yuv` or `lab`.
        grid: cells of the bins' grid along each axis.
        bins: how many colour bins.
        rebalance: lambda of the bins' weights, 0..1.
        bins_from: photographs that the bins are learned from, at most.
        epochs: passes over the training photographs.
        batch_size: photographs a step, on each device.
        learning_rate: peak rate, or `auto` to look for it.
        weight_decay: AdamW's, on convolutions.
        decay: share of all steps over which the rate falls at the end.
        average: decay of the exponential moving average of the weights; 0 turns it off.
        clip: largest norm of the gradient; 0 turns clipping off.
        crop: edge of the training squares in pixels.
        zoom: see `tinct.learn.photo_stream.Crop`.
        augmentation: changes to the training pictures.
        seed: decides weights, order, crops and noise.
        workers: processes that read photographs.
        val: share kept for validation, for plain folders.
        precision: `auto` (bf16 where the processor has it), `bf16` or `float32`.
        devices: `auto`, `cpu`, or a number of accelerators.
        limit: photographs an epoch, at most (for trying things out).
        epoch_steps: steps an epoch, whatever the number of photographs; None: as many as pass over them once.
        minutes: stop after so long, validations included, if `epochs` have not passed by then; the rate falls towards
            whichever end is nearer.
        subset: share of the training photographs that is used, drawn from their names and the seed; a smaller share
            is part of a larger one.
        categories: the only ones that are trained on; all of them where empty. Validation keeps all.
        resample: how much more often photographs of rare colours are drawn, 0..1: in proportion to the mean weight that
            their pixels have for a lambda of 1 - resample; 0 draws all alike.
        initial: whose weights and bins to start from: the name of a model that comes with tinct, a model file, or
            its `.safetensors` twin; None starts anew.
        encoder_weights: file of the encoder's pretrained weights, for networks that have such an encoder; see
            `tinct.learn.networks.backbones.load_backbone`.
        from_scratch: start the encoder of such a network from nothing.
        encoder_rate: the encoder's learning rate as a share of all others', above 0.
        softness: how far a pixel's colour is spread over the bins around it, in cells of the grid; see `BinTable`.
    """

    data: str
    network: str = "tinct"
    options: dict[str, Any] = field(default_factory=dict)
    task: str = "bins"
    space: str = "yuv"
    grid: int = 16
    bins: int = 32
    rebalance: float = 0.4
    bins_from: int = 4000
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float | str = 1e-3
    weight_decay: float = 0.02
    decay: float = 0.3
    average: float = 0.998
    clip: float = 1.0
    crop: int = 128
    zoom: float = 1.75
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    workers: int = 2
    val: float = 0.1
    precision: str = "auto"
    devices: str = "auto"
    limit: int | None = None
    initial: str | None = None
    encoder_weights: str | None = None
    from_scratch: bool = False
    epoch_steps: int | None = None
    minutes: float | None = None
    subset: float = 1.0
    categories: tuple[str, ...] = ()
    resample: float = 0.0
    encoder_rate: float = 1.0
    softness: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    def check(self) -> None:
        """Refuse settings that make no sense, before anything is written.

        Raises:
            SettingError: naming the first one.
        """
        chroma_space(self.space)
        network = build(self.network, outputs=2, options=self.options)
        choose_precision(self.precision, accelerator=choose_devices(self.devices)[0])
        Schedule(steps=1, decay=self.decay)
        for fine, what in self._conditions(network):
            if not fine:
                raise SettingError(what)
        self._check_encoder(network)

    def _conditions(self, network: Network) -> tuple[tuple[bool, str], ...]:
        rate = self.learning_rate
        augmentation = self.augmentation
        return (
            (self.task in OUTPUTS, f"task must be bins, regression or rgb, not '{self.task}'"),
            (self.grid >= 2 and self.bins >= 2, f"grid and bins must be at least 2, not {self.grid} and {self.bins}"),
            (0 <= self.rebalance <= 1, f"rebalance must lie in 0..1, not {self.rebalance}"),
            (self.epochs >= 1, f"epochs must be at least 1, not {self.epochs}"),
            (self.batch_size >= 1, f"the batch size must be at least 1, not {self.batch_size}"),
            (
                rate == "auto" or (not isinstance(rate, str) and 0 < rate < 10),
                f"the learning rate must be auto, or above 0 and below 10, not {rate}",
            ),
            (0 <= self.average < 1, f"average must lie in 0..1, not {self.average}"),
            (
                0 < self.crop <= LARGEST_CROP and self.crop % network.multiple == 0,
                f"crop must be a multiple of {network.multiple} for network '{self.network}', and at most "
                f"{LARGEST_CROP}, not {self.crop}",
            ),
            (self.zoom >= 1, f"zoom must be at least 1, not {self.zoom}"),
            (self.limit is None or self.limit >= 1, f"limit must be at least 1, not {self.limit}"),
            (self.epoch_steps is None or self.epoch_steps >= 1, f"epoch_steps must be above 0, not {self.epoch_steps}"),
            (self.epoch_steps is None or self.limit is None, "limit and epoch_steps say the same; give one of them"),
            (self.minutes is None or self.minutes > 0, f"minutes must be above 0, not {self.minutes}"),
            (0 < self.subset <= 1, f"subset must lie above 0 and at most at 1, not {self.subset}"),
            (0 <= self.resample <= 1, f"resample must lie in 0..1, not {self.resample}"),
            (self.encoder_rate > 0, f"encoder_rate must be above 0, not {self.encoder_rate}"),
            (self.softness >= 0, f"softness must not be negative, not {self.softness}"),
            (self.workers >= 0, f"workers must not be negative, not {self.workers}"),
            (0 <= augmentation.contrast < 1, f"contrast must lie in 0..1, not {augmentation.contrast}"),
            (0 <= augmentation.brightness < 1, f"brightness must lie in 0..1, not {augmentation.brightness}"),
            *(
                (0 <= getattr(augmentation, name) <= 1, f"{name} must lie in 0..1, not {getattr(augmentation, name)}")
                for name in ("film", "fading", "blur")
            ),
            (all(variance > 0 for variance in augmentation.noise), "noise variances must be above 0"),
        )

    def _check_encoder(self, network: Network) -> None:
        """Refuse an encoder without a beginning, or with two."""
        starts = [self.encoder_weights is not None, self.from_scratch, self.initial is not None]
        if not isinstance(network, EncoderNetwork):
            if self.encoder_weights is not None:
                raise SettingError(f"network '{self.network}' has no encoder to be pretrained; leave the weights out")
        elif sum(starts) > 1:
            raise SettingError("encoder weights, from scratch and init are three ways to start; give one of them")
        elif not any(starts) and network.encoder.packaged_weights() is None:
            raise SettingError(
                f"network '{self.network}' starts from a pretrained {network.backbone}: {network.encoder.get_weights}"
            )
        elif self.from_scratch and network.frozen:
            raise SettingError("an encoder from scratch that is frozen never learns; add --option frozen=false")
        elif self.encoder_weights is not None and not network.pretrainable:
            raise SettingError(
                "published encoder weights are of full width; leave the option width, or encoder_width, out"
            )

    def changed(self, changes: dict[str, Any]) -> Training:
        """Give this training with other settings.

        Args:
            changes: names of `Training` or `Augmentation` with their values.

        Raises:
            SettingError: there is no such setting.
        """
        shades = {name: value for name, value in changes.items() if name in Augmentation.__dataclass_fields__}
        plain = {name: value for name, value in changes.items() if name not in shades}
        if unknown := sorted(set(plain) - set(self.__dataclass_fields__)):
            raise SettingError(f"a training has no setting {', '.join(unknown)}")
        return replace(self, **plain, augmentation=replace(self.augmentation, **shades))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Training:
        """Make a training from what `to_json` gave."""
        augmentation = dict(values["augmentation"])
        augmentation["noise"] = tuple(augmentation["noise"])
        categories = tuple(values.get("categories", ()))
        return cls(**{**values, "augmentation": Augmentation(**augmentation), "categories": categories})


@dataclass(frozen=True)
class Run:
    """A training's folder, opened.

    Attributes:
        path: the folder.
        training: its settings.
        bins: its colour bins, or None for other tasks.
        chroma_scale: what chroma is divided by to be learned outright.
        encoder: where the encoder's weights come from: the file's `name` and `sha256`; None for weights of its own.
    """

    path: Path
    training: Training
    bins: ColorBins | None
    chroma_scale: float = 1.0
    encoder: dict[str, str] | None = None

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Read a run's settings.

        Raises:
            DataError: the folder is no run.
        """
        file = Path(path) / "config.json"
        if not file.is_file():
            raise DataError(f"{path}: no training run (it has no config.json); give the folder that --out named")
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            bins = ColorBins.from_card(values["bins"]) if values["bins"] else None
            training = Training.from_json(values["training"])
            scale = float(values.get("chroma_scale", OLD_CHROMA_SCALES[training.space]))
            return cls(Path(path), training, bins, scale, values.get("encoder"))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{file}: damaged ({error})") from error

    @property
    def outputs(self) -> int:
        """Channels that the network gives."""
        return self.bins.count if self.bins is not None else OUTPUT_CHANNELS[self.training.task]

    def network(self) -> Network:
        """Build the run's network with fresh weights."""
        return build(self.training.network, outputs=self.outputs, options=self.training.options)

    def save(self) -> None:
        """Write config.json."""
        values = {
            "training": self.training.to_json(),
            "bins": self.bins.to_card() if self.bins else None,
            "chroma_scale": self.chroma_scale,
            "encoder": self.encoder,
        }
        with written_beside(self.path / "config.json") as partial:
            partial.write_text(json.dumps(values, indent=1), encoding="utf-8")


def finished_epochs(state: dict[str, Any]) -> int:
    """Count the finished epochs of a loaded checkpoint; checkpoints are made at the ends of epochs only."""
    return int(state["loops"]["fit_loop"]["epoch_progress"]["current"]["ready"])
