"""`kill -9` at random moments: what is there is whole, and run again, the work ends as if nothing had been."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from pathlib import Path

import httpx2
import pytest

from faults.conftest import ROUNDS
from faults.launcher import Launcher, launching
from faults.works import Batch, Film, Films, Preparation, StudyRun, TrainingRun, Work, grey_png
from web.helpers import Process, decoded, photo_file, serving

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def kill_often(work: Work, launcher: Launcher, rounds: int) -> int:
    """Kill the work `rounds` times, each time going on with what was left; return how often it came to its end."""
    chance = random.Random(os.environ.get("TINCT_FAULT_SEED", "1"))
    started = time.monotonic()
    work.begin(launcher)
    whole = time.monotonic() - started
    work.remove()
    ends = kills = 0
    arguments = work.arguments
    while kills < rounds:
        ended = launcher.stopped(*arguments, number=signal.SIGKILL, after=chance.uniform(0, whole))
        work.check()
        if ended.code == -signal.SIGKILL:
            kills += 1
            arguments = work.going_on()
            continue
        work.done(ended)
        work.check_end(launcher)
        work.remove()
        ends += 1
        arguments = work.arguments
    work.done(launcher.run(*arguments))
    work.check_end(launcher)
    return ends + 1


def test_a_batch(launcher: Launcher, tmp_path: Path, tiny_model: Path) -> None:
    assert kill_often(Batch.of(tmp_path, tiny_model), launcher, ROUNDS or 2)


@pytest.mark.slow  # tests/cli/test_video.py kills a film once, and tests/coloring/film/test_parts.py at chosen places
def test_a_film(launcher: Launcher, tmp_path: Path, tiny_model: Path) -> None:
    assert kill_often(Film.of(tmp_path, tiny_model), launcher, ROUNDS or 1)


def test_films_of_a_folder(launcher: Launcher, tmp_path: Path, tiny_model: Path) -> None:
    assert kill_often(Films.of(tmp_path, tiny_model), launcher, ROUNDS or 1)


def test_a_preparation(launcher: Launcher, tmp_path: Path, photo_folder: Path) -> None:
    assert kill_often(Preparation.of(tmp_path, photo_folder), launcher, ROUNDS or 1)


@pytest.mark.slow
def test_a_training(tmp_path: Path, photo_folder: Path) -> None:
    with launching(*TrainingRun.modules) as started:
        assert kill_often(TrainingRun.of(tmp_path, photo_folder), started, ROUNDS or 2)


@pytest.mark.slow
def test_a_study(tmp_path: Path, photo_folder: Path) -> None:
    with launching(*StudyRun.modules) as started:
        assert kill_often(StudyRun.of(tmp_path, photo_folder), started, ROUNDS or 2)


def test_a_server(tmp_path: Path, tiny_model: Path) -> None:
    """The next server deletes what a killed one left, and answers as if nothing had been."""
    chance = random.Random(os.environ.get("TINCT_FAULT_SEED", "1"))
    picture, env = grey_png(), {"TMPDIR": str(tmp_path)}
    command = ("serve", "--port", "0", "--model", str(tiny_model))
    answers = set()
    for _ in range(ROUNDS or 1):
        with serving(*command, env=env) as server:
            asking = threading.Thread(target=ask_on, args=(server, picture))
            asking.start()
            time.sleep(chance.uniform(0, 1))
            server.end(signal.SIGKILL)
            asking.join()
        assert len(list(tmp_path.iterdir())) <= 1
    with serving(*command, env=env) as server:
        answers.add(httpx2.post(f"{server.url}v1/colorize", files=photo_file(picture), timeout=60).content)
        answers.add(httpx2.post(f"{server.url}v1/colorize", files=photo_file(picture), timeout=60).content)
        assert len(list(tmp_path.iterdir())) == 1
        assert server.end() == (143, "tinct: stopped; what was sent is deleted\n")
    assert list(tmp_path.iterdir()) == []
    (answer,) = answers
    assert decoded(answer).shape == (300, 400, 3)


def ask_on(server: Process, picture: bytes) -> None:
    """Send photographs until the server is gone."""
    with contextlib.suppress(httpx2.HTTPError):
        while True:
            httpx2.post(f"{server.url}v1/colorize", files=photo_file(picture), data={"reply": "json"}, timeout=60)
