"""Answer requests that fail by a status and a sentence for people."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from tinct.errors import (
    AlreadyColorError,
    InputError,
    MissingExtraError,
    ModelError,
    OutputError,
    SettingError,
    TinctError,
    TooLargeError,
    UnreadableError,
)

# The first class that an error belongs to gives its status.
_STATUS: tuple[tuple[type[TinctError], int], ...] = (
    (AlreadyColorError, 409),
    (TooLargeError, 413),
    (UnreadableError, 415),
    (InputError, 422),
    (SettingError, 422),
    (OutputError, 507),
    (ModelError, 500),
    (MissingExtraError, 501),
)


class Problem(HTTPException):
    """A request that fails: an HTTP status, and a sentence for people.

    FastAPI passes such errors on even if they are raised while a body is read.

    Attributes:
        retry_after: seconds after which to try again; None if that makes no sense.
    """

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.retry_after = retry_after

    def response(self) -> JSONResponse:
        """Return the answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return JSONResponse({"error": self.detail}, status_code=self.status, headers=headers)


class ErrorText(BaseModel):
    """An error, as a sentence for people."""

    error: str = Field(description="What was wrong and what to do.", examples=["The picture is empty."])


_MEANINGS = {
    401: "The token is missing or wrong.",
    403: "The request came from another site's page.",
    404: "It does not exist, or has been deleted.",
    408: "The request's body stopped arriving.",
    409: "Not possible in the current state.",
    413: "Too many bytes, pixels or seconds.",
    415: "Not a picture or film that can be read.",
    422: "A value is out of range, or something is missing.",
    429: "Too many requests at once; Retry-After says when to try again.",
    503: "It took too long; Retry-After says when to try again.",
    507: "No room to store it.",
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI texts of these errors, and of those that any request can get."""
    chosen = sorted({400, 401, 403, 408, 413, 422, 429, *statuses})
    return {
        status: {"model": ErrorText, "description": _MEANINGS.get(status, "The request cannot be read.")}
        for status in chosen
    }


def problem_of(error: TinctError, *, hidden: tuple[str, ...] = ()) -> Problem:
    """Turn a failure into an answer, in which `the file` replaces paths: all in `hidden`, and others if recognised."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if isinstance(error, AlreadyColorError):
        return Problem(status, "This has colours already. Send recolor=true to replace them.")
    text = str(error)
    for path in hidden:
        text = text.replace(path, "the file")
    text = re.sub(r"(/[^\s/:'\"]+){2,}", "the file", text)
    return Problem(status, text[:1].upper() + text[1:])


def install(app: FastAPI) -> None:
    """Make an application answer errors in words."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return _answer(request, error)

    for kind in (TinctError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


def _answer(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, TinctError):
        return problem_of(error).response()
    if isinstance(error, RequestValidationError):
        return Problem(422, "; ".join(_sentence(detail) for detail in error.errors()[:5]) + ".").response()
    if isinstance(error, Problem):
        return error.response()
    assert isinstance(error, HTTPException)
    words = {404: "There is nothing at this address.", 405: "This address does not take that method."}
    response = Problem(error.status_code, words.get(error.status_code, str(error.detail))).response()
    response.headers.update(error.headers or {})
    if error.status_code == 405 and (methods := _methods(request)):
        response.headers["allow"] = ", ".join(methods)
    return response


def _methods(request: Request) -> list[str]:
    """Return all methods that an address takes; the router itself names only those of one route."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"] if request.app.openapi_url else {}
    fitting = [methods for path, methods in paths.items() if compile_path(path)[0].match(request.scope["path"])]
    named = {method.upper() for methods in fitting for method in methods}
    return sorted(named | ({"HEAD"} if "GET" in named else set()))


def _sentence(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"][1:]) or str(detail["loc"][0])
    return f"{where}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
