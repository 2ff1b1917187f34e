"""Metrics worked out directly, from their papers' formulas, in double precision."""

from __future__ import annotations

import math

import numpy as np


def ciede2000(first, second):
    """Sharma, Wu & Dalal 2005, equations 2 to 22, for one pair of Lab colours."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    mean_c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean_c**7 / (mean_c**7 + 25**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 if a or b else 0.0 for a, b in ((a1, b1), (a2, b2)))
    dl, dc = l2 - l1, c2 - c1
    dh, mean_h = h2 - h1, h1 + h2
    if c1 * c2 == 0:
        dh = 0.0
    elif abs(dh) <= 180:
        mean_h /= 2
    else:
        dh += 360 if dh < 0 else -360
        mean_h = (mean_h + (360 if mean_h < 360 else -360)) / 2
    dh = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(dh) / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    cosine = lambda degrees: math.cos(math.radians(degrees))  # noqa: E731
    t = 1 - 0.17 * cosine(mean_h - 30) + 0.24 * cosine(2 * mean_h)
    t += 0.32 * cosine(3 * mean_h + 6) - 0.20 * cosine(4 * mean_h - 63)
    turn = 30 * math.exp(-(((mean_h - 275) / 25) ** 2))
    rc = 2 * math.sqrt(mean_c**7 / (mean_c**7 + 25**7))
    sl = 1 + 0.015 * (mean_l - 50) ** 2 / math.sqrt(20 + (mean_l - 50) ** 2)
    sc, sh = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rt = -math.sin(math.radians(2 * turn)) * rc
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh))


def ssim(first, second, *, window=7):
    """Wang et al. 2004, equation 13, over all whole windows of all channels, sample covariances, data range 1."""
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for channel in range(first.shape[2]):
        for row in range(first.shape[0] - window + 1):
            for column in range(first.shape[1] - window + 1):
                x = first[row : row + window, column : column + window, channel].ravel()
                y = second[row : row + window, column : column + window, channel].ravel()
                (vx, cov), (_, vy) = np.cov(x, y)
                mx, my = x.mean(), y.mean()
                values.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return float(np.mean(values))


def auc(errors, pixel_weights, *, steps=150):
    """Zhang et al. 2016: share of the weight at or below each threshold 0..150, integrated by the trapezoid rule."""
    thresholds = np.linspace(0, 150, steps + 1)
    shares = np.array([pixel_weights[errors <= threshold].sum() for threshold in thresholds]) / pixel_weights.sum()
    return 100 * float(((shares[1:] + shares[:-1]) / 2).mean())


def colorfulness(rgb):
    """Hasler & Suesstrunk 2003, with the standard library's statistics."""
    red, green, blue = (rgb[..., channel].ravel().astype(float) for channel in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    spread = math.sqrt(((rg - rg.mean()) ** 2).mean() + ((yb - yb.mean()) ** 2).mean())
    return spread + 0.3 * math.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
