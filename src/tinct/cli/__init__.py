"""The command line: each verb parses, calls one public function, and prints.

Nothing heavy is imported here: every verb imports what it needs when it runs, so that help comes at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tinct import __version__
from tinct.cli import colorize, demo, learn, models, study
from tinct.errors import TinctError

FAMILIES = (colorize, demo, models, study, learn)  # in the order in which the help lists their verbs


def build() -> typer.Typer:
    """Give the whole command line with all its verbs."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help="Give colour to black-and-white photographs, and train the networks that do it.")(_options)
    for family in FAMILIES:
        family.register(app)
    return app


def main() -> None:
    """Run the command line; a failure that tinct knows is one line on stderr and exit status 1."""
    try:
        build()(prog_name="tinct")
    except TinctError as error:
        print(f"tinct: {error}", file=sys.stderr)
        sys.exit(1)


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
