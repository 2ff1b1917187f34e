"""`GET /v1/models` and `/healthz`: what the server runs, and that it is up."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tinct import __version__
from tinct.runtime.classifier import ClassifierCard
from tinct.runtime.modelfile import Card
from tinct.web.problems import described
from tinct.web.service import Shared

router = APIRouter(tags=["server"])


class Model(BaseModel):
    """A model that the server runs."""

    name: str = Field(examples=["photo"])
    task: str = Field(description="`colorize` or `classify`.", examples=["colorize"])
    description: str
    network: str
    licence: str
    temperature: float | None = Field(default=None, description="The model's default; null where it has none.")
    caution: float | None = Field(default=None, description="The model's default; null where it has none.")
    size: int | None = Field(default=None, description="Default size in pixels at which the network looks.")
    classes: list[str] = Field(default=[], description="Classes that it recognises; empty for colorizing.")


class Health(BaseModel):
    """State of the server."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])
    working: int = Field(description="Number of requests that are being worked on.")
    inside: int = Field(description="Number of requests that are being worked on, wait or come in.")


class About(BaseModel):
    """What the server runs and what it accepts."""

    models: list[Model]
    limits: dict[str, float] = Field(description="Limits, named as in `tinct serve --help`.")


@router.get("/v1/models", responses={401: described()[401], 403: described()[403]})
async def models(service: Shared) -> About:
    """List the models that the server runs, and its limits."""
    colorizer = service.colorizer
    own = _model(colorizer.session.card.name, "colorize", colorizer.session.card)
    own.size = colorizer.size
    if colorizer.session.bins is not None:
        own.temperature, own.caution = colorizer.temperature, colorizer.caution
    others = []
    for name, classifier in service.classifiers.items():
        model = _model(name, classifier.card.task, classifier.card)
        model.classes = list(classifier.card.classes)
        others.append(model)
    return About(models=[own, *others], limits=vars(service.limits))


def _model(name: str, task: str, card: Card | ClassifierCard) -> Model:
    return Model(name=name, task=task, description=card.description, network=card.network, licence=card.licence)


@router.get("/healthz", responses={403: described()[403]})
async def healthz(service: Shared) -> Health:
    """Report that the server is up; this needs no token."""
    return Health(status="ok", version=__version__, working=service.gate.working, inside=service.gate.inside)
