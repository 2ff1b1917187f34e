"""What `tinct classify doctor` and `tinct train --doctor` share: examining, and printing what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinct.cli.output import progress

if TYPE_CHECKING:
    from tinct.learn.doctor.findings import Diagnosis


def examine_colorization(data: str, changes: dict[str, Any]) -> None:
    """Do what `tinct train --doctor` does: look at the photographs, make the experiments, print and write."""
    from tinct.learn.doctor.with_photographs import examine_with_data
    from tinct.learn.settings import Training

    training = Training(data=data).changed(changes)
    with progress("Examining") as advance:
        found = examine_with_data(training, progress=advance)
    print_diagnosis(found)


def print_diagnosis(found: Diagnosis) -> None:
    """Print verdict, findings and facts for a person."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{found.subject}: {found.verdict}", style="bold")
    if not found.findings:
        console.print("nothing to complain of")
    for number, each in enumerate(found.findings, start=1):
        doubt = "" if each.sure else " (this fits best, and is not proven)"
        console.print(f"\n{number}. {each.title}{doubt}", style="bold red" if each.level == "serious" else "bold")
        for line in each.evidence:
            console.print(f"   {line}")
        console.print(f"   remedy: {each.remedy}")
    console.print()
    for line in found.facts:
        console.print(line, style="dim")
