"""What the verbs share for talking to a person or a program: rows, progress, exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from tinct.colorize.batch import Row


@contextmanager
def shown_rows(what: str, *, as_json: bool) -> Iterator[Callable[[Row, int, int], None]]:
    """Give a function that prints each row as it comes, and moves a progress bar where stderr is a terminal."""
    with progress(what) as advance:

        def show(row: Row, done: int, total: int) -> None:
            print_row(row, as_json=as_json)
            advance(done, total)

        yield show


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr, moved by calls with (done, total); nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # What is printed goes above the bar on a screen; in a file it must not go the bar's way to stderr.
    whole_screen = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=whole_screen) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_json(value: Any) -> None:
    """Print one value as one line of JSON on stdout, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_row(row: Row, *, as_json: bool) -> None:
    """Print what became of one picture: results on stdout, everything else on stderr."""
    if as_json:
        print_json(row.to_json())
        return
    if row.status == "colorized":
        paths = [str(path) for path in (row.target, row.sheet, row.confidence) if path is not None]
        print(f"{'  '.join(paths)}  {row.width}x{row.height}  {row.seconds:.2f} s", flush=True)
    if row.message:
        print(f"{row.status}: {row.message}", file=sys.stderr, flush=True)


def exit_by(rows: Sequence[Row]) -> None:
    """Leave with exit status 1 when a picture failed.

    Raises:
        Exit: one did.
    """
    if any(row.status == "failed" for row in rows):
        raise typer.Exit(1)
