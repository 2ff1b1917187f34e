# ruff: noqa: RUF009 - `_setting` returns a field
"""The settings of a training, each with its default, its help text and its allowed values.

`tinct train` makes its options from these fields. Nothing here needs PyTorch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from tinct.errors import SettingError

if TYPE_CHECKING:
    from tinct.data.source import Source
    from tinct.learn.networks.layers import Network

LARGEST_CROP = 2048  # pixels: edge of a square; batches of larger ones do not fit into memory
FORMS = 7  # of each photograph, as the ColorUNet's authors show it; see `tinct.learn.sevenfold`


@dataclass(frozen=True)
class Allowed:
    """The values that a setting may have."""

    words: str  # completes the sentence "the setting must ..."
    test: Callable[[Any], bool]


SHARE = Allowed("lie in 0..1", lambda value: 0 <= value <= 1)
BELOW_ONE = Allowed("lie in 0..1, and below 1", lambda value: 0 <= value < 1)
PART = Allowed("lie above 0 and at most at 1", lambda value: 0 < value <= 1)
POSITIVE = Allowed("be above 0", lambda value: value > 0)
NOT_NEGATIVE = Allowed("not be negative", lambda value: value >= 0)
AT_LEAST_ONE = Allowed("be at least 1", lambda value: value >= 1)
AT_LEAST_TWO = Allowed("be at least 2", lambda value: value >= 2)
RATE = Allowed(
    "be auto, or above 0 and below 10",
    lambda value: value == "auto" or (not isinstance(value, str) and 0 < value < 10),
)
CROP = Allowed(f"be at least 1 and at most {LARGEST_CROP}", lambda value: 0 < value <= LARGEST_CROP)
TASK = Allowed("be bins, regression or rgb", lambda value: value in {"bins", "regression", "rgb"})
SCALING = Allowed("be area or lanczos", lambda value: value in {"area", "lanczos"})
SCHEDULE = Allowed("be fall or two-step", lambda value: value in {"fall", "two-step"})
VARIANCES = Allowed("be variances above 0", lambda value: all(variance > 0 for variance in value))


def _setting(
    default: Any, text: str, metavar: str = "", *, allowed: Allowed | None = None, flag: str | None = None
) -> Any:
    """Return a field with its default (a type is called for it), help, metavar, allowed values and option name."""
    metadata = {"help": text, "metavar": metavar, "allowed": allowed, "flag": flag}
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Augmentation:
    """Random changes to training pictures; cropping and scaling are done by `tinct.learn.photo_stream.Crop`.

    Noise, contrast, brightness (0..1), film, fading and blur change luma only, not chroma.
    """

    flip: bool = _setting(True, "Mirror half of the photographs.")
    random_crop: bool = _setting(True, "Crop and scale at random, instead of in the middle.")
    noise: tuple[float, ...] = _setting(
        # Variances; 60 % of the pictures get grain, equally many of each variance.
        (1e-4, 3e-4, 1e-3, 3e-3), "Add grain of several strengths.", allowed=VARIANCES
    )  # fmt: skip
    contrast: float = _setting(
        0.25, "Multiply contrast by a factor of 1 minus this to 1 plus this; 0: keep it.", "SHARE", allowed=BELOW_ONE
    )
    brightness: float = _setting(
        0.1, "Change brightness by up to this, up or down; 0: keep it.", "SHARE", allowed=BELOW_ONE
    )
    # Orthochromatic and early panchromatic emulsions: more or less blind to red, and sensitive to blue.
    film: float = _setting(
        0.0, "Show this share of the photographs as early film saw them, blind to red.", "SHARE", allowed=SHARE
    )
    # Luma gets a gamma of 0.6 to 1.6, a raised black and a lowered white.
    fading: float = _setting(0.0, "Show this share of the photographs faded, dark or bright.", "SHARE", allowed=SHARE)
    blur: float = _setting(0.0, "Show this share of the photographs out of focus.", "SHARE", allowed=SHARE)
    sevenfold: bool = _setting(
        False,
        "Show each photograph in seven forms an epoch: unchanged, mirrored, with grain of three strengths, and two "
        "crops with edges of 0.7 of its own.",
    )

    @property
    def forms(self) -> int:
        """Number of times that each photograph is shown in an epoch, each time in another form."""
        return FORMS if self.sevenfold else 1


_NOTHING = Augmentation(flip=False, random_crop=False, noise=(), contrast=0.0, brightness=0.0)
# Name -> set of augmentation; `published` is that of Billaut et al. 2018, section 3.2.
AUGMENTATIONS = {"usual": Augmentation(), "none": _NOTHING, "published": replace(_NOTHING, sevenfold=True)}


@dataclass(frozen=True)
class Training:
    """The settings of a training; on one machine, equal settings give equal networks.

    `data` is a prepared dataset (a folder, or an http(s), s3:// or other address) or a plain folder of photographs.
    `bins_from` is the number of photographs from which bins are learned, at most. The other fields have help texts.
    """

    data: str
    network: str = _setting(
        "tinct", "Train this network: flat, bottleneck, colorunet, tinct, vgg16, squeezenet1_1, efficientnet_lite0 or "
        "efficientnet_lite2.", "NAME"
    )  # fmt: skip
    options: dict[str, Any] = _setting(
        dict, "Set an option of the network; can be given several times.", "NAME=VALUE", flag="--option"
    )
    encoder_weights: str | None = _setting(
        None, "Start the encoder from this file of pretrained weights: .pth, .safetensors or .npz.", "FILE"
    )
    from_scratch: bool = _setting(False, "Start the encoder from random weights.", flag="--from-scratch")
    task: str = _setting(
        "bins", "Predict colour bins, chroma itself, or the whole picture.", "bins|regression|rgb", allowed=TASK
    )
    space: str = _setting("yuv", "Choose the colour space.", "yuv|lab")
    grid: int = _setting(16, "Divide each axis of chroma into this many cells.", "N", allowed=AT_LEAST_TWO)
    bins: int = _setting(32, "Keep this many colour bins.", "N", allowed=AT_LEAST_TWO)
    # Lambda of Billaut et al. 2018.
    rebalance: float = _setting(
        0.4, "Set how equally bins are weighted: 0 by inverse frequency, 1 all equally.", "LAMBDA", allowed=SHARE
    )
    # It determines lambda, in place of `rebalance`; figure 1 of Billaut et al. 2018 shows 100.
    amplitude: float | None = _setting(
        None, "Make the largest weight of a bin this many times the smallest, in place of --rebalance.", "X",
        allowed=AT_LEAST_ONE,
    )  # fmt: skip
    bins_from: int = 4000
    # In proportion to the mean weight that a photograph's pixels would have with a lambda of 1 minus this.
    resample: float = _setting(
        0.0, "Draw photographs with rare colours more often: 0 (all equally often) to 1.", "SHARE", allowed=SHARE
    )
    # Drawn by their names and the seed; a smaller share is contained in a larger one.
    subset: float = _setting(1.0, "Train on this share of the photographs.", "SHARE", allowed=PART)
    categories: tuple[str, ...] = _setting(
        (), "Train on this category only; can be given several times. Validation uses all.", "NAME"
    )
    epochs: int = _setting(30, "Pass over the photographs this many times.", "N", allowed=AT_LEAST_ONE)
    batch_size: int = _setting(
        32, "Take this many photographs a step, on each device or process.", "N", allowed=AT_LEAST_ONE
    )
    learning_rate: float | str = _setting(
        1e-3, "Set the peak learning rate; auto searches for it.", "RATE|auto", allowed=RATE, flag="--lr"
    )
    weight_decay: float = _setting(0.02, "Pull the convolutions' weights towards 0 by this (AdamW).", "X")
    decay: float = _setting(0.3, "Lower the rate over this last share of the steps.", "SHARE", allowed=SHARE)
    schedule: str = _setting(
        "fall", "Lower the rate linearly to nearly 0, or in one step to --second-rate.", "fall|two-step",
        allowed=SCHEDULE,
    )  # fmt: skip
    second_rate: float = _setting(
        0.1, "Use this share of the rate after the step of --schedule two-step.", "SHARE", allowed=PART
    )
    average: float = _setting(
        0.998, "Average the weights with this decay a step; 0 turns it off.", "X", allowed=BELOW_ONE
    )
    clip: float = _setting(1.0, "Clip the gradient at this norm; 0 turns it off.", "NORM")
    crop: int = _setting(128, "Train on squares of this size.", "PIXELS", allowed=CROP)
    zoom: float = _setting(1.75, "Scale the shorter edge to at most this times the square.", "X", allowed=AT_LEAST_ONE)
    # So that the network also sees things as large as they are at large working sizes.
    enlarge: float = _setting(
        1.0, "Enlarge small photographs by up to this, if the zoom asks for it.", "X", allowed=AT_LEAST_ONE
    )
    letterbox: bool = _setting(
        False, "Train and validate on whole photographs padded to a square, instead of on square crops."
    )
    scaling: str = _setting(
        "area", "Make photographs smaller by averaging over areas, or with a Lanczos kernel.", "area|lanczos",
        allowed=SCALING,
    )  # fmt: skip
    augmentation: Augmentation = _setting(
        Augmentation, "Augment as usual, not at all, or as the ColorUNet's authors did; the other options override "
        "single settings. Default: usual.", "usual|none|published"
    )  # fmt: skip
    # See `tinct.learn.tasks.BinTable`.
    softness: float = _setting(
        0.0, "Spread each colour over the nearest bins by this many grid cells; 0: one bin.", "CELLS",
        allowed=NOT_NEGATIVE,
    )  # fmt: skip
    encoder_rate: float = _setting(
        1.0, "Train a pretrained encoder at this share of the rate.", "SHARE", allowed=POSITIVE
    )
    seed: int = _setting(0, "Set the seed of weights, order, crops and noise.", "N")
    workers: int = _setting(2, "Read photographs in this many processes, for each device.", "N", allowed=NOT_NEGATIVE)
    val: float = _setting(0.1, "Keep this share of a plain folder for validation.", "SHARE")
    precision: str = _setting("auto", "Compute in this precision; auto: bf16 if it is fast.", "auto|bf16|float32")
    devices: str = _setting(
        "auto", "Train on these devices; auto: all accelerators, or else the processor; cpu:N: N processes on it.",
        "auto|cpu|cpu:N|N",
    )  # fmt: skip
    nodes: int | None = _setting(
        None, "Train on this many machines; torchrun starts tinct on each of them.", "N", allowed=AT_LEAST_ONE
    )
    limit: int | None = _setting(
        None, "Take this many photographs an epoch at most; default: all.", "N", allowed=AT_LEAST_ONE
    )
    epoch_steps: int | None = _setting(
        None, "Take this many steps an epoch, however many photographs there are.", "N", allowed=AT_LEAST_ONE
    )
    # Including validations; the rate falls towards whichever end comes first.
    minutes: float | None = _setting(
        None, "Stop after this many minutes, if the epochs are not finished by then.", "M", allowed=POSITIVE
    )
    initial: str | None = _setting(
        None, "Start from the weights and bins of this model: name, .onnx or .safetensors.", "MODEL", flag="--init"
    )

    @property
    def seen_size(self) -> int:
        """The size sqrt(height x width) at which it sees photographs: 4:3 ones in a letterbox, or at the mean zoom."""
        size: float = self.crop * (0.75 if self.letterbox else self.zoom) ** 0.5
        return max(32, round(size / 16) * 16)

    def steps_of_epoch(self, photographs: int, *, processes: int = 1) -> int:
        """Return the steps of an epoch on a number of photographs, which the processes share."""
        if self.epoch_steps is not None:
            return self.epoch_steps
        count = min(photographs, self.limit or photographs)
        return max(1, self.augmentation.forms * count // (self.batch_size * processes))

    def source(self, split: str) -> Source:
        """Open the photographs of a split, `train` or `val`."""
        from tinct.data.source import open_source

        return open_source(self.data, split=split, val=self.val, seed=self.seed)

    def chosen(self, source: Source) -> Source:
        """Return a source that draws only those photographs that the training learns from."""
        from tinct.data.source import select

        return select(source, subset=self.subset, categories=self.categories, seed=self.seed)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Training:
        """Return the training of values that `to_json` returned."""
        augmentation = dict(values["augmentation"])
        augmentation["noise"] = tuple(augmentation["noise"])
        categories = tuple(values.get("categories", ()))
        return cls(**{**values, "augmentation": Augmentation(**augmentation), "categories": categories})

    def check(self) -> None:
        """Check the settings.

        Raises:
            SettingError: a value is out of range, or two settings exclude each other.
        """
        from tinct.color.spaces import chroma_space
        from tinct.learn.devices import choose_devices, choose_precision
        from tinct.learn.networks.registry import build

        chroma_space(self.space)
        network = build(self.network, outputs=2, options=self.options)
        choose_precision(self.precision, accelerator=choose_devices(self.devices, nodes=self.nodes).accelerator)
        for part in (self, self.augmentation):
            for setting in fields(part):
                value, allowed = getattr(part, setting.name), setting.metadata.get("allowed")
                if allowed is not None and value is not None and not allowed.test(value):
                    article = "the " if "_" in setting.name else ""
                    raise SettingError(f"{article}{setting.name.replace('_', ' ')} must {allowed.words}, not {value}")
        if self.crop % network.multiple:
            raise SettingError(
                f"crop must be a multiple of {network.multiple} for network '{self.network}', not {self.crop}"
            )
        if self.epoch_steps is not None and self.limit is not None:
            raise SettingError("limit and epoch steps both set the length of an epoch; give one of them")
        self._check_encoder(network)

    def _check_encoder(self, network: Network) -> None:
        """Check that an encoder has exactly one source of initial weights."""
        from tinct.learn.networks.layers import EncoderNetwork

        starts = [self.encoder_weights is not None, self.from_scratch, self.initial is not None]
        if not isinstance(network, EncoderNetwork):
            if self.encoder_weights is not None:
                raise SettingError(f"network '{self.network}' has no pretrained encoder; leave its weights out")
        elif sum(starts) > 1:
            raise SettingError("encoder weights, from scratch and init exclude each other; give one of them")
        elif not any(starts) and network.encoder.packaged_weights() is None:
            raise SettingError(
                f"network '{self.network}' starts from a pretrained {network.backbone}: {network.encoder.get_weights}"
            )
        elif self.from_scratch and network.frozen:
            raise SettingError("a frozen encoder from scratch never learns; add --option frozen=false")
        elif self.encoder_weights is not None and not network.pretrainable:
            raise SettingError(
                "published encoder weights fit the full width only; leave out the option width, or encoder_width"
            )

    def changed(self, changes: dict[str, Any]) -> Training:
        """Return this training with other settings.

        Args:
            changes: fields of `Training` or `Augmentation` with their values; `augmentation` may be a name in
                `AUGMENTATIONS`, whose single settings the other changes then override.

        Raises:
            SettingError: there is no such setting, or no augmentation of that name.
        """
        changes = dict(changes)
        augmentation = changes.pop("augmentation", self.augmentation)
        if isinstance(augmentation, str):
            if augmentation not in AUGMENTATIONS:
                raise SettingError(f"no augmentation '{augmentation}'; there are: {', '.join(AUGMENTATIONS)}")
            augmentation = AUGMENTATIONS[augmentation]
        shades = {name: value for name, value in changes.items() if name in Augmentation.__dataclass_fields__}
        plain = {name: value for name, value in changes.items() if name not in shades}
        if unknown := sorted(set(plain) - set(self.__dataclass_fields__)):
            raise SettingError(f"a training has no setting {', '.join(unknown)}")
        return replace(self, **plain, augmentation=replace(augmentation, **shades))


def settings() -> Iterator[tuple[Field[Any], Any]]:
    """Yield every field that a user may set, including those of the augmentation, with its default."""
    for setting in fields(Training):
        for one in (setting, *fields(Augmentation)) if setting.name == "augmentation" else (setting,):
            if "help" in one.metadata:
                yield one, one.default if one.default is not MISSING else None
