"""Options that are made of the fields of settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tinct.cli.options import named_values, options_of, takes
from tinct.errors import SettingError
from tinct.web.settings import Design, Limits


def told(text: str, default: Any, metavar: str = "") -> Any:
    return field(default=default, metadata={"help": text, "metavar": metavar})


@dataclass(frozen=True)
class Settings:
    size: int = told("Set the size.", 5, "PIXELS")
    share: float | None = told("Take this share.", None)
    loud: bool = told("Be loud.", False)
    mirror: bool = told("Mirror.", True)
    names: list[str] | None = told("Name some.", None, "NAME")  # noqa: RUF009
    inner: int = 3


def values_of(*arguments: str) -> dict[str, Any]:
    given: dict[str, Any] = {}

    @takes(options_of(Settings))
    def command(place: str, **settings: Any) -> None:
        given.update(settings, place=place)

    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, ["here", *arguments])
    assert done.exit_code == 0, done.output
    return given


def test_fields_with_a_text_are_options_with_their_types_and_defaults() -> None:
    usual = {"place": "here", "size": 5, "share": None, "loud": False, "mirror": True, "names": None}
    assert {**values_of(), "names": values_of()["names"] or None} == usual
    asked = values_of("--size", "7", "--share", "0.5", "--loud", "--no-mirror", "--names", "a", "--names", "b")
    assert asked == {"place": "here", "size": 7, "share": 0.5, "loud": True, "mirror": False, "names": ["a", "b"]}


def test_some_fields_alone() -> None:
    assert set(options_of(Settings, "loud", "size")) == {"loud", "size"}


def test_a_server_and_a_session_have_their_options() -> None:
    assert set(Limits.__dataclass_fields__) - set(options_of(Limits)) == {"silent_seconds", "edits", "working_size"}
    assert set(Design.__dataclass_fields__) - set(options_of(Design)) == {"seed"}
    assert options_of(Limits)["photo_mb"][1] == Limits().photo_mb


def test_values_by_name_are_json_or_text() -> None:
    texts = ["width=4", "blocks=[0, 1]", "kind=plain", "sign=a=b"]
    assert named_values(texts) == {"width": 4, "blocks": [0, 1], "kind": "plain", "sign": "a=b"}
    assert named_values(None) == {}
    with pytest.raises(SettingError, match="--augment needs NAME=VALUE, not 'hue'"):
        named_values(["hue"], flag="--augment")
