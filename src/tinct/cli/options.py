"""Options that several verbs share, and options made from the fields of settings: text, type and default."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields
from importlib.util import find_spec
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from tinct.errors import MissingExtraError, SettingError

Command = TypeVar("Command", bound=Callable[..., None])
Options = Mapping[str, tuple[Any, Any]]  # by name: the type with Typer's option, and the default

# The packages of extras, by the names they are imported by.
_PACKAGES = {"learn": ("torch", "lightning"), "web": ("fastapi", "uvicorn", "python_multipart")}

Split = Annotated[str, typer.Option(metavar="train|val", help="Take this split of a dataset.")]
Backbone = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also measure perceptual distance, and whether things are still recognised, with these weights of VGG-16 "
        "or SqueezeNet 1.1.",
    ),
]
Limit = Annotated[int | None, typer.Option(metavar="N", help="Take only this many pictures, chosen at random.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Set the random seed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Listen at this address; 0.0.0.0 lets other machines in, too.")
]
Port = Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Listen on this port; 0 chooses a free one.")]
Name = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="HOST", help="Also answer to this host name; may be given several times."),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="local|ray",
        help="Choose what does the work: this machine, or Ray's worker processes (extra `ray`) on one machine or many.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Divide the pictures among this many processes. Default: one.")
]
RayAddress = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT|auto", help="Join this running Ray cluster. Default: start Ray on this machine."),
]
Browser = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]


def examples(*lines: str) -> Callable[[Command], Command]:
    """Return a decorator that gives a verb examples, which its help shows."""

    def note(verb: Command) -> Command:
        verb.epilog = "\n\n".join(["Examples:", *lines])  # type: ignore[attr-defined]
        return verb

    return note


def add_verbs(app: typer.Typer, verbs: Iterable[Any]) -> None:
    """Add verbs that have `examples`, under the names of their functions."""
    for verb in verbs:
        app.command(epilog=verb.epilog)(verb)


def takes(options: Options) -> Callable[[Command], Command]:
    """Return a decorator that gives a command these options after its own; their values come as `**keywords`."""

    def describe(command: Command) -> Command:
        own = signature(command, eval_str=True).parameters.values()
        parameters = [parameter for parameter in own if parameter.kind is not Parameter.VAR_KEYWORD]
        for name, (kind, default) in options.items():
            parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind))
        command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return describe


def options_of(settings: type[Any], *names: str) -> Options:
    """Return an option for each field of a dataclass that has a help text, or only for those of these names."""
    chosen = [setting for setting in fields(settings) if "help" in setting.metadata]
    return {
        setting.name: (option_of(setting, type_of(setting), text=setting.metadata["help"]), setting.default)
        for setting in chosen
        if setting.name in names or not names
    }


def option_of(setting: Field[Any], kind: Any, *, text: str, show_default: bool = True) -> Any:
    """Return a type with the option of a field; a flag that is off by default gets no --no-NAME."""
    flag = setting.metadata.get("flag")
    if setting.default is False:
        flag = flag or f"--{setting.name.replace('_', '-')}"
    flags: list[str] = [flag] if flag else []
    metavar = setting.metadata.get("metavar") or None
    return Annotated[kind, typer.Option(*flags, metavar=metavar, help=text, show_default=show_default)]


def type_of(setting: Field[Any]) -> Any:
    """Return the type that the command line reads a field's value as: numbers, flags, lists, or else text."""
    name, none, _ = str(setting.type).partition(" | None")
    kind: Any = {
        "int": int,
        "float": float,
        "bool": bool,
        "list[str]": list[str],
        "tuple[str | Path, ...]": list[str],
    }.get(name, str)
    return kind | None if none else kind


def named_values(texts: Iterable[str] | None, *, flag: str = "--option") -> dict[str, Any]:
    """Split each NAME=VALUE; a value is read as JSON, or else as text.

    Raises:
        SettingError: a text does not have this form.
    """
    values: dict[str, Any] = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not sign:
            raise SettingError(f"{flag} needs NAME=VALUE, not '{text}'")
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError:
            values[name] = value
    return values


def require_extra(extra: str, what: str) -> None:
    """Check that the packages of an extra are installed; MissingExtraError if not. `what` is the work that needs it."""
    for name in _PACKAGES[extra]:
        try:
            installed = find_spec(name) is not None
        except ValueError:  # blocked: sys.modules holds None for it
            installed = False
        if not installed:
            raise MissingExtraError(extra, what)
