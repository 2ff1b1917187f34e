"""Send and show references of open photographs and of films, and list what was taken from where."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, File, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from tinct.coloring.hints.reference import Taken
from tinct.coloring.photo.editor import Editor
from tinct.media.image.picture import open_picture
from tinct.web import pictures
from tinct.web.kept import Kept, References
from tinct.web.problems import described
from tinct.web.routes.edits import JPEG, PNG, ReferenceNames
from tinct.web.service import FilmStill, OpenEdit, SentFilm, Service, Shared

router = APIRouter(prefix="/v1", tags=["references"])

Sent = Annotated[UploadFile, File(description="A colour picture of the same thing, or of one of its kind.")]
_ERRORS = described(404, 415, 503, 507)

_SHOWN_EDGE = 480  # longest edge at which a reference is shown
_MOST_MATCHES = 5  # the most places that are marked in a picture
_APART = 0.2  # their least distance, as a share of the picture's edges
_LEAST_SURE = 0.3  # the least confidence of a marked place


class SentReference(BaseModel):
    """A reference that is kept with a photograph or a film."""

    id: str = Field(description="Id by which settings name it, the same for the same file.")


class Chosen(BaseModel):
    """References that are asked about."""

    model_config = ConfigDict(extra="forbid")

    references: ReferenceNames | None = Field(
        default=None, description="Their ids; without it, those sent with the photograph or film."
    )


class MatchedPlace(BaseModel):
    """A place of the picture, and the place of the reference that it takes its colours from, in per cent of each."""

    x: float = Field(ge=0, le=100)
    y: float = Field(ge=0, le=100)
    from_x: float = Field(ge=0, le=100)
    from_y: float = Field(ge=0, le=100)
    same: bool = Field(description="Whether it is the same thing seen again, or one of its kind.")
    confidence: float = Field(ge=0, le=1, description="How sure that is, 0..1.")


class TakenFrom(BaseModel):
    """What a picture takes from one reference."""

    id: str = Field(description="Id of the reference.")
    color: str = Field(description="Colour that marks it in the veil.", examples=[pictures.MARKS[0]])
    same: float = Field(description="Share of the picture that takes colours of the same thing, 0..1.")
    kind: float = Field(description="Share of the picture that takes colours of a thing of its kind, 0..1.")
    matches: list[MatchedPlace] = Field(description="The surest places, far from each other.")


@router.post("/edits/{name}/references", status_code=201, responses=_ERRORS)
async def add_to_edit(request: Request, service: Shared, name: str, reference: Sent) -> SentReference:
    """Send a reference for a photograph that is open; settings then name it by its id."""
    return await _added(request, service, service.edits.find(name), reference)


@router.post("/jobs/{name}/references", status_code=201, responses=_ERRORS)
async def add_to_job(request: Request, service: Shared, film: SentFilm, reference: Sent) -> SentReference:
    """Send a reference for a film; settings then name it by its id."""
    return await _added(request, service, film, reference)


@router.get("/edits/{name}/references/{reference}", response_class=Response, responses={**JPEG, **_ERRORS})
async def of_edit(request: Request, service: Shared, name: str, reference: str) -> Response:
    """Show a reference of a photograph, small."""
    return await _shown(request, service, service.edits.find(name), reference)


@router.get("/jobs/{name}/references/{reference}", response_class=Response, responses={**JPEG, **_ERRORS})
async def of_job(request: Request, service: Shared, name: str, reference: str) -> Response:
    """Show a reference of a film, small."""
    return await _shown(request, service, service.jobs.find(name), reference)


@router.post("/edits/{name}/taken", responses=_ERRORS)
async def taken_by_edit(edit: OpenEdit, chosen: Chosen) -> list[TakenFrom]:
    """List what a photograph takes from each reference, and from where."""
    return await edit.work(lambda it: _taken_from(it.editor, it.references, chosen))


@router.post("/edits/{name}/taken/veil", response_class=Response, responses={**PNG, **_ERRORS})
async def veil_of_edit(edit: OpenEdit, chosen: Chosen) -> Response:
    """Show where a photograph takes colours, as a veil to lay over it: each reference in its own colour."""
    return Response(await edit.work(lambda it: _veil(it.editor, it.references, chosen)), media_type="image/png")


@router.post("/jobs/{name}/stills/{number}/taken", responses=_ERRORS)
async def taken_by_still(on: FilmStill, chosen: Chosen) -> list[TakenFrom]:
    """List what a still of a film takes from each reference, and from where."""
    return await on.work(lambda still: _taken_from(still, on.film.references, chosen))


@router.post("/jobs/{name}/stills/{number}/taken/veil", response_class=Response, responses={**PNG, **_ERRORS})
async def veil_of_still(on: FilmStill, chosen: Chosen) -> Response:
    """Show where a still of a film takes colours, as a veil to lay over it: each reference in its own colour."""
    return Response(await on.work(lambda still: _veil(still, on.film.references, chosen)), media_type="image/png")


async def _added(request: Request, service: Service, of: Kept, sent: UploadFile) -> SentReference:
    return SentReference(id=await service.work(request, lambda: of.references.add(sent.file)))


async def _shown(request: Request, service: Service, of: Kept, name: str) -> Response:
    def work() -> bytes:
        (path,) = of.references.paths((name,))
        return pictures.jpeg(pictures.before(open_picture(path), edge=_SHOWN_EDGE))

    return Response(await service.work(request, work), media_type="image/jpeg")


def _veil(editor: Editor, references: References, chosen: Chosen) -> bytes:
    return pictures.taken_overlay(editor.taken(references.paths(chosen.references)))


def _taken_from(editor: Editor, references: References, chosen: Chosen) -> list[TakenFrom]:
    names = references.sent if chosen.references is None else chosen.references
    return [
        TakenFrom(
            id=name,
            color=pictures.MARKS[number % len(pictures.MARKS)],
            same=round(float(part.same.mean()), 3),
            kind=round(float(part.kind.mean()), 3),
            matches=_matches(part),
        )
        for number, (name, part) in enumerate(zip(names, editor.taken(references.paths(names)), strict=True))
    ]


def _matches(part: Taken) -> list[MatchedPlace]:
    """Return the surest places, those of the same thing first, and none near another."""
    height, width = part.same.shape
    weight = np.maximum(part.same, part.kind / 2)
    matches: list[MatchedPlace] = []
    for place in np.argsort(-weight, axis=None, kind="stable"):
        row, column = divmod(int(place), width)
        sure = float(max(part.same[row, column], part.kind[row, column]))
        if len(matches) == _MOST_MATCHES or sure < _LEAST_SURE:
            break
        x, y = round(100 * (column + 0.5) / width, 2), round(100 * (row + 0.5) / height, 2)
        if all(np.hypot(x - other.x, y - other.y) >= 100 * _APART for other in matches):
            from_x, from_y = (round(100 * float(value), 2) for value in part.places[row, column])
            same = bool(part.same[row, column] >= part.kind[row, column])
            match = MatchedPlace(x=x, y=y, from_x=from_x, from_y=from_y, same=same, confidence=round(sure, 3))
            matches.append(match)
    return matches
