"""`tinct models`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.cli.options import examples
from tinct.cli.output import print_json

if TYPE_CHECKING:
    from tinct.runtime.modelfile import Card


@examples(
    "tinct models",
    "tinct models photo",
    "tinct models run/model.onnx --json",
)
def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME|FILE", help="Show these models. Default: all that come with tinct."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each whole card as one line of JSON.")] = False,
) -> None:
    """List the models that come with tinct, and what each says about itself."""
    from tinct.runtime.modelfile import list_models, read_card

    for name in names or list_models():
        card = read_card(name)
        if as_json:
            print_json(asdict(card))
        else:
            _print_card(name, card, whole=bool(names))


def _print_card(name: str, card: Card, *, whole: bool) -> None:
    kind = f"{len(card.bins['centers'])} colour bins" if card.bins else "chroma directly"
    print(f"{name}  {card.description}")
    print(
        f"    network {card.network}, {kind} in {card.space}, sees {card.working_size} pixels"
        f"{f', {card.views} views of a photograph' if card.views > 1 else ''}"
    )
    print(
        f"    temperature {card.temperature:g}, caution {card.caution:g}, licence {card.licence or '-'}, "
        f"made {card.created or '-'}"
    )
    if whole:
        for part in ("data", "training", "metrics"):
            for key, value in getattr(card, part).items():
                print(f"    {part}: {key}: {value}")
