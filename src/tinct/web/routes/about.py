"""`GET /v1/models`, `/healthz` and `/metrics`: what the server is, and how it does."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tinct import __version__
from tinct.runtime.classifier import ClassifierCard
from tinct.web.metrics import CONTENT_TYPE
from tinct.web.problems import described
from tinct.web.service import Shared

router = APIRouter()


class Model(BaseModel):
    """A model that the server runs."""

    name: str = Field(examples=["photo"])
    task: str = Field(description="`colorize` or `classify`.", examples=["colorize"])
    description: str
    network: str
    licence: str
    temperature: float | None = Field(description="Usual one of decoding; null where there is none.")
    caution: float | None = Field(description="Likewise.")
    size: int | None = Field(description="Pixels at which it looks, usually.")
    classes: list[str] = Field(description="That it tells apart; empty for colorizing.")


class Health(BaseModel):
    """That the server lives."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])
    working: int = Field(description="Requests in work.")
    inside: int = Field(description="Requests in work, waiting or on their way in.")


class About(BaseModel):
    """What the server runs and what it takes."""

    models: list[Model]
    limits: dict[str, float] = Field(description="As `tinct serve --help` has them.")


@router.get("/v1/models", tags=["server"], responses={401: described()[401], 403: described()[403]})
async def models(service: Shared) -> About:
    """List the models that the server runs, and its limits."""
    colorizer = service.engine.colorizer
    card = colorizer.session.card
    bins = colorizer.session.bins is not None
    own = Model(
        name=card.name,
        task="colorize",
        description=card.description,
        network=card.network,
        licence=card.licence,
        temperature=colorizer.temperature if bins else None,
        caution=colorizer.caution if bins else None,
        size=colorizer.size,
        classes=[],
    )
    others = [_classifier(name, item.card) for name, item in service.classifiers.items()]
    return About(models=[own, *others], limits=vars(service.limits))


def _classifier(name: str, card: ClassifierCard) -> Model:
    return Model(
        name=name,
        task=card.task,
        description=card.description,
        network=card.network,
        licence=card.licence,
        temperature=None,
        caution=None,
        size=None,
        classes=list(card.classes),
    )


@router.get("/healthz", tags=["server"], responses={403: described()[403]})
async def healthz(service: Shared) -> Health:
    """Say that the server lives; needs no token."""
    return Health(status="ok", version=__version__, working=service.gate.working, inside=service.gate.inside)


_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}


@router.get(
    "/metrics",
    tags=["server"],
    response_class=Response,
    responses={**_TEXT, 401: described()[401], 403: described()[403]},
)
async def metrics(service: Shared) -> Response:
    """Give figures for Prometheus."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
