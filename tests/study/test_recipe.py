"""Recipes: those that ship make sense, and what is wrong in one is told with file, key and remedy."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tinct.data.pictures import Picture
from tinct.errors import SettingError
from tinct.study.plan import BUDGETS, POINTS, STEP_COST, Budget, Choices, make_plan
from tinct.study.recipe import list_recipes, parse_recipe, read_recipe, slug

GOOD = """
title = "Wider?"
question = "Does a wider network do better?"
[shared]
network = "flat"
steps = 40
seeds = 2
[[arms]]
name = "narrow"
options = { width = 8 }
[[arms]]
name = "wide"
"""
PAPERS = {
    "regularization", "lab_vs_rgb", "transfer", "architectures", "rebalancing", "temperature", "bins", "augmentation",
    "data_size", "variety", "extended_set", "as_published",
}  # fmt: skip


def recipe(text, **changes):
    return parse_recipe({**tomllib.loads(text), **changes}, name="mine", text=text, file="mine.toml")


def pictures(*sizes):
    return [
        Picture(f"{index}-{place}", "", f"kind{place}", Path("x"))
        for place, size in enumerate(sizes)
        for index in range(size)
    ]


def planned(text_or_recipe, **options):
    chosen = recipe(text_or_recipe) if isinstance(text_or_recipe, str) else text_or_recipe
    pictures_of = {"train": pictures(50, 30, 20, 10), "val": options.pop("val", pictures(9))}
    return make_plan(chosen, Choices(**{"budget": Budget(), **options}), data="set", **pictures_of)


def test_every_experiment_of_the_papers_ships_and_can_be_planned(tmp_path):
    weights = tmp_path / "weights.npz"
    weights.touch()
    assert set(list_recipes()) == PAPERS
    for name in PAPERS:
        shipped = read_recipe(name)
        assert shipped.paper, name
        plan = planned(shipped, encoder_weights=str(weights), seeds=1)
        assert {arm.name for arm in shipped.arms if arm.of is None} == {arm for arm, _ in plan.trainings}, name
        trainings = {repr(training) for training in plan.trainings.values()}
        assert len(trainings) == len(plan.trainings), f"{name}: two arms are the same training"


def test_ten_lines_are_a_recipe():
    text = "\n".join(line for line in GOOD.splitlines() if line)
    assert len(text.splitlines()) <= 12
    plan = planned(text)
    assert set(plan.trainings) == {(arm, seed) for arm in ("narrow", "wide") for seed in (0, 1)}
    narrow, wide = plan.trainings["narrow", 1], plan.trainings["wide", 1]
    assert (narrow.options, wide.options, narrow.seed) == ({"width": 8}, {}, 1)
    assert (narrow.epochs, narrow.epoch_steps) == (2, 20)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"titel": "x"}, "no setting 'titel'; did you mean title?"),
        ({"title": 3}, "title must be text in quotes"),
        ({"question": ""}, "question is missing; add a line"),
        ({"arms": []}, "arms is missing; add at least two"),
        ({"arms": [{"name": "a"}]}, r"with one arm there is nothing to compare; add a second \[\[arms\]\]"),
        ({"arms": [{"name": "a"}, {"name": "A"}]}, "two arms have the name"),
        ({"arms": [{"name": "a"}, {"nam": "b"}]}, "number 2: has no name"),
        ({"arms": [{"name": "a"}, {"name": "b, c"}]}, "may not contain a comma"),
        (
            {"arms": [{"name": "a"}, {"name": "b", "epoch": 3}]},
            "arm 'b': there is no setting 'epoch'; did you mean epoch",
        ),
        ({"arms": [{"name": "a"}, {"name": "b", "bins": "many"}]}, "arm 'b': bins must be a whole number, not 'many'"),
        ({"arms": [{"name": "a"}, {"name": "b", "of": "c"}]}, "of = 'c' is not an earlier arm with its own training"),
        ({"arms": [{"name": "a"}, {"name": "b", "of": "a", "bins": 8}]}, "cannot set bins"),
        ({"arms": [{"name": "a"}, {"name": "b", "of": "a", "temperature": 0}]}, "temperature must be a number above 0"),
        (
            {"arms": [{"name": "a"}, {"name": "b", "of": "a", "temperature": float("inf")}]},
            "temperature must be a number of at most 100",
        ),
        ({"shared": {"caution": -5}}, r"\[shared\]: caution must be a number of at least 0"),
        ({"evaluation": {"size": 100000}}, r"\[evaluation\]: size must be a whole number of at most 4096"),
        ({"arms": [{"name": "a", "epochs": 3, "steps": 4}, {"name": "b"}]}, "steps and epochs both set the length"),
        ({"shared": {"seeds": 0}}, "seeds must be a number from 1 on"),
        ({"shared": {"seeds": [1, 1]}}, "different numbers"),
        ({"shared": {"flip": 1}}, r"\[shared\]: flip must be true or false"),
        ({"reference": "z"}, "reference = 'z' is not an arm; name one of: narrow, wide"),
        ({"plots": ["pie"]}, "plots must be a list in which each item is one of curves"),
        ({"axis": "heigth"}, "axis = 'heigth' is not a setting"),
        ({"evaluation": {"by": "colour"}}, "by must be one of category, source"),
    ],
)
def test_what_is_wrong_is_told_with_file_key_and_remedy(change, told):
    with pytest.raises(SettingError, match=told) as caught:
        recipe(GOOD, **change)
    assert str(caught.value).startswith("mine.toml")
    assert "\n" not in str(caught.value)


def test_settings_that_only_a_training_can_judge_name_the_arm():
    for change, told in (
        ({"network": "fat"}, "arm 'narrow': no network 'fat'"),
        ({"network": "flat", "crop": -8}, "arm 'narrow': crop must be"),
        ({"network": "flat", "options": {"depth": 3}}, "no option depth"),
        ({"network": "flat", "learning_rate": "fast"}, "arm 'narrow': the learning rate must be auto, or above 0"),
        ({"network": "flat", "categories": ["coats"]}, "arm 'narrow': the dataset has no category 'coats'"),
    ):
        with pytest.raises(SettingError, match=told):
            planned(recipe(GOOD, shared=change))
    arms = [{"name": "a", "task": "regression"}, {"name": "b", "of": "a", "temperature": 0.5}]
    with pytest.raises(SettingError, match="arm 'b': 'a' gives colours itself"):
        planned(recipe(GOOD, arms=arms))
    with pytest.raises(SettingError, match=r"arm 'a': drawn = true .* this one gives regression"):
        planned(recipe(GOOD, arms=[{"name": "a", "task": "regression", "drawn": True}, {"name": "b"}]))


def test_files_that_are_no_recipe(tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text("title = 'x'\nsteps 5\n")
    with pytest.raises(SettingError, match=r"broken\.toml: is not valid TOML .*line 2"):
        read_recipe(broken)
    with pytest.raises(SettingError, match=r"no such file, and no recipe of that name .* there are: architectures"):
        read_recipe("no_such")
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingError, match="cannot be read"):
        read_recipe(broken)


def test_an_arms_length_stands_for_the_shared_one():
    arms = [{"name": "long"}, {"name": "short", "steps": 5}, {"name": "epochs", "epochs": 7}]
    plan = planned(recipe(GOOD, arms=arms, shared={"network": "flat", "steps": 40, "batch_size": 10}))
    lengths = {arm: (t.epochs, t.epoch_steps) for (arm, _), t in plan.trainings.items()}
    assert lengths == {"long": (2, 20), "short": (1, 5), "epochs": (7, None)}


@pytest.mark.parametrize("steps", [60, 500, 6000])
@pytest.mark.parametrize("validated", [0, 20, 300, 5000])
def test_noting_figures_costs_a_fifth_of_the_steps_at_most(steps, validated):
    plan = planned(recipe(GOOD, shared={"network": "flat", "steps": steps, "batch_size": 20}), val=pictures(validated))
    training = plan.trainings["narrow", 0]
    assert 0.95 * steps <= training.epochs * training.epoch_steps <= steps
    cost = training.epochs * (2 + 0.35 * validated / 20)
    assert cost <= steps / 5 or training.epochs == 1
    assert training.epochs == POINTS or 2 * (cost + cost / training.epochs) > steps / 5


def test_noting_figures_counts_the_batch_norms_that_are_measured_anew():
    """They look at 8 batches; the averaged weights of a network that has some are validated with them."""
    shared = {"network": "colorunet", "steps": 500, "batch_size": 20}
    training = planned(recipe(GOOD, shared=shared), val=pictures(20)).trainings["narrow", 0]
    assert training.epochs * (2 + 0.35 * (20 / 20 + 8)) <= 500 / 5


def test_categories_by_number_are_the_largest_and_too_many_are_refused():
    arms = [{"name": "all"}, {"name": "two", "categories": 2}, {"name": "named", "categories": ["kind3"]}]
    plan = planned(recipe(GOOD, arms=arms))
    assert plan.trainings["two", 0].categories == ("kind0", "kind1")
    assert plan.trainings["named", 0].categories == ("kind3",)
    with pytest.raises(SettingError, match=r"asks for 9 categories, but the dataset has 4 .* --arms"):
        planned(recipe(GOOD, arms=[{"name": "all"}, {"name": "nine", "categories": 9}]))


def test_a_pretrained_encoder_is_asked_for():
    transfer = read_recipe("transfer")
    with pytest.raises(SettingError, match=r"needs pretrained weights .* --encoder-weights FILE, or choose other arms"):
        planned(transfer, from_scratch=True)
    vgg = read_recipe("regularization")
    with pytest.raises(SettingError, match=r"arm 'baseline'.* --encoder-weights FILE, or --from-scratch"):
        planned(vgg)
    started = planned(vgg, from_scratch=True).trainings["dropout", 0]
    assert started.from_scratch
    assert started.options == {"regularization": "dropout", "dropout": 0.25, "frozen": False}


def test_the_small_budget_cuts_all_arms_alike_and_says_so():
    plan = planned(read_recipe("architectures"), budget=BUDGETS["small"], val=pictures(900))
    steps = {t.epochs * (t.epoch_steps or 0) for t in plan.trainings.values()}
    assert max(steps) - min(steps) <= 16
    # With more validation photographs than a fifth of the steps allows, a training looks at them once.
    assert {t.epochs for t in plan.trainings.values()} <= {1, 2}
    cost = sum(STEP_COST.get(t.network, 1) * t.epochs * (t.epoch_steps or 0) for t in plan.trainings.values())
    assert 0.8 * BUDGETS["small"].shared_steps < cost <= BUDGETS["small"].shared_steps
    assert any("instead of 6000 steps" in note for note in plan.notes)
    assert any("80 validation pictures" in note for note in plan.notes)
    assert all(t.crop == 96 and t.minutes == 1.5 for t in plan.trainings.values())
    assert plan.seeds == (0, 1)
    many = [{"name": f"{width}", "options": {"width": width}} for width in range(1, 13)]
    assert planned(recipe(GOOD, arms=many), budget=BUDGETS["small"]).seeds == (0,)


def test_the_small_budget_leaves_a_training_no_more_than_its_share_of_time():
    timed = recipe(GOOD, shared={"network": "flat", "minutes": 50})
    plan = planned(timed, budget=BUDGETS["small"])
    assert {(t.minutes, t.epochs) for t in plan.trainings.values()} == {(7.5, 10_000)}
    assert "wide: 7.5 instead of 50 minutes" in plan.notes


def test_a_budget_of_steps_cuts_all_arms_by_one_factor():
    plan = planned(read_recipe("extended_set"), budget=Budget("few", steps=400, points=4))
    steps = {arm: t.epochs * (t.epoch_steps or 0) for (arm, _), t in plan.trainings.items()}
    assert steps["everything"] == steps["main category"] == 400
    assert steps["everything for a quarter of the steps"] == 100
    timed = planned(recipe(GOOD, shared={"network": "flat", "minutes": 5}), budget=Budget("few", steps=400))
    assert {t.epochs * (t.epoch_steps or 0) for t in timed.trainings.values()} == {400}


def test_short_trainings_average_their_weights_over_less():
    averages = [
        planned(recipe(GOOD, shared={"network": "flat", "steps": n})).trainings["wide", 0].average
        for n in (5, 1000, 10**5)
    ]
    assert averages == [0, 0.99, 0.998]
    shared = {"network": "flat", "steps": 5, "average": 0.5}
    assert planned(recipe(GOOD, shared=shared)).trainings["wide", 0].average == 0.5


def test_names_become_folders():
    assert slug("T 0.1, vivid / ÄÖ") == "t-0.1-vivid"
    assert slug("..") == "arm"


def test_settings_of_trainings_at_the_top_are_sent_to_their_place():
    for key in ("seeds", "steps", "network"):
        with pytest.raises(SettingError, match=rf"'{key}' is a setting of trainings; write it below \[shared\]"):
            recipe(GOOD, **{key: 2})


def test_squares_that_fit_into_no_memory_are_refused():
    with pytest.raises(SettingError, match=r"crop must be .* at most 2048, not 100000"):
        planned(recipe(GOOD, shared={"network": "flat", "crop": 100_000}))
