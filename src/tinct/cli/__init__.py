"""The command line: each verb parses, calls one public function, and prints.

Nothing heavy is imported here: every verb imports what it needs when it runs, so that help appears at once.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Annotated

import typer

from tinct import __version__
from tinct.cli.options import add_verbs
from tinct.cli.output import harmless
from tinct.errors import TinctError
from tinct.stopping import raise_if_told, said_if_stopped, stop_on_signals

# The verbs in the order of the help, each in the file of its name; the family `classify` comes after them.
VERBS = (
    "colorize",
    "status",
    "suggest",
    "video",
    "serve",
    "turing",
    "demo",
    "models",
    "evaluate",
    "bins",
    "figure",
    "calibrate",
    "data",
    "study",
    "prepare",
    "train",
    "export",
)
FAMILY = "classify"


def build(*, only: str = "") -> typer.Typer:
    """Return the command line with all its verbs; if `only` names one, with that verb alone, which is faster."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help="Colorize black-and-white photographs and films, and train the networks that do it.")(_options)
    with suppress(ImportError):  # this version of Typer reads values in another way
        from tinct.cli.plain import read_plainly

        read_plainly()
    wanted = [only] if only in (*VERBS, FAMILY) else [*VERBS, FAMILY]
    add_verbs(app, (getattr(import_module(f"tinct.cli.{verb}"), verb) for verb in wanted if verb != FAMILY))
    if FAMILY in wanted:
        app.add_typer(import_module(f"tinct.cli.{FAMILY}").build(), name=FAMILY)
    return app


def main() -> None:
    """Run the command line; a failure that tinct knows is one line on stderr and exit status 1.

    Stopped by SIGINT (Ctrl-C), SIGTERM or SIGHUP, it cleans up, says in one line what is kept, and exits with status
    128 + the signal's number.
    """
    stop_on_signals()
    with said_if_stopped(_tell):
        _name_everything()
        try:
            build(only=next(iter(sys.argv[1:]), ""))(prog_name="tinct")
        except TinctError as error:
            raise_if_told()
            _tell(f"tinct: {error}")
            _drop_unwritable_output()
            sys.exit(1)


def _name_everything() -> None:
    """Let file names that are not valid UTF-8 be printed: on stdout as they are, on stderr with escapes."""
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def _tell(text: str) -> None:
    print(harmless(text) if sys.stderr.isatty() else text, file=sys.stderr)


def _drop_unwritable_output() -> None:
    """If stdout cannot be written, keep the interpreter from trying it again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(asked: bool) -> None:
    if asked:
        print(f"tinct {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass
