"""Make pairs of a photograph with its true colours and with those of tinct, and choose their order.

The test is that of Zhang, Isola & Efros 2016 (section 3.1): both pictures of a pair are shown for one second, one after
the other, in random order, and then a person names the real one; the first pairs are for practice, and their answers
are told. Attention checks are added: pairs whose false picture has all its hues reversed.
"""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import rgb_to_yuv, yuv_to_rgb
from tinct.color.toning import is_colored
from tinct.coloring.photo import arrays
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import DataError, InputError, TinctError
from tinct.files import walk
from tinct.media.image.formats import PICTURE_SUFFIXES
from tinct.media.image.picture import open_picture
from tinct.web.pictures import jpeg, small_rgb
from tinct.web.receive import digest
from tinct.web.settings import Design

Kind = Literal["practice", "test", "check"]
SHOWN_SIZE = 320  # root of height x width at which pairs are shown
_READY = 48  # number of pairs that are kept ready
_TURNED = -1.6  # in an attention check, chroma is multiplied by this: reversed and made stronger


@dataclass(frozen=True)
class Trial:
    """One pair.

    Attributes:
        kind: `practice`, `test`, or `check` for an attention check.
        picture: number of the photograph.
        real: place of the true picture: 0 the first, 1 the second.
    """

    kind: Kind
    picture: int
    real: int


class Pairs:
    """The photographs of a folder, with their true colours and with those of tinct.

    Attributes:
        paths: the photographs that have colours and can be read.
        left_out: number of the others.
    """

    def __init__(
        self, folder: Path, colorizer: Colorizer, *, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Look through a folder and its subfolders.

        Args:
            folder: holds colour photographs.
            colorizer: colours them.
            progress: called with the number of photographs that are checked, and of all.

        Raises:
            InputError: there is no such folder.
            DataError: it holds fewer than two colour photographs.
        """
        pictures = _pictures(folder, "name one with colour photographs")
        paths = []
        for number, path in enumerate(pictures, start=1):
            if _usable(path):
                paths.append(path)
            if progress is not None:
                progress(number, len(pictures))
        if len(paths) < 2:
            raise DataError(
                f"{folder}: holds {len(paths)} colour photographs that can be read; 2 are needed, 50 are better"
            )
        self.paths = tuple(paths)
        self.left_out = len(pictures) - len(paths)
        self._colorizer = colorizer
        self._ready: OrderedDict[tuple[int, bool], tuple[bytes, bytes]] = OrderedDict()
        self._guard = threading.Lock()

    def digest(self, picture: int) -> str:
        """Return a photograph's name that is made from its content, so that no file name is stored."""
        return _digest(self.paths[picture])

    def shown(self, trial: Trial, place: int) -> bytes:
        """Return a picture of a pair as JPEG: place 0 the first, 1 the second.

        Raises:
            InputError: the photograph can no longer be read.
        """
        true, false = self._pair(trial.picture, check=trial.kind == "check")
        return true if place == trial.real else false

    def _pair(self, picture: int, *, check: bool) -> tuple[bytes, bytes]:
        key = (picture, check)
        with self._guard:
            if key in self._ready:
                self._ready.move_to_end(key)
                return self._ready[key]
        true = small_rgb(open_picture(self.paths[picture]), size=SHOWN_SIZE)
        false = turned(true) if check else self._colorized(self.paths[picture], true)
        pair = jpeg(true), jpeg(false)
        with self._guard:
            self._ready[key] = pair
            while len(self._ready) > _READY:
                self._ready.popitem(last=False)
        return pair

    def _colorized(self, path: Path, true: NDArray[np.uint8]) -> NDArray[np.uint8]:
        answer = self._colorizer.look(path, recolor=True)
        colored: NDArray[np.uint8] = arrays.colored(true, None, answer.guide(), places=answer.places, threads=1)
        return colored


def plan(pictures: int, design: Design) -> list[Trial]:
    """Choose the pairs of one session of `pictures` photographs; none comes twice before all have come once."""
    chance = random.Random(design.seed)
    order: list[int] = []
    while len(order) < design.practice + design.pairs + design.checks:
        order += chance.sample(range(pictures), pictures)
    practice = [Trial("practice", order.pop(), chance.randrange(2)) for _ in range(design.practice)]
    rest = [Trial("check", order.pop(), chance.randrange(2)) for _ in range(design.checks)]
    rest += [Trial("test", order.pop(), chance.randrange(2)) for _ in range(design.pairs)]
    chance.shuffle(rest)
    return practice + rest


def turned(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reverse all hues of a picture, so that everybody who looks notices it."""
    yuv = rgb_to_yuv(rgb.astype(np.float32) / np.float32(255))
    yuv[..., 1:] *= np.float32(_TURNED)
    result: NDArray[np.uint8] = np.rint(np.clip(yuv_to_rgb(yuv), 0, 1) * 255).astype(np.uint8)
    return result


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return digest(file)


def _usable(path: Path) -> bool:
    try:
        return is_colored(open_picture(path).small(size=64))
    except TinctError:
        return False


def named_pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder and its subfolders by the digest of their content, 16 hexadecimal digits.

    Raises:
        InputError: there is no such folder.
    """
    return {_digest(path): path for path in _pictures(folder, "name the one that the photographs were in")}


def _pictures(folder: Path, remedy: str) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; {remedy}")
    return [path for path in walk(folder, PICTURE_SUFFIXES) if path.is_file()]
