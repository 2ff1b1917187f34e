"""What the verbs print for a person or a program: rows, diagnoses, progress, exit status."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from tinct.files import not_written

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tinct.coloring.photo.row import Row
    from tinct.data.findings import Finding
    from tinct.learn.doctor.findings import Diagnosis

# Control characters except newline and tab, and those that change the direction of writing.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@contextmanager
def shown_rows(what: str, *, as_json: bool) -> Iterator[Callable[[Row, int, int], None]]:
    """Yield a function that prints a row, and moves a progress bar if stderr is a terminal."""
    with progress(what) as advance:

        def show(row: Row, done: int, total: int) -> None:
            print_row(row, as_json=as_json)
            advance(done, total)

        yield show


@contextmanager
def progress(what: str, *, rate: str = "") -> Iterator[Callable[[int, int | None], None]]:
    """Show a progress bar on stderr, moved by calls with (done, total); nothing if stderr is not a terminal.

    Args:
        what: describes the work.
        rate: unit of the speed to show, such as `frames/s`, on a bar that stays in the end; empty for no speed.
    """
    with progress_of_steps(what, rate=rate) as move:
        yield lambda done, total: move(what, done, total)


@contextmanager
def progress_of_steps(
    shown: str = "", *, rate: str = "", lines: bool = False
) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a progress bar on stderr, moved by calls with (description of the step, done, total).

    Args:
        shown: the description before the first call.
        rate: as for `progress`.
        lines: if stderr is not a terminal, print the description of each new step instead of nothing.
    """
    if not sys.stderr.isatty():

        def tell(what: str, done: int, total: int | None) -> None:
            nonlocal shown
            if lines and what != shown:
                shown = what
                say(what, on_stderr=True)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    if rate:
        columns.insert(3, TextColumn("{task.fields[speed]}"))
    # On a screen, printed lines go above the bar; if stdout is a file, they must not go to stderr with the bar.
    whole_screen = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=not rate, redirect_stdout=whole_screen) as bar:
        task = bar.add_task(shown, total=None, speed="")
        first: int | None = None

        def move(what: str, done: int, total: int | None) -> None:
            nonlocal shown, first
            if what != shown:
                shown, first = what, None
                bar.reset(task, description=what, total=total)
            first = done if first is None else first
            elapsed = bar.tasks[0].elapsed or 0
            speed = f"{(done - first) / elapsed:.1f} {rate}" if rate and elapsed > 1 else ""
            bar.update(task, completed=done, total=None if total is None else max(total, done), speed=speed)

        yield move
        if rate:
            bar.update(task, total=bar.tasks[0].completed)  # the total was only an estimate


def print_json(value: Any, *, on_stderr: bool = False) -> None:
    """Print one value as one line of JSON, at once.

    A file name that is not valid UTF-8 is written in JSON's escapes, as Python's `os.fsdecode` returns it.
    """
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value)
    say(text, on_stderr=on_stderr)


def print_row(row: Row, *, as_json: bool, results_on_stderr: bool = False) -> None:
    """Print what became of one picture: results on stdout unless asked otherwise, everything else on stderr."""
    if as_json:
        print_json(row.to_json(), on_stderr=results_on_stderr)
        return
    if row.status == "colorized":
        paths = [str(path) for path in (row.target, row.sheet, row.confidence) if path is not None]
        where = "  ".join(paths or ["-"])
        say(f"{where}  {row.width}x{row.height}  {row.seconds:.2f} s", on_stderr=results_on_stderr)
    for name, decided in row.stages:
        say(f"  {name:<12}{decided}", on_stderr=results_on_stderr)
    if row.message:
        name = f"{row.source}: " if row.status == "colorized" else ""  # all other messages name the picture
        say(f"{row.status}: {name}{row.message}", on_stderr=True)


def print_sum(rows: Sequence[Row], *, files: int, folders: int) -> None:
    """Print on stderr how many pictures have each status, and how many files and subfolders were not looked at."""
    counts = Counter(row.status for row in rows)
    words = {"colorized": "colorized", "exists": "there already", "skipped": "skipped", "failed": "failed"}
    parts = [f"{counts[status]} {word}" for status, word in words.items() if counts[status]]
    for count, what in ((files, "other file"), (folders, "subfolder")):
        if count:
            parts.append(f"{count} {what}{'s' if count > 1 else ''} not looked at")
    say("; ".join(parts), on_stderr=True)


def print_left_out(left_out: Iterable[tuple[str, str]]) -> None:
    """Print on stderr what was left out, with the reason, which may name it already."""
    for name, reason in left_out:
        say(f"left out: {reason if name in reason else f'{name}: {reason}'}", on_stderr=True)


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """Print verdict, findings and facts for a person."""
    console = _console()
    console.print(f"{diagnosis.subject}: {diagnosis.verdict}", style="bold")
    print_findings(diagnosis.findings, none="nothing to complain of")
    console.print()
    for line in diagnosis.facts:
        console.print(line, style="dim")


def print_findings(findings: Sequence[Finding], *, none: str) -> None:
    """Print numbered findings with evidence and remedy, or the text `none` if there are none."""
    console = _console()
    if not findings:
        console.print(none)
    for number, finding in enumerate(findings, start=1):
        doubt = "" if finding.sure else " (likely, but not proven)"
        style = "bold red" if finding.level == "serious" else "bold"
        console.print(f"\n{number}. {finding.title}{doubt}", style=style)
        for line in finding.evidence:
            console.print(f"   {line}")
        console.print(f"   remedy: {finding.remedy}")


def table_of(rows: Iterable[Sequence[str]], *, title: str) -> Table:
    """Return a table for a terminal; the first row is its heading, and all columns but the first are of figures."""
    from rich.table import Table

    heading, *rest = rows
    table = Table(title=title, title_justify="left")
    table.add_column(heading[0], no_wrap=True)
    for cell in heading[1:]:
        table.add_column(cell, justify="right", overflow="fold")
    for row in rest:
        table.add_row(*row)
    return table


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True)


def say(text: str, *, on_stderr: bool = False) -> None:
    """Print a line at once.

    Raises:
        OutputError: standard output cannot be written.
    """
    stream = sys.stderr if on_stderr else sys.stdout
    try:
        print(harmless(text) if stream.isatty() else text, file=stream, flush=True)
    except BrokenPipeError:  # the reader has closed the pipe
        raise
    except OSError as error:
        raise not_written("standard output", error) from error


def harmless(text: str) -> str:
    """Return a text that is safe on a terminal: control characters and changes of direction become escapes.

    Names of files may hold such characters; newlines and tabs stay.
    """
    return _COMMANDS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def exit_by(rows: Sequence[Row]) -> None:
    """Exit with status 1 if a picture failed.

    Raises:
        Exit: one did.
    """
    if any(row.status == "failed" for row in rows):
        raise typer.Exit(1)
