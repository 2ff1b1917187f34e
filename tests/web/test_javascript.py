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


def complaints(*command: str | Path) -> str:
    """Return what a command that fails says; nothing from one that succeeds."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
    return (done.stdout + done.stderr or "it failed") if done.returncode else ""


def test_single_functions() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js 20: apt-get install nodejs")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version[1:].split(".")[0]) < 20:
        pytest.skip(f"needs Node.js 20, this is {version.strip()}")
    assert complaints(node, "--test", *sorted(HERE.glob("*.test.js"))) == ""


@pytest.mark.skipif(not TOOLS.is_dir(), reason="needs eslint and TypeScript: make check-js")
def test_eslint_and_types() -> None:
    assert complaints(TOOLS / "eslint", "-c", HERE / "eslint.config.js", STATIC, HERE) == ""
    assert complaints(TOOLS / "tsc", "-p", HERE / "tsconfig.json") == ""


def test_no_file_is_longer_than_400_lines() -> None:
    files = [path for kind in ("*.js", "*.css", "*.html") for path in STATIC.glob(kind)]
    assert len(files) > 20
    assert [path.name for path in files if len(path.read_text().splitlines()) > 400] == []
