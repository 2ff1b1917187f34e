"""The seven forms of a photograph, and sets of augmentation by their names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tinct.errors import SettingError
from tinct.learn.augment import Augmenter
from tinct.learn.settings import Augmentation, Training
from tinct.learn.sevenfold import GRAINS

FORMS = torch.arange(7)


def test_one_form_is_mirrored_with_its_mask_and_no_other() -> None:
    augmenter = Augmenter(Training("").changed({"augmentation": "published"}).augmentation)
    rgb = torch.rand(7, 3, 8, 8)
    mask = (torch.rand(7, 1, 8, 8) > 0.5).float()
    turned, turned_mask = augmenter.geometry(rgb, mask, FORMS)
    for form in range(7):
        assert torch.equal(turned[form], rgb[form].flip(-1) if form == 1 else rgb[form])
        assert torch.equal(turned_mask[form], mask[form].flip(-1) if form == 1 else mask[form])


def test_three_forms_have_the_grain_of_the_paper_and_no_light_changes() -> None:
    torch.manual_seed(0)
    augmenter = Augmenter(Training("").changed({"augmentation": "published"}).augmentation)
    luma = torch.full((7, 1, 64, 64), 0.5)
    seen = augmenter.luma(luma, luma.expand(-1, 3, -1, -1), FORMS)
    for form in range(7):
        assert seen[form].var().item() == pytest.approx(GRAINS.get(form, 0.0), rel=0.1)
        assert seen[form].mean().item() == pytest.approx(0.5, abs=1e-3)
    assert np.array(list(GRAINS.values())) == pytest.approx([1e-4, 2e-4, 3e-4])


def test_sets_have_names_and_single_parts_may_change() -> None:
    plain = Training("").changed({"augmentation": "none"}).augmentation
    assert plain == Augmentation(flip=False, random_crop=False, noise=(), contrast=0, brightness=0)
    assert Training("").changed({"augmentation": "published", "contrast": 0.1}).augmentation == Augmentation(
        flip=False, random_crop=False, noise=(), contrast=0.1, brightness=0, sevenfold=True
    )
    assert Training("").changed({"augmentation": "usual"}) == Training("")
    with pytest.raises(SettingError, match="no augmentation 'much'; there are: usual, none, published"):
        Training("").changed({"augmentation": "much"})
