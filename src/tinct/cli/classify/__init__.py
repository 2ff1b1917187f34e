"""`tinct classify`: its verbs, one file each."""

from __future__ import annotations

import typer

from tinct.cli.classify import doctor, evaluate, example, predict, train


def register(app: typer.Typer) -> None:
    """Add the family."""
    family = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
    family.callback(help="Recognise pictures by their colours.")(_nothing)
    family.command(epilog=train.EPILOG)(train.train)
    family.command(epilog=predict.EPILOG)(predict.predict)
    family.command(epilog=evaluate.EPILOG)(evaluate.evaluate)
    family.command(epilog=doctor.EPILOG)(doctor.doctor)
    family.command(epilog=example.EPILOG)(example.example)
    app.add_typer(family, name="classify")


def _nothing() -> None:
    pass
