"""Colour bins worked out directly, pixel by pixel and cell by cell: what `ColorBins` is compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinct.color.spaces import chroma_space


def cell_of(color, low, high, grid):
    """The grid cell of one colour; beyond the grid, the outermost cell."""
    place = []
    for value, bottom, top in zip(color, low, high, strict=True):
        step = math.floor(np.float32(np.float32(value) - np.float32(bottom)) / np.float32(top - bottom) * grid)
        place.append(min(max(step, 0), grid - 1))
    return tuple(place)


@dataclass
class SlowBins:
    lookup: dict
    centers: list
    frequencies: list


def learn(images, *, space, grid, bins):
    """Count every pixel, keep the most frequent cells, and give every other cell the nearest kept one."""
    described = chroma_space(space)
    low, high = described.chroma_low, described.chroma_high
    inside = {(i, j): [] for i in range(grid) for j in range(grid)}
    for image in images:
        for color in described.split(image.astype(np.float32) / np.float32(255))[1].reshape(-1, 2):
            inside[cell_of(color, low, high, grid)].append(color.astype(np.float64))
    used = sorted((cell for cell in inside if inside[cell]), key=lambda cell: (-len(inside[cell]), cell))
    kept = used[:bins]

    def place(cell):
        if inside[cell]:
            return np.mean(inside[cell], axis=0)
        return np.array([low[axis] + (cell[axis] + 0.5) * (high[axis] - low[axis]) / grid for axis in (0, 1)])

    lookup = {}
    for cell in inside:
        distances = [math.dist(place(cell), place(other)) for other in kept]
        lookup[cell] = kept.index(cell) if cell in kept else distances.index(min(distances))
    colors = [[] for _ in kept]
    for cell, found in inside.items():
        colors[lookup[cell]].extend(found)
    total = sum(len(found) for found in colors)
    return SlowBins(lookup, [np.mean(found, axis=0) for found in colors], [len(found) / total for found in colors])


def weights(frequencies, rebalance):
    """The paper's formula, one bin at a time."""
    raw = [1 / ((1 - rebalance) * share + rebalance / len(frequencies)) for share in frequencies]
    scale = sum(weight * share for weight, share in zip(raw, frequencies, strict=True))
    return [weight / scale for weight in raw]


def annealed_mean(logits, centers, temperature):
    """Zhang et al. 2016, equation 5, for one pixel, in double precision."""
    highest = max(logits)
    powers = [math.exp((value - highest) / temperature) for value in logits]
    return [
        sum(power * center[axis] for power, center in zip(powers, centers, strict=True)) / sum(powers)
        for axis in (0, 1)
    ]
