"""The page's JavaScript: single functions in Node.js; with what `make check-js` installs, eslint and types, too."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "js"
ROOT = HERE.parents[2]
STATIC = ROOT / "src" / "tinct" / "web" / "static"
TOOLS = HERE / "node_modules" / ".bin"


def run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_single_functions() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js 20: apt-get install nodejs")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version[1:].split(".")[0]) < 20:
        pytest.skip(f"needs Node.js 20, this is {version.strip()}")
    run(node, "--test", *sorted(HERE.glob("*.test.js")))


@pytest.mark.skipif(not TOOLS.is_dir(), reason="needs eslint and TypeScript: make check-js")
def test_eslint_and_types() -> None:
    run(TOOLS / "eslint", "-c", HERE / "eslint.config.js", STATIC, HERE)
    run(TOOLS / "tsc", "-p", HERE / "tsconfig.json")


def test_no_file_is_longer_than_400_lines() -> None:
    files = [path for kind in ("*.js", "*.css", "*.html") for path in STATIC.glob(kind)]
    assert len(files) > 20
    assert [path.name for path in files if len(path.read_text().splitlines()) > 400] == []
