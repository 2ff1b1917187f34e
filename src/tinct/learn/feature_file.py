"""A frozen encoder's features of photographs, in one file that is mapped into memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class FeatureFile:
    """A frozen encoder's features of the squares that are cut from a source's photographs in the same way each time.

    Attributes:
        path: the file of numbers, one photograph after the other.
        shape: (channels, h, w) of one photograph's.
        places: (n,) place in the file of each of the source's photographs; -1 where it has none.
        half: whether they are bfloat16, as mixed precision gives them; float32 otherwise.
    """

    path: str
    shape: tuple[int, int, int]
    places: tuple[int, ...]
    half: bool

    def read(self, indices: list[int]) -> torch.Tensor:
        """Return the features (N, channels, h, w) of photographs by their numbers in the source."""
        mapped = _mapped(self.path, self.half).reshape(-1, *self.shape)
        found = torch.from_numpy(mapped[[self.places[index] for index in indices]])
        return found.view(torch.bfloat16) if self.half else found


@lru_cache(maxsize=8)
def _mapped(path: str, half: bool) -> NDArray[Any]:
    return np.memmap(path, dtype=np.int16 if half else np.float32, mode="r")
