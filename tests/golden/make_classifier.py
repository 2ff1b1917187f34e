"""Make tests/golden/tiny_classifier.onnx: two hues of blue, low and high, told apart by colour statistics.

Run by hand: python tests/golden/make_classifier.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinct.color.features import ColorFeatures
from tinct.color.spaces import hsv_to_rgb
from tinct.learn.recognize.export import write_classifier
from tinct.learn.recognize.heads import LOGISTIC, fit_head, measure_all
from tinct.runtime.classifier import ClassifierCard

SIZE = (16, 20)
HUES = (0.58, 0.66)


def blue(hue: float, value: float) -> np.ndarray:
    """A plain picture."""
    hsv = np.stack([np.full(SIZE, hue), np.full(SIZE, 0.7), np.full(SIZE, value)], axis=-1)
    return np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8)


def main() -> None:
    """Fit and write."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    pixels = np.stack([blue(HUES[label] + random.normal(0, 0.008), random.uniform(0.3, 0.9)) for label in labels])
    features = ColorFeatures(space="lab", center=False, hue_bins=12, chroma_bins=4, lightness_bins=2)
    measured = measure_all(pixels, features)
    head = fit_head(LOGISTIC, measured, labels, classes=2)
    card = ClassifierCard(
        name="color_statistics/logistic lab",
        network="color_statistics/logistic",
        classes=["low", "high"],
        kind="picture",
        size=list(SIZE),
        color_space="lab",
        mean=[],
        std=[],
        features=features.to_card(),
        temperature=1.25,
    )
    target = Path(__file__).parent / "tiny_classifier.onnx"
    write_classifier(head, card, target, trial=pixels[:4], expected=head.logits(measured[:4]), overwrite=True)


if __name__ == "__main__":
    main()
