"""Options that several verbs of `tinct classify` take."""

# ruff: noqa: RUF009 - `_asked` makes a new field at each call

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from tinct.cli.options import named_values
from tinct.errors import SettingError

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="A folder with one subfolder a class, or with train/, val/ and test/ that have such subfolders; or a .csv "
        "of paths, labels and splits.",
    ),
]


def _asked(metavar: str, text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"metavar": metavar, "help": text})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options given on the command line; None means the network's own value."""

    size: str | None = _asked(
        "WxH", "Resize pictures to this size, or to squares of one edge. Default: their own, up to 128 pixels."
    )
    weights: str | None = _asked("FILE", "Take pretrained features from this file: .pth, .safetensors or .npz.")
    backbone: str = _asked("NAME", "The network of the weights: squeezenet1_1 or vgg16.", "squeezenet1_1")
    option: list[str] | None = _asked("NAME=VALUE", "Set an option of the network; may be given several times.")
    standardize: bool | None = _asked(
        "", "Subtract each channel's mean and divide by its standard deviation, or do not. Default: do."
    )
    scale: float | None = _asked("X", "Without standardising, multiply by this; 255 gives 0 to 255. Default: 1.")
    lr: float | None = _asked("RATE", "Set the learning rate. Default: by network.")
    optimizer: str | None = _asked("NAME", "Train with adamw, adam or sgd. Default: adamw.")
    schedule: str | None = _asked(
        "NAME", "Let the rate rise and fall (cosine), or keep it (constant). Default: cosine."
    )
    batch_size: int | None = _asked("N", "Take this many pictures a step. Default: 32.")
    as_first_written: bool = _asked(
        "",
        "Train networks like a typical first attempt: with Adam at a constant rate of 0.01 on values of 0 to 255, and "
        "nothing else.",
        False,
    )
    augment: list[str] | None = _asked(
        "NAME=VALUE",
        "Augment training pictures: flip, shift, brightness and mixup keep colours; hue, saturation, grey and "
        "per_image change them, and so destroy the label if colour separates the classes. 0 turns one off.",
    )

    def fitting(self, **more: Any) -> dict[str, Any]:
        """Return how networks are fitted, with more values of `Fitting`, as keywords of `fitting_of`."""
        values = {name: getattr(self, name) for name in ("standardize", "scale", "optimizer", "schedule", "batch_size")}
        return {
            "values": values | {"learning_rate": self.lr} | more,
            "augmentation": named_values(self.augment, flag="--augment"),
            "as_first_written": self.as_first_written,
        }

    def network(self) -> dict[str, Any]:
        """Return the network's size, pretrained weights and options.

        Raises:
            SettingError: the size or an option has the wrong form.
        """
        options = named_values(self.option)
        return {"size": size_of(self.size), "weights": self.weights, "backbone": self.backbone, "options": options}


def size_of(text: str | None, *, least: int = 16, most: int = 512) -> tuple[int, int] | None:
    """Read --size, one edge or WxH, as height and width.

    Raises:
        SettingError: it has another form, or an edge is below `least` or above `most`.
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) == 1:
        parts *= 2
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and least <= int(part) <= most for part in parts):
        raise SettingError(f"--size needs one edge or WIDTHxHEIGHT, each {least} to {most} pixels, not '{text}'")
    return int(parts[1]), int(parts[0])
