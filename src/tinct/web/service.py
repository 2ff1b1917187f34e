"""What all routes of an application share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request

from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor
from tinct.errors import TinctError
from tinct.recognize.classifier import Classifier
from tinct.web.gate import Gate, gone
from tinct.web.jobs import Job, Jobs
from tinct.web.open_photos import Edit, Edits
from tinct.web.problems import problem_of
from tinct.web.security import visitor_of
from tinct.web.settings import Limits
from tinct.web.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Service:
    """The networks of an application, loaded once and used by several threads at one time, and its other parts.

    Attributes:
        colorizer: colours photographs and films.
        classifiers: by name, the usual one first.
    """

    colorizer: Colorizer
    classifiers: Mapping[str, Classifier]
    limits: Limits
    store: Store
    gate: Gate
    edits: Edits
    jobs: Jobs

    async def work(self, request: Request, function: Callable[[], T]) -> T:
        """Run a function for a request in a thread, when it is its turn.

        Raises:
            Problem: it failed, took too long, or the client has disconnected.
        """
        try:
            return await self.gate.run(
                function, seconds=self.limits.request_seconds, disconnected=request.is_disconnected
            )
        except TinctError as error:
            raise problem_of(error) from error

    async def keep(self, request: Request, function: Callable[[], T]) -> T:
        """Run a function whose result is kept for later requests; fail if the client, who would send them, has gone.

        Raises:
            Problem: as for `work`.
        """
        result = await self.work(request, function)
        if await request.is_disconnected():
            raise gone()
        return result


def own_values(colorizer: Colorizer) -> dict[str, float | None]:
    """Return the settings of a colorizer; temperature and caution are None for a model without bins."""
    bins = colorizer.session.bins is not None
    return {
        "temperature": colorizer.temperature if bins else None,
        "caution": colorizer.caution if bins else None,
        "saturation": colorizer.saturation,
    }


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _visitor(request: Request) -> str | None:
    return visitor_of(request.scope)


Shared = Annotated[Service, Depends(_service)]
Visitor = Annotated[str | None, Depends(_visitor)]  # what a request's visitor is counted by; None for this machine
Leave = Annotated[
    float,
    Query(ge=0, le=600, allow_inf_nan=False, description="Wait this many seconds; a request for it cancels this."),
]


@dataclass(frozen=True)
class OnEdit:
    """A request that works on an open photograph."""

    request: Request
    service: Service
    name: str

    async def work(self, function: Callable[[Edit], T]) -> T:
        """Run a function on it; for errors see `Service.work` and `Edits.find`."""
        return await self.service.work(self.request, lambda: function(self.service.edits.find(self.name)))


@dataclass(frozen=True)
class OnStill:
    """A request that works on a still of a film."""

    request: Request
    service: Service
    film: Job
    number: int

    async def work(self, function: Callable[[Editor], T]) -> T:
        """Run a function on it; for errors see `Service.work` and `Jobs.with_still`."""
        jobs = self.service.jobs
        return await self.service.work(self.request, lambda: jobs.with_still(self.film, self.number, function))


async def _edit(request: Request, service: Shared, name: str) -> OnEdit:
    return OnEdit(request, service, name)


async def _film(service: Shared, name: str) -> Job:
    return service.jobs.find(name)


async def _still(request: Request, service: Shared, name: str, number: int) -> OnStill:
    return OnStill(request, service, service.jobs.find(name), number)


OpenEdit = Annotated[OnEdit, Depends(_edit)]
SentFilm = Annotated[Job, Depends(_film)]
FilmStill = Annotated[OnStill, Depends(_still)]
