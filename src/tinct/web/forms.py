"""Refuse fields of a form that are unknown, or that come twice: a slip of the pen is told, not passed over."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from tinct.web.problems import Problem

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


async def check_fields(request: Request) -> None:
    """Raise Problem (422) for fields of a request's form that its route does not take, or that come twice."""
    route: Any = request.scope.get("route")
    known = [field.alias for field in route.dependant.body_params] if hasattr(route, "dependant") else []
    if not known or not request.headers.get("content-type", "").lower().startswith(_FORMS):
        return
    names = [name for name, _ in (await request.form()).multi_items()]
    for name in names:
        if name not in known:
            raise Problem(422, f"{name[:60]}: there is no such field. There are: {', '.join(known)}.")
        if names.count(name) > 1:
            raise Problem(422, f"{name}: it came {names.count(name)} times. Send it once; one request is one picture.")
