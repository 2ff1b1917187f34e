"""The folder of a film's finished parts: what is noted is there again, and only whole parts count."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from tinct.coloring.film.resume import Progress, work_folder
from tinct.errors import OutputError

PLAN = {"source": "film.mp4", "size": 192}


def interrupted(target: Path, parts: int, plan: dict = PLAN) -> None:
    """Finish some parts, begin another, and be killed."""
    with contextlib.suppress(KeyboardInterrupt), work_folder(target, plan) as work:
        for number in range(parts):
            part = work.next_part()
            part.write_bytes(b"part %d" % number)
            work.finish(part, Progress({"frame": 10 * number}, {"shares": np.full((2, 3), number, np.float32)}))
        work.next_part().write_bytes(b"half a part")
        raise KeyboardInterrupt


def test_a_killed_run_finds_its_parts_again(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    interrupted(target, 3)
    with work_folder(target, PLAN) as work:
        assert [part.read_bytes() for part in work.parts()] == [b"part 0", b"part 1", b"part 2"]
        assert work.next_part().name == "00003.frames"
        progress = work.progress()
        assert progress is not None
        assert progress.facts == {"frame": 20}
        np.testing.assert_array_equal(progress.arrays["shares"], np.full((2, 3), 2, np.float32))
    assert list(tmp_path.iterdir()) == []  # it goes when the work is done


def test_another_plan_starts_anew(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    interrupted(target, 2)
    with work_folder(target, {**PLAN, "size": 160}) as work:
        assert work.parts() == []
        assert work.progress() is None


def test_two_runs_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    with work_folder(target, PLAN), pytest.raises(OutputError, match="another run"), work_folder(target, PLAN):
        pass


def test_no_folder_to_write_to(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"), work_folder(tmp_path / "gone" / "out.mkv", PLAN):
        pass
