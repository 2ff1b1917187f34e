"""How many rounds, and places that are full or read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# `make faults` asks for 50; the usual tests take the fewest that see anything.
ROUNDS = int(os.environ.get("TINCT_FAULT_ROUNDS", "0"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return what mounts a disk of some kilobytes; skipped where one may not mount."""
    mounted: list[Path] = []

    def make(kilobytes: int, name: str = "disk") -> Path:
        place = tmp_path / name
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        if os.name == "nt" or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs a disk of its own: sudo make faults")  # the end of the run says it once more
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)
