"""Refuse fields of a form that are unknown, or that come twice and may not, so that no mistake passes unnoticed."""

from __future__ import annotations

from typing import Any, get_origin

from fastapi import Request

from tinct.web.problems import Problem

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


async def check_fields(request: Request) -> None:
    """Raise Problem (422) for fields of a request's form that its route does not take, or does not take twice."""
    route: Any = request.scope.get("route")
    fields = route.dependant.body_params if hasattr(route, "dependant") else []
    known = [field.alias for field in fields]
    several = {field.alias for field in fields if get_origin(field.field_info.annotation) is list}
    if not known or not request.headers.get("content-type", "").lower().startswith(_FORMS):
        return
    names = [name for name, _ in (await request.form()).multi_items()]
    for name in names:
        if name not in known:
            raise Problem(422, f"{name[:60]}: there is no such field. The fields are: {', '.join(known)}.")
        if names.count(name) > 1 and name not in several:
            raise Problem(422, f"{name}: it came {names.count(name)} times. Send it once; one request is one picture.")
