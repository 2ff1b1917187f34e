"""`tinct classify` and its verbs, one file each; options that several take are in `options.py`."""

from __future__ import annotations

import typer

from tinct.cli.classify.doctor import doctor
from tinct.cli.classify.evaluate import evaluate
from tinct.cli.classify.example import example
from tinct.cli.classify.labels import labels
from tinct.cli.classify.predict import predict
from tinct.cli.classify.train import train
from tinct.cli.options import add_verbs


def build() -> typer.Typer:
    """Return the family with its verbs."""
    family = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
    family.callback(help="Recognise pictures by their colours.")(lambda: None)
    add_verbs(family, (train, predict, evaluate, doctor, labels, example))
    return family
