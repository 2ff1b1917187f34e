"""All that the routes of one application share."""

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
from tinct.web.limits import Limits
from tinct.web.metrics import Metrics
from tinct.web.problems import problem_of
from tinct.web.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Service:
    """All that the routes of one application share.

    Attributes:
        engine: the network.
        limits: what is refused.
        store: files that are kept for a while.
        gate: who works and who waits.
        edits: photographs open for editing.
        jobs: films.
        metrics: figures for Prometheus.
        classifiers: what recognises, by name.
    """

    engine: Engine
    limits: Limits
    store: Store
    gate: Gate
    edits: Edits
    jobs: Jobs
    metrics: Metrics
    classifiers: Mapping[str, Classifier]

    async def work(self, request: Request, function: Callable[[], T]) -> T:
        """Do something heavy for a request, in a thread, when it is its turn.

        Raises:
            Problem: it failed, took too long, or nobody waits for the answer any more.
        """

        async def wanted() -> bool:
            return not await request.is_disconnected()

        try:
            return await self.gate.run(function, seconds=self.limits.request_seconds, wanted=wanted)
        except TinctError as error:
            raise problem_of(error) from error


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Shared = Annotated[Service, Depends(_service)]
