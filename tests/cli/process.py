"""`tinct` in a process of its own, as a person or a script runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TINCT = [sys.executable, "-W", "error", "-m", "tinct"]


def run(
    *arguments: str | Path, data: bytes | None = None, folder: Path | None = None, text: bool = False
) -> subprocess.CompletedProcess[Any]:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    command = [*TINCT, *map(str, arguments)]
    return subprocess.run(
        command, input=data, capture_output=True, text=text, cwd=folder, env=environment, timeout=120, check=False
    )
