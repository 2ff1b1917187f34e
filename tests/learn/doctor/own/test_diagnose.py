"""The doctor on other people's trainings: purpose-made faults, alone and two at once, and sound trainings."""

from __future__ import annotations

import copy
import json
import random
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from learn.doctor.own.broken_trainings import ALONE, CROSS, HEALTHY, TWO, loader, net, pictures, training
from learn.doctor.own.more_trainings import MORE, MORE_SOUND
from learn.doctor.own.questions import QUESTIONS
from learn.doctor.own.third_trainings import THIRD, THIRD_SOUND, penalised
from tinct.errors import DataError, SettingError
from tinct.learn import DoctorCallback, assert_learns, diagnose

QUICK = ("NaN in one input", "detach after the layers", "softmax over the batch")
FAULTS = {**ALONE, **MORE, **THIRD}
SOUND = {**HEALTHY, **MORE_SOUND, **THIRD_SOUND}


def some_slow(names, quick):
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", some_slow(FAULTS, {*ALONE, *THIRD, *QUICK}))
def test_a_fault_alone_is_named_first(name):
    make, kinds = FAULTS[name]
    found = diagnose(**make())
    assert found.kinds[0] in kinds, str(found)
    assert found.findings[0].remedy in str(found)


@pytest.mark.parametrize("name", TWO)
def test_two_faults_at_once_are_the_first_two(name):
    make, kinds = TWO[name]
    found = diagnose(**make())
    assert set(found.kinds[:2]) == kinds, str(found)


@pytest.mark.parametrize("name", some_slow(SOUND, HEALTHY))
def test_nothing_is_named_in_a_sound_training(name):
    found = diagnose(**SOUND[name]())
    assert found.kinds == [], str(found)
    assert found.verdict.startswith("it learns: ")
    assert "nothing to complain of" in str(found)


def test_a_loss_that_holds_the_weights_leaves_no_gradient_behind():
    given = penalised()
    diagnose(**given, steps=5)
    assert all(weight.grad is None for weight in given["model"].parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_of_a_public_thread_is_answered(name):
    _, make, answer = QUESTIONS[name]
    model, data, loss, more = make()
    found = diagnose(model, data, loss, **more)
    assert answer in found.kinds[:1] or (not found.kinds and answer in " ".join(found.facts)), str(found)


def test_nothing_is_changed():
    model = net(norm=True)
    model[2].eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    values, labels = pictures()
    CROSS(model(values), labels).backward()
    optimizer.step()
    given = training(model, optimizer=optimizer)
    generator = given["train_loader"].generator
    before = copy.deepcopy([model.state_dict(), optimizer.state_dict(), [each.grad for each in model.parameters()]])
    modes = [each.training for each in model.modules()]
    states = (torch.get_rng_state(), generator.get_state(), random.getstate(), np.random.get_state()[1].copy())  # noqa: NPY002
    diagnose(**given)
    after = [model.state_dict(), optimizer.state_dict(), [each.grad for each in model.parameters()]]
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert [each.training for each in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), states[0])
    assert torch.equal(generator.get_state(), states[1])
    assert random.getstate() == states[2]
    assert (np.random.get_state()[1] == states[3]).all()  # noqa: NPY002


def test_the_same_seed_gives_the_same_diagnosis_as_plain_json():
    one, other = (diagnose(**ALONE["rate too high"][0]()).to_json() | {"seconds": 0} for _ in range(2))
    assert json.loads(json.dumps(one)) == json.loads(json.dumps(other))


def test_what_cannot_be_examined_is_refused():
    values, labels = pictures(8)
    with pytest.raises(DataError, match="only once"):
        diagnose(net(), iter([(values, labels)]), CROSS)
    with pytest.raises(DataError, match="no batch"):
        diagnose(net(), [], CROSS)
    with pytest.raises(DataError, match="inputs, targets"):
        diagnose(net(), [values], CROSS)
    for wrong in ({"steps": 0}, {"epochs": 0}, {"scheduler_every": 0}):
        with pytest.raises(SettingError, match="above 0"):
            diagnose(net(), [(values, labels)], CROSS, **wrong)


class KerasLoss:
    """Takes targets first, as the losses of Keras do."""

    __module__ = "keras.src.losses.losses"

    def __call__(self, targets, outputs):
        return CROSS(outputs, targets)


def test_what_is_of_keras_is_taken_or_refused_with_a_remedy():
    values, labels = pictures(12)
    by_torch = partial(torch.optim.Adam, lr=2e-2)
    assert_learns(net(), (values, labels), KerasLoss(), optimizer=by_torch)
    keras_model, keras_optimizer = (
        type("Model", (), {"__module__": "keras"})(),
        type("SGD", (), {"__module__": "keras.x"})(),
    )
    with pytest.raises(SettingError, match="KERAS_BACKEND to torch"):
        diagnose(keras_model, loader(values, labels), CROSS)
    with pytest.raises(SettingError, match=r"functools\.partial\(torch\.optim\.SGD, lr=\.\.\.\)"):
        diagnose(net(), loader(values, labels), CROSS, optimizer=keras_optimizer)
    with pytest.raises(SettingError, match=r"torch\.nn\.Module"):
        assert_learns(lambda given: given, (values, labels), CROSS)


def test_assert_learns_passes_a_sound_model_and_names_what_is_wrong_with_another():
    values, labels = pictures(12)
    sound = net()
    before = copy.deepcopy(sound.state_dict())
    assert_learns(sound, (values, labels), CROSS, optimizer=partial(torch.optim.Adam, lr=2e-2))
    torch.testing.assert_close(sound.state_dict(), before, rtol=0, atol=0)
    with pytest.raises(AssertionError, match="softmax over one output"):
        assert_learns(net(1, end=nn.Softmax(dim=1)), (values, labels.float()[:, None]), nn.BCELoss(), steps=20)
    with pytest.raises(AssertionError, match=r"takes targets\.long\(\)"):
        assert_learns(net(), (values, labels.float()), CROSS)
    other = torch.optim.Adam(net(seed=9).parameters())
    with pytest.raises(AssertionError, match="holds none of the model's parameters"):
        assert_learns(net(), (values, labels), CROSS, optimizer=other, steps=20)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("end", [None, nn.Softmax(dim=1)])
def test_the_callback_examines_before_the_first_step(end, capsys):
    from lightning.pytorch import LightningModule, Trainer

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.net, self.criterion = net(end=end), nn.CrossEntropyLoss()

        def forward(self, values):
            return self.net(values)

        def training_step(self, batch, index):
            return self.criterion(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=5e-3)

    doctor = DoctorCallback(strict=False)
    module = Module()
    trainer = Trainer(
        callbacks=[doctor], max_steps=1, logger=False, accelerator="cpu", enable_model_summary=False,
        enable_checkpointing=False, enable_progress_bar=False,
    )  # fmt: skip
    trainer.fit(module, loader(*pictures()))
    assert doctor.diagnosis.kinds[:1] == ([] if end is None else ["softmax-before-loss"])
    assert "it learns" in capsys.readouterr().out
    assert module.trainer is trainer


def test_the_examples_of_the_page_run(capsys):
    page = (Path(__file__).parents[4] / "docs" / "own-training.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 3
    exec("\n".join(blocks), {})
    shown = capsys.readouterr().out.splitlines()
    assert "unscaled-input" in shown
    assert shown[-1] == "no-zero-grad"


def test_the_callback_needs_a_loss():
    from lightning.pytorch import LightningModule

    with pytest.raises(SettingError, match="needs the loss"):
        DoctorCallback().on_train_start(None, LightningModule())
