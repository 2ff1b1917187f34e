"""Levin's quadratic with a data term, written out pixel by pixel and solved as one dense least-squares problem."""

from __future__ import annotations

import numpy as np


def minimum(luma, places, values, *, target=None, trust=0.0, features=None):
    """Minimise sum (u_r - sum w_rs u_s)^2 + sum d_r (u_r - c_r)^2 with u given at the places."""
    height, width = luma.shape
    count = height * width
    variance = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            rows = [min(max(y + step, 0), height - 1) for step in (-1, 0, 1)]
            columns = [min(max(x + step, 0), width - 1) for step in (-1, 0, 1)]
            window = luma[np.ix_(rows, columns)]
            variance[y, x] = max(0.05 * np.var(window), 2e-4)
    residual = np.zeros((count, count))
    for y in range(height):
        for x in range(width):
            weights = {}
            for i in (-1, 0, 1):
                for j in (-1, 0, 1):
                    v, w = y + i, x + j
                    if (i, j) == (0, 0) or not (0 <= v < height and 0 <= w < width):
                        continue
                    sigma2 = np.sqrt(variance[y, x] * variance[v, w])
                    weight = np.exp(-((luma[y, x] - luma[v, w]) ** 2) / (2 * sigma2))
                    if features is not None:
                        weight *= np.exp(-max(1 - features[y, x] @ features[v, w], 0) / 0.05)
                    weights[v * width + w] = max(weight, 1e-5)
            residual[y * width + x, y * width + x] = 1
            for place, weight in weights.items():
                residual[y * width + x, place] -= weight / sum(weights.values())
    values = np.asarray(values, dtype=float)
    channels = values.shape[1]
    aim = np.zeros((count, channels)) if target is None else np.asarray(target, dtype=float).reshape(count, channels)
    root = np.sqrt(np.broadcast_to(trust, (height, width)).reshape(count, 1).astype(float))
    known = np.array([y * width + x for y, x in places], dtype=int)
    free = np.setdiff1d(np.arange(count), known)
    rows = np.concatenate([residual, np.diag(root[:, 0])])
    right = np.concatenate([np.zeros((count, channels)), root * aim]) - rows[:, known] @ values
    result = np.empty((count, channels))
    result[known] = values
    result[free] = np.linalg.lstsq(rows[:, free], right, rcond=None)[0]
    return result.reshape(height, width, channels)
