"""`tinct` as a person or a script runs it: in a process of its own, or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from tinct.cli import build

TINCT = [sys.executable, "-W", "error", "-m", "tinct"]


def run(
    *arguments: str | Path, data: bytes | None = None, folder: Path | None = None, text: bool = False
) -> subprocess.CompletedProcess[Any]:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    command = [*TINCT, *map(str, arguments)]
    return subprocess.run(
        command, input=data, capture_output=True, text=text, cwd=folder, env=environment, timeout=120, check=False
    )


def run_here(*arguments: object, **options: Any) -> Result:
    """Run it in this process; options are those of Typer's `invoke`."""
    return CliRunner().invoke(build(), [str(argument) for argument in arguments], **options)
