"""How many rounds, and places that are full or read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.launcher import Launcher, launching
from faults.works import Batch, Film, Films, Preparation

# `make faults` asks for 50; the usual tests take the fewest that see anything.
ROUNDS = int(os.environ.get("TINCT_FAULT_ROUNDS", "0"))


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """What all runs without PyTorch are forked from."""
    modules = {name for work in (Batch, Film, Films, Preparation) for name in work.modules}
    with launching(*sorted(modules)) as started:
        yield started


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return what mounts a disk in memory, and changes its options when called again; skipped where one may not."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        place = tmp_path / "disk"
        place.mkdir(exist_ok=True)
        change = ["-o", f"remount,{options}"] if mounted else ["-t", "tmpfs", "-o", options, "tmpfs"]
        command = ["mount", *change, str(place)]
        if os.name == "nt" or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs a disk of its own: sudo make faults")  # the end of the run says it once more
        mounted[:] = [place]
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)
