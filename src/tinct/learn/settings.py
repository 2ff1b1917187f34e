# ruff: noqa: RUF009 - `_setting` returns a field
"""The settings of a training: each with its default, what it does, and the values it may have, said once.

`tinct train` makes its options of these fields. Nothing here needs PyTorch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from tinct.errors import SettingError

if TYPE_CHECKING:
    from tinct.learn.networks.layers import Network

# Pixels of an edge; a batch of larger squares fits into no memory there is.
LARGEST_CROP = 2048
# In how many forms the ColorUNet's authors show a photograph; `tinct.learn.sevenfold` makes them.
FORMS = 7


@dataclass(frozen=True)
class Allowed:
    """The values that a setting may have: what they must do, in words, and the test."""

    words: str
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
    """Return a field with its default (a type stands for what it makes), help, metavar, range and option's name."""
    metadata = {"help": text, "metavar": metavar, "allowed": allowed, "flag": flag}
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Augmentation:
    """Changes to the training pictures; the data stream crops and scales (`tinct.learn.photo_stream.Crop`).

    Luma alone is changed in noise, contrast and brightness (0..1), film, fading and blur; chroma stays as it was.
    """

    flip: bool = _setting(True, "Mirror half of the photographs.")
    random_crop: bool = _setting(True, "Crop and scale at random, instead of in the middle.")
    noise: tuple[float, ...] = _setting(
        # Variances; each is added to an equal share of 60 % of the pictures.
        (1e-4, 3e-4, 1e-3, 3e-3), "Add grain of several strengths.", allowed=VARIANCES
    )  # fmt: skip
    contrast: float = _setting(
        0.25, "Multiply contrast by 1 minus this to 1 plus this; 0 leaves it.", "SHARE", allowed=BELOW_ONE
    )
    brightness: float = _setting(
        0.1, "Vary brightness by up to this, either way; 0 leaves it.", "SHARE", allowed=BELOW_ONE
    )
    # Orthochromatic and early panchromatic emulsions: blind to red, or less so, and strong in blue.
    film: float = _setting(
        0.0, "Show this share of the photographs as early film saw them, blind to red.", "SHARE", allowed=SHARE
    )
    # Luma is bent by a gamma of 0.6 to 1.6 and squeezed between a raised black and a lowered white.
    fading: float = _setting(0.0, "Show this share of them faded, dark or bright.", "SHARE", allowed=SHARE)
    blur: float = _setting(0.0, "Show this share of them out of focus.", "SHARE", allowed=SHARE)
    sevenfold: bool = _setting(
        False,
        "Show each photograph in seven forms an epoch: as it is, mirrored, with grain of three strengths, and two "
        "pieces of 0.7 of its edges.",
    )

    @property
    def forms(self) -> int:
        """How many times a photograph comes in an epoch, each time in another form."""
        return FORMS if self.sevenfold else 1


_NOTHING = Augmentation(flip=False, random_crop=False, noise=(), contrast=0.0, brightness=0.0)
# Sets of augmentation by their names; `published` is that of Billaut et al. 2018, section 3.2.
AUGMENTATIONS = {"usual": Augmentation(), "none": _NOTHING, "published": replace(_NOTHING, sevenfold=True)}


def named_augmentation(name: str) -> Augmentation:
    """Look up a set of augmentation.

    Raises:
        SettingError: there is none of that name.
    """
    if name not in AUGMENTATIONS:
        raise SettingError(f"no augmentation '{name}'; there are: {', '.join(AUGMENTATIONS)}")
    return AUGMENTATIONS[name]


@dataclass(frozen=True)
class Training:
    """Everything that decides a training; two trainings with equal settings on one machine give equal networks.

    `data` is a prepared dataset (folder, http(s), s3:// or other address) or a plain folder of photographs; each
    other field says in its metadata what it does. `bins_from` is how many photographs bins are learned from, at most.
    """

    data: str
    network: str = _setting(
        "tinct", "Train this network: flat, bottleneck, colorunet, tinct, vgg16, squeezenet1_1, efficientnet_lite0 or "
        "efficientnet_lite2.", "NAME"
    )  # fmt: skip
    options: dict[str, Any] = _setting(
        dict, "Set an option of the network; may be given several times.", "NAME=VALUE", flag="--option"
    )
    encoder_weights: str | None = _setting(
        None, "Start the encoder from this file of pretrained weights: .pth, .safetensors or .npz.", "FILE"
    )
    from_scratch: bool = _setting(False, "Start that encoder from nothing.", flag="--from-scratch")
    task: str = _setting(
        "bins", "Predict colour bins, chroma itself, or the whole picture.", "bins|regression|rgb", allowed=TASK
    )
    space: str = _setting("yuv", "Choose the colour space.", "yuv|lab")
    grid: int = _setting(16, "Divide each axis of chroma into this many cells.", "N", allowed=AT_LEAST_TWO)
    bins: int = _setting(32, "Keep this many colour bins.", "N", allowed=AT_LEAST_TWO)
    # Lambda of Billaut et al. 2018.
    rebalance: float = _setting(
        0.4, "Set how alike rare and common bins weigh: 0 to 1, at 1 alike.", "LAMBDA", allowed=SHARE
    )
    # Lambda is chosen for it, in place of `rebalance`; figure 1 of Billaut et al. 2018 shows 100.
    amplitude: float | None = _setting(
        None, "Make the heaviest bin weigh this many times the lightest, whatever lambda that takes.", "X",
        allowed=AT_LEAST_ONE,
    )  # fmt: skip
    bins_from: int = 4000
    # In proportion to the mean weight that a photograph's pixels have for a lambda of 1 minus this.
    resample: float = _setting(
        0.0, "Draw photographs of rare colours more often: 0 (all alike) to 1.", "SHARE", allowed=SHARE
    )
    # Drawn from their names and the seed; a smaller share is part of a larger one.
    subset: float = _setting(1.0, "Train on this share of the photographs.", "SHARE", allowed=PART)
    categories: tuple[str, ...] = _setting(
        (), "Train on this category only; may be given several times. Validation keeps all.", "NAME"
    )
    epochs: int = _setting(30, "Pass over the photographs this many times.", "N", allowed=AT_LEAST_ONE)
    batch_size: int = _setting(
        32, "Take this many photographs a step, on each device or process.", "N", allowed=AT_LEAST_ONE
    )
    learning_rate: float | str = _setting(
        1e-3, "Set the peak learning rate, or look for it.", "RATE|auto", allowed=RATE, flag="--lr"
    )
    weight_decay: float = _setting(0.02, "Pull the convolutions' weights towards 0 by this (AdamW).", "X")
    decay: float = _setting(0.3, "Let the rate fall over this last share of the steps.", "SHARE", allowed=SHARE)
    schedule: str = _setting(
        "fall", "Let the rate fall straight to nearly 0, or in one step to --second-rate.", "fall|two-step",
        allowed=SCHEDULE,
    )  # fmt: skip
    second_rate: float = _setting(
        0.1, "Learn at this share of the rate in the second of two steps.", "SHARE", allowed=PART
    )
    average: float = _setting(
        0.998, "Average the weights with this decay a step; 0 turns it off.", "X", allowed=BELOW_ONE
    )
    clip: float = _setting(1.0, "Clip the gradient at this norm; 0 turns it off.", "NORM")
    crop: int = _setting(128, "Train on squares of this size.", "PIXELS", allowed=CROP)
    zoom: float = _setting(1.75, "Scale the shorter edge to at most this times the square.", "X", allowed=AT_LEAST_ONE)
    # So that the network meets its things as large as large working sizes show them.
    enlarge: float = _setting(
        1.0, "Enlarge small photographs by up to this, where the zoom asks for it.", "X", allowed=AT_LEAST_ONE
    )
    letterbox: bool = _setting(
        False, "Learn from and validate on whole photographs, fitted into the square and masked around, not squares."
    )
    scaling: str = _setting(
        "area", "Make photographs smaller by averaging over areas, or by Lanczos' kernel.", "area|lanczos",
        allowed=SCALING,
    )  # fmt: skip
    augmentation: Augmentation = _setting(
        Augmentation, "Augment as usual, not at all, or as the ColorUNet's authors; other options change single parts. "
        "Default: usual.", "usual|none|published"
    )  # fmt: skip
    # In cells of the bins' grid, see `tinct.learn.tasks.BinTable`.
    softness: float = _setting(
        0.0, "Spread each colour over the bins around it by this many grid cells; 0 keeps one bin.", "CELLS",
        allowed=NOT_NEGATIVE,
    )  # fmt: skip
    encoder_rate: float = _setting(
        1.0, "Let a pretrained encoder learn at this share of the rate.", "SHARE", allowed=POSITIVE
    )
    seed: int = _setting(0, "Set the seed of weights, order, crops and noise.", "N")
    workers: int = _setting(2, "Read photographs in this many processes, for each device.", "N", allowed=NOT_NEGATIVE)
    val: float = _setting(0.1, "Keep this share of a plain folder for validation.", "SHARE")
    precision: str = _setting("auto", "Compute in this precision; auto: bf16 where it is fast.", "auto|bf16|float32")
    devices: str = _setting(
        "auto", "Train on these devices; auto: all accelerators, or else the processor; cpu:N: N processes on it.",
        "auto|cpu|cpu:N|N",
    )  # fmt: skip
    nodes: int | None = _setting(
        None, "Train on this many machines; torchrun starts it on each of them.", "N", allowed=AT_LEAST_ONE
    )
    limit: int | None = _setting(
        None, "Take this many photographs an epoch at most; all without it.", "N", allowed=AT_LEAST_ONE
    )
    epoch_steps: int | None = _setting(
        None, "Take this many steps an epoch, however many photographs there are.", "N", allowed=AT_LEAST_ONE
    )
    # Validations included; the rate falls towards whichever end is nearer.
    minutes: float | None = _setting(
        None, "Stop after this many minutes, if the epochs have not passed by then.", "M", allowed=POSITIVE
    )
    initial: str | None = _setting(
        None, "Start from the weights and bins of this model: name, .onnx or .safetensors.", "MODEL", flag="--init"
    )

    @property
    def seen_size(self) -> int:
        """The size, sqrt(height x width), at which it sees photographs: of 4:3 in a letterbox, or at the mean zoom."""
        size: float = self.crop * (0.75 if self.letterbox else self.zoom) ** 0.5
        return max(32, round(size / 16) * 16)

    def steps_of_epoch(self, photographs: int, *, processes: int = 1) -> int:
        """Return the steps of an epoch on a number of photographs, each process having batches of its own."""
        if self.epoch_steps is not None:
            return self.epoch_steps
        count = min(photographs, self.limit or photographs)
        return max(1, self.augmentation.forms * count // (self.batch_size * processes))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Training:
        """Make a training from what `to_json` returned."""
        augmentation = dict(values["augmentation"])
        augmentation["noise"] = tuple(augmentation["noise"])
        categories = tuple(values.get("categories", ()))
        return cls(**{**values, "augmentation": Augmentation(**augmentation), "categories": categories})

    def check(self) -> None:
        """Check the settings, before anything is written.

        Raises:
            SettingError: a value is out of its range, or two settings exclude each other.
        """
        from tinct.color.spaces import chroma_space
        from tinct.learn.hardware import choose_devices, choose_precision
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
            raise SettingError("limit and epoch steps say the same; give one of them")
        self._check_encoder(network)

    def _check_encoder(self, network: Network) -> None:
        """Refuse an encoder without a beginning, or with two."""
        from tinct.learn.networks.layers import EncoderNetwork

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
        """Return this training with other settings.

        Args:
            changes: names of `Training` or `Augmentation` with their values; `augmentation` may be one of the names
                of `AUGMENTATIONS`, of which the other changes then change single parts.

        Raises:
            SettingError: there is no such setting, or no augmentation of that name.
        """
        changes = dict(changes)
        augmentation = changes.pop("augmentation", self.augmentation)
        if isinstance(augmentation, str):
            augmentation = named_augmentation(augmentation)
        shades = {name: value for name, value in changes.items() if name in Augmentation.__dataclass_fields__}
        plain = {name: value for name, value in changes.items() if name not in shades}
        if unknown := sorted(set(plain) - set(self.__dataclass_fields__)):
            raise SettingError(f"a training has no setting {', '.join(unknown)}")
        return replace(self, **plain, augmentation=replace(augmentation, **shades))


def settings() -> Iterator[tuple[Field[Any], Any]]:
    """Return every field that a user may set, those of the augmentation among them, with its default."""
    for setting in fields(Training):
        for one in (setting, *fields(Augmentation)) if setting.name == "augmentation" else (setting,):
            if "help" in one.metadata:
                yield one, one.default if one.default is not MISSING else None
