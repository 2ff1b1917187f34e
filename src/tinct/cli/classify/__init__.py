"""`tinct classify` and its verbs: `learn.py` those that need the extra `learn`, `use.py` the others."""

from __future__ import annotations

import typer

from tinct.cli.classify.learn import doctor, labels, train
from tinct.cli.classify.use import evaluate, example, predict
from tinct.cli.options import add_verbs


def build() -> typer.Typer:
    """Return the family with its verbs."""
    family = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
    family.callback(help="Recognise pictures by their colours.")(lambda: None)
    add_verbs(family, (train, predict, evaluate, doctor, labels, example))
    return family
