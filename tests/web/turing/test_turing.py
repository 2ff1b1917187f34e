"""Which one is real? Trials, answers and what they add up to, and the page."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from tinct.cli import build
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import DataError, InputError, SettingError
from tinct.runtime.scores import wilson
from tinct.web.settings import Design
from tinct.web.turing.answers import Answers
from tinct.web.turing.app import create_turing_app
from tinct.web.turing.trials import Pairs, Trial, plan, turned
from web.helpers import HERE, Process, decoded, encoded, grey_picture, serving


def write_photos(folder: Path, count: int) -> Path:
    """Colour photographs, a grey one, and one that is broken."""
    folder.mkdir()
    chance = np.random.default_rng(1)
    for number in range(count):
        small = chance.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        (folder / f"{number}.png").write_bytes(encoded(".png", np.kron(small, np.ones((10, 10, 1), np.uint8))))
    (folder / "grey.png").write_bytes(encoded(".png", grey_picture()))
    (folder / "broken.jpg").write_bytes(b"nothing")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("turing") / "photos", 4)


@pytest.fixture(scope="module")
def pairs(photos: Path, colorizer: Colorizer) -> Pairs:
    return Pairs(photos, colorizer)


def test_only_colour_photographs_are_shown(pairs: Pairs) -> None:
    assert [path.name for path in pairs.paths] == ["0.png", "1.png", "2.png", "3.png"]
    assert pairs.left_out == 2


def test_too_few_photographs(tmp_path: Path, colorizer: Colorizer) -> None:
    with pytest.raises(DataError, match="2 are needed"):
        Pairs(write_photos(tmp_path / "few", 1), colorizer)
    with pytest.raises(InputError, match="not a folder"):
        Pairs(tmp_path / "nowhere", colorizer)


def test_the_real_one_is_where_the_trial_says_and_the_other_has_its_luma(pairs: Pairs) -> None:
    from tinct.color.spaces import rgb_to_yuv

    for real in (0, 1):
        trial = Trial("test", 0, real)
        shown = [decoded(pairs.shown(trial, place)).astype(np.float32) / 255 for place in (0, 1)]
        truth = decoded(pairs.paths[0].read_bytes()).astype(np.float32) / 255
        assert np.abs(shown[real] - truth).mean() < 0.05
        assert np.abs(shown[1 - real] - truth).mean() > 0.1
        lumas = [rgb_to_yuv(picture)[..., 0] for picture in shown]
        assert np.abs(lumas[0] - lumas[1]).mean() < 0.02


def test_attention_checks_are_plainly_false() -> None:
    red = np.full((8, 8, 3), (200, 60, 60), np.uint8)
    other = turned(red)[0, 0].astype(int)
    assert other[0] < other[1]


def test_a_session_is_balanced_and_by_chance() -> None:
    trials = plan(50, Design(seed=3))
    assert [trial.kind for trial in trials[:5]] == ["practice"] * 5
    assert Counter(trial.kind for trial in trials) == {"practice": 5, "test": 40, "check": 4}
    assert len({trial.picture for trial in trials}) == 49  # none twice while there are others
    assert 8 < sum(trial.real for trial in trials) < 41
    assert plan(50, Design(seed=3)) == trials
    assert plan(50, Design(seed=4)) != trials
    with pytest.raises(SettingError):
        Design(pairs=0)


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662 with the score method.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)


def give(answers: Answers, wrong: dict[str, int], *, planned: int = 7, checks: int = 2) -> None:
    """One session of five pairs that count and two checks, with so many wrong."""
    name = answers.begin(model="m", temperature=0.4, caution=None, planned=planned)
    kinds = ["test"] * 5 + ["check"] * checks
    for number, kind in enumerate(kinds):
        before = kinds[:number].count(kind)
        chosen = 1 if before < wrong.get(kind, 0) else 0
        answers.add(name, number, Trial(kind, number, 0), picture=f"p{number}", chosen=chosen, seconds=1.0)  # type: ignore[arg-type]


def test_answers_add_up_and_the_inattentive_do_not_count(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "a.sqlite", create=True)
    give(answers, {"test": 2})
    give(answers, {"test": 1, "check": 1})
    give(answers, {"test": 5, "check": 2})  # did not look
    give(answers, {"test": 5}, planned=8)  # left before the end
    (found,) = Answers(tmp_path / "a.sqlite", create=False).outcomes()
    assert (found.sessions, found.inattentive, found.unfinished) == (2, 1, 1)
    assert (found.fooled, found.pairs, found.share) == (3, 10, 0.3)
    assert (found.low, found.high) == wilson(3, 10)
    assert found.pictures["p0"] == (2, 2)


def test_nothing_personal_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    give(Answers(path, create=True), {})
    with sqlite3.connect(path) as database:
        columns = {row[1] for table in ("session", "answer") for row in database.execute(f"PRAGMA table_info({table})")}
    database.close()
    assert columns == {
        "id", "day", "model", "temperature", "caution", "planned",
        "session", "number", "kind", "picture", "real", "chosen", "seconds",
    }  # fmt: skip


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no answers"):
        Answers(tmp_path / "none.sqlite", create=False)
    text = tmp_path / "notes.txt"
    text.write_text("my notes")
    with pytest.raises(InputError, match="not a file of answers"):
        Answers(text, create=True)
    other = tmp_path / "other.sqlite"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE mine (x)")
    database.commit()
    database.close()
    with pytest.raises(InputError, match="another program"):
        Answers(other, create=True)
    assert text.read_text() == "my notes"


def test_the_server_tells_nothing_before_the_answer(pairs: Pairs, colorizer: Colorizer, tmp_path: Path) -> None:
    answers = Answers(tmp_path / "a.sqlite", create=True)
    design = Design(pairs=2, practice=1, checks=1, seed=1)
    client = TestClient(create_turing_app(pairs, answers, colorizer, design=design), base_url=HERE)
    begun = client.post("/v1/turing/sessions", json={}).json()
    assert begun["kinds"] == ["practice", "test", "test", "test"]  # checks look like the others
    path = f"/v1/turing/sessions/{begun['id']}"
    assert client.get(f"{path}/pairs/0/1").headers["content-type"] == "image/jpeg"
    assert client.get(f"{path}/pairs/0/2").status_code == 404
    assert client.get(f"{path}/pairs/9/0").status_code == 404
    assert client.post(f"{path}/answers", json={"number": 1, "chosen": 0}).status_code == 409
    assert client.post(f"{path}/answers", json={"number": 0, "chosen": 2}).status_code == 422
    told = [client.post(f"{path}/answers", json={"number": n, "chosen": 0, "seconds": 1}).json() for n in range(4)]
    assert isinstance(told[0]["right"], bool)
    assert [item["right"] for item in told[1:]] == [None] * 3
    assert [item["over"] for item in told] == [False, False, False, True]
    assert told[3]["pairs"] == 2
    assert client.post(f"{path}/answers", json={"number": 3, "chosen": 0}).status_code == 409
    assert client.post("/v1/turing/sessions/nobody/answers", json={"number": 0, "chosen": 0}).status_code == 404


def test_the_page_by_keyboard_and_its_results(browser: Any, photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "a.sqlite")
    options = ("--pairs", "2", "--practice", "1", "--checks", "1", "--seconds", "0.1", "--answers", file)
    with serving("turing", str(photos), "--port", "0", "--model", str(tiny_model), *options) as process:
        said = _play(browser, process)
    assert said == []
    done = CliRunner().invoke(build(), ["turing", str(photos), "--results", "--answers", file])
    assert "taken for real:" in done.stdout or "not attentive: 1" in done.stdout
    assert "95 % interval" in done.stdout or "no session counts" in done.stdout


def _play(browser: Any, process: Process) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    said: list[str] = []
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda asked: asked.url.startswith((process.url[:20], "blob:")) or said.append(asked.url))
    page.goto(process.url)
    page.locator("#begin:enabled").focus()
    assert Axe().run(page).violations_count == 0
    page.keyboard.press("Enter")
    for number in range(4):
        page.locator("#ask").wait_for()
        page.keyboard.press("1")
        page.locator("#question").wait_for(state="hidden")
        if number == 0:
            page.locator("#next").wait_for()
            assert Axe().run(page).violations_count == 0
            page.keyboard.press("Enter")
    page.locator("#score", has_text="of 2 pairs").wait_for()
    page.close()
    return said
