"""The page "which one is real?" and the routes that it uses."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tinct import __version__
from tinct.coloring.photo.colorizer import Colorizer
from tinct.web.app import add_page, protect
from tinct.web.gate import Allowance, Gate
from tinct.web.problems import Problem
from tinct.web.service import own_values
from tinct.web.settings import Design
from tinct.web.turing.answers import Answers
from tinct.web.turing.trials import Pairs, Trial, plan

# The most sessions at one time; beyond that the oldest ones end, but their answers are kept.
_MOST_SESSIONS = 500
_SMALL_BODY = 10_000
_PATIENCE = 30.0


@dataclass(eq=False)
class Session:
    """One person's pairs, the number of answers, and the number of right ones among those that count."""

    name: str
    trials: list[Trial]
    answered: int = 0
    right: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)


class Room:
    """All sessions of a server."""

    def __init__(self, pairs: Pairs, answers: Answers, colorizer: Colorizer, design: Design) -> None:
        self.pairs = pairs
        self.answers = answers
        self.design = design
        self._colorizer = colorizer
        self._sessions: dict[str, Session] = {}
        self._guard = threading.Lock()

    def begin(self) -> Session:
        """Begin a session."""
        trials = plan(len(self.pairs.paths), self.design)
        own = own_values(self._colorizer)
        name = self.answers.begin(
            model=self._colorizer.session.card.name,
            temperature=own["temperature"],
            caution=own["caution"],
            planned=len(trials),
        )
        session = Session(name, trials)
        with self._guard:
            self._sessions[name] = session
            while len(self._sessions) > _MOST_SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))
        return session

    def find(self, name: str) -> Session:
        """Return a session; raise Problem (404) if there is none of that name."""
        session = self._sessions.get(name)
        if session is None:
            raise Problem(404, "This session is over. Begin again.")
        return session

    def answer(self, session: Session, given: Given) -> Verdict:
        """Record an answer; raise Problem (409) if it is another pair's turn."""
        with session.guard:
            if given.number != session.answered:
                raise Problem(409, f"It is pair {session.answered}'s turn, counted from 0.")
            trial = session.trials[given.number]
            self.answers.add(
                session.name,
                given.number,
                trial,
                picture=self.pairs.digest(trial.picture),
                chosen=given.chosen,
                seconds=given.seconds,
            )
            right = given.chosen == trial.real
            session.answered += 1
            session.right += right and trial.kind == "test"
            over = session.answered == len(session.trials)
            return Verdict(
                right=right if trial.kind == "practice" else None,
                over=over,
                score=session.right if over else None,
                pairs=sum(item.kind == "test" for item in session.trials) if over else None,
            )


class Begun(BaseModel):
    """A new session."""

    id: str
    kinds: list[Literal["practice", "test"]] = Field(description="Kind of each pair, in order.")
    seconds: float = Field(description="Seconds for which a picture is shown.")


class Given(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=0, le=100_000, description="Number of the pair, counted from 0.")
    chosen: int = Field(ge=0, le=1, description="Place of the picture that is taken for real: 0 or 1.")
    seconds: float | None = Field(default=None, ge=0, le=1e6, allow_inf_nan=False)


class Verdict(BaseModel):
    """The reply to an answer."""

    right: bool | None = Field(description="Whether the answer was right; told in practice only.")
    over: bool
    score: int | None = Field(description="Number of right answers, at the end.")
    pairs: int | None = Field(description="Number of pairs that count, at the end.")


router = APIRouter(prefix="/v1/turing")


def _room(request: Request) -> Room:
    room: Room = request.app.state.room
    return room


InRoom = Annotated[Room, Depends(_room)]


class DesignInfo(BaseModel):
    """How a session goes."""

    pairs: int = Field(description="Number of all pairs.")
    practice: int
    seconds: float = Field(description="Seconds for which a picture is shown.")


@router.get("/design")
def design(room: InRoom) -> DesignInfo:
    """Report how a session goes."""
    chosen = room.design
    pairs = chosen.pairs + chosen.practice + chosen.checks
    return DesignInfo(pairs=pairs, practice=chosen.practice, seconds=chosen.seconds)


@router.post("/sessions", status_code=201)
def begin(room: InRoom) -> Begun:
    """Begin a session."""
    session = room.begin()
    kinds: list[Any] = ["practice" if trial.kind == "practice" else "test" for trial in session.trials]
    return Begun(id=session.name, kinds=kinds, seconds=room.design.seconds)


@router.get("/sessions/{name}/pairs/{number}/{place}", response_class=Response)
async def picture(request: Request, room: InRoom, name: str, number: int, place: int) -> Response:
    """Show a picture of a pair: place 0 the first, 1 the second."""
    session = room.find(name)
    if not 0 <= number < len(session.trials) or place not in (0, 1):
        raise Problem(404, "There is no such picture.")
    gate: Gate = request.app.state.gate
    trial = session.trials[number]
    data = await gate.run(
        lambda: room.pairs.shown(trial, place), seconds=_PATIENCE, disconnected=request.is_disconnected
    )
    return Response(data, media_type="image/jpeg")


@router.post("/sessions/{name}/answers")
def answer(room: InRoom, name: str, given: Given) -> Verdict:
    """Answer: which was real?"""
    return room.answer(room.find(name), given)


def create_turing_app(
    pairs: Pairs,
    answers: Answers,
    colorizer: Colorizer,
    *,
    design: Design | None = None,
    names: tuple[str, ...] | None = None,
) -> FastAPI:
    """Make the ASGI application with the page.

    Args:
        pairs: the photographs.
        answers: the file of answers.
        colorizer: makes the false pictures.
        design: how a session goes.
        names: host names that the server answers to; without them, any.
    """
    app = FastAPI(title="tinct turing", version=__version__, openapi_url=None, docs_url=None, redoc_url=None)
    gate = Gate(at_once=2, waiting=64)
    app.state.room = Room(pairs, answers, colorizer, design or Design())
    app.state.gate = gate
    app.include_router(router)
    add_page(app, "/turing", "turing.html")
    app.add_api_route("/", _to_page)
    protect(app, gate=gate, allowed=lambda scope: Allowance(_SMALL_BODY, _PATIENCE), token=None, names=names)
    return app


async def _to_page() -> RedirectResponse:
    return RedirectResponse("/turing")
