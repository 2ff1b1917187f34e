"""Photographs of rare colours drawn more often: the other way to rebalance, beside the bins' weights in the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins
from tinct.color.spaces import chroma_space
from tinct.data.source import Source, decode, read_samples
from tinct.files import written_beside
from tinct.learn.run import Run
from tinct.learn.settings import Training

SHARES = "resample.npy"


def resampled(source: Source, run: Run, *, learn_bins: Callable[[Training, Source], ColorBins]) -> Source:
    """Give a source that draws photographs as often as a training's `resample` says; the shares are kept in its folder.

    Args:
        source: the training photographs.
        run: the training, begun.
        learn_bins: learns bins where the training has none.

    Returns:
        The source, with `draws`.
    """
    file = run.path / SHARES
    if file.is_file():
        shares = np.load(file)
    else:
        bins = run.bins if run.bins is not None else learn_bins(run.training, source)
        shares = draw_shares(source, bins, strength=run.training.resample)
        with written_beside(file) as partial, partial.open("wb") as stream:
            np.save(stream, shares)
    return replace(source, draws=tuple(float(share) for share in shares))


def draw_shares(source: Source, bins: ColorBins, *, strength: float) -> NDArray[np.float64]:
    """Return how often each photograph is to be drawn.

    Args:
        source: photographs; those that are never drawn stay so.
        bins: colour bins with their frequencies.
        strength: 0..1; a photograph's share is the mean weight of its pixels, with the weights of Billaut et al. 2018
            for a lambda of 1 - strength: at 0 all are alike, at 1 a pixel counts as much as its colour is rare.

    Returns:
        (n,) shares in the source's order, with a mean of 1 over those that are drawn.
    """
    space = chroma_space(bins.space)
    weights = replace(bins, rebalance=1 - strength).weights
    shares = np.zeros(sum(source.counts))
    for content, card in read_samples(source.parts, source):
        rgb = decode(content, card, source).astype(np.float32) / 255
        shares[card["index"]] = weights[bins.encode(space.split(rgb)[1])].mean()
    drawn = shares > 0
    shares[drawn] /= shares[drawn].mean()
    return shares
