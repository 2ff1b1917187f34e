"""`GET /v1/models` and `/healthz`: what the server runs, and that it is up."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tinct import __version__
from tinct.runtime.classifier import ClassifierCard
from tinct.runtime.modelfile import Card
from tinct.web.problems import described
from tinct.web.service import Shared, Visitor, own_values

router = APIRouter(tags=["server"])


class Model(BaseModel):
    """A model that the server runs."""

    name: str = Field(examples=["photo"])
    task: str = Field(description="`colorize` or `classify`.", examples=["colorize"])
    description: str
    network: str
    licence: str
    temperature: float | None = Field(default=None, description="The model's default; null if it has none.")
    caution: float | None = Field(default=None, description="The model's default; null if it has none.")
    saturation: float | None = Field(default=None, description="The server's default; null if it has none.")
    size: int | None = Field(default=None, description="Default size in pixels at which the network looks.")
    references: bool = Field(default=False, description="Whether it takes colours from references.")
    classes: list[str] = Field(default=[], description="Classes that it recognises; empty for colorizing.")


class Health(BaseModel):
    """State of the server."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])
    working: int = Field(description="Number of requests that are being worked on.")
    inside: int = Field(description="Number of requests that are being worked on, are waiting, or are arriving.")
    room: bool = Field(description="Whether the client could open a photograph now.")


class About(BaseModel):
    """What the server runs and what it accepts."""

    models: list[Model]
    limits: dict[str, float] = Field(description="Limits, named as in `tinct serve --help`.")


@router.get("/v1/models", responses={401: described()[401], 403: described()[403]})
async def models(service: Shared) -> About:
    """List the models that the server runs, and its limits."""
    colorizer = service.colorizer
    card = colorizer.session.card
    compares = colorizer.session.bins is not None and bool(card.features)
    own = own_values(colorizer)
    listed = [_model(card.name, "colorize", card, size=colorizer.size, references=compares, **own)]
    for name, classifier in service.classifiers.items():
        listed.append(_model(name, classifier.card.task, classifier.card, classes=list(classifier.card.classes)))
    return About(models=listed, limits=vars(service.limits))


def _model(name: str, task: str, card: Card | ClassifierCard, **more: Any) -> Model:
    description, network, licence = card.description, card.network, card.licence
    return Model(name=name, task=task, description=description, network=network, licence=licence, **more)


@router.get("/healthz", responses={403: described()[403]})
async def healthz(service: Shared, visitor: Visitor) -> Health:
    """Report that the server is up; this needs no token."""
    gate = service.gate
    room = gate.has_room(visitor) and service.edits.has_room(visitor)
    return Health(status="ok", version=__version__, working=gate.working, inside=gate.inside, room=room)
