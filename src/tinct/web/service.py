"""What the routes of one application share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from tinct.errors import TinctError
from tinct.recognize.classifier import Classifier
from tinct.web.edits import Edits
from tinct.web.engine import Engine
from tinct.web.gate import Gate
from tinct.web.jobs import Jobs
from tinct.web.problems import problem_of
from tinct.web.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Service:
    """What the routes of one application share; the classifiers by name."""

    engine: Engine
    store: Store
    gate: Gate
    edits: Edits
    jobs: Jobs
    classifiers: Mapping[str, Classifier]

    async def work(self, request: Request, function: Callable[[], T]) -> T:
        """Do something heavy for a request, in a thread, when it is its turn.

        Raises:
            Problem: it failed, took too long, or nobody waits for the answer any more.
        """
        try:
            seconds = self.engine.limits.request_seconds
            return await self.gate.run(function, seconds=seconds, wanted=lambda: is_wanted(request))
        except TinctError as error:
            raise problem_of(error) from error


async def is_wanted(request: Request) -> bool:
    """Check whether anybody still waits for the answer."""
    return not await request.is_disconnected()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Shared = Annotated[Service, Depends(_service)]
