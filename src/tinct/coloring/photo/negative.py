"""Whether a picture is a negative, by what the model that colorizes sees in it and in its inverse.

A recogniser that saw photographs knows faces, trees and skies as they are, and sees little in their negatives. What
`photo` sees at 1/8, 1/16 and 1/32 of the size is averaged over the picture, and logistic regression, fitted to 2,500
photographs and their inverses (`tinct.learn.negatives`), weighs the difference. It is asked only where what is common
to photographs (`tinct.color.scan_kinds`) leaves doubt, and only of models that see as `photo` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from tinct.color.resize import shrunk
from tinct.color.scan_kinds import NEGATIVE, negative_odds, rooted
from tinct.color.spaces import FloatArray
from tinct.runtime.modelfile import MODELS
from tinct.runtime.session import Session
from tinct.runtime.thing import FEATURES

# Root of height x width at which the model looks.
_SIZE = 160
# What is common to photographs: log odds from which the model looks, and their share beside what it sees. The sum from
# which a picture counts as a negative.
_DOUBTFUL, _SHARE, _NEGATIVE = 0.0, 0.5, 4.0


def looks_negative(session: Session, luma: FloatArray) -> bool:
    """Return whether luma (h, w) in 0..1 looks like a negative's, which is said of 1 % of positives."""
    odds = negative_odds(luma)
    if odds < _DOUBTFUL or session.things is None:
        return odds > NEGATIVE
    return _SHARE * odds + float(beside_inverse(session, luma) @ _weights()) > _NEGATIVE


def beside_inverse(session: Session, luma: FloatArray) -> FloatArray:
    """Return what a model sees in luma (h, w) in 0..1 beside what it sees in its inverse, (n,)."""
    seen = np.ascontiguousarray(shrunk(luma, _SIZE))
    return _described(session.features(seen)) - _described(session.features(1 - seen))


def _described(features: Mapping[str, FloatArray]) -> FloatArray:
    """Describe what a model sees (h, w, c), by name, in (n,): means, spreads, and how the upper half differs."""
    found = []
    for name in FEATURES:
        seen = features[name]
        half = max(1, seen.shape[0] // 2)
        above, below = (part.mean(axis=(0, 1)) for part in (seen[:half], seen[-half:]))
        found += [seen.mean(axis=(0, 1)), seen.std(axis=(0, 1)), above - below]
    return rooted(np.concatenate(found))


@cache
def _weights() -> FloatArray:
    return np.asarray(np.load(MODELS / "negatives.npy"), dtype=np.float32)
