"""`tinct classify`: its verbs, one file each."""

from __future__ import annotations

import typer

from tinct.cli.classify import doctor, evaluate, example, labels, predict, train
from tinct.cli.options import add_verbs


def build() -> typer.Typer:
    """Return the family with its verbs."""
    family = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
    family.callback(help="Recognise pictures by their colours.")(lambda: None)
    add_verbs(family, (train, predict, evaluate, doctor, labels, example))
    return family
