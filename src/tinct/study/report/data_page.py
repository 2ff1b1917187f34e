"""Write the report of `tinct data`: a page from `templates/data.html`, with its tables and files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tinct import __version__
from tinct.data.colors import FAR, OWN, RARE, BinsCoverage
from tinct.data.findings import COLORFULNESS_STEP, SERIOUS, DataReport, Finding, Pixels, SplitFacts, Spread
from tinct.data.rules import NAMES
from tinct.data.survey import THUMBNAIL, tile
from tinct.errors import InputError, SettingError
from tinct.files import make_folder, written_beside
from tinct.study.report.render import encoded, render

PAGE_SUFFIXES = (".html", ".htm")
_OTHER_SUFFIXES = (".png", ".jpg", ".svg", ".pdf", ".json", ".csv", ".txt", ".md")
COVERAGE_LEGEND = (
    f"unused: bins with less than {RARE:.2%} of the pixels; even: number of equally frequent bins with the same "
    "variety; "
    f"far: pixels more than {FAR} grid cells from their bin's centre; shift: share of pixels that would have to change "
    "bins to get the frequencies with which the bins were learned."
)
_ACROSS = 8  # tiles in a row of the sample sheet


def write_report(report: DataReport, target: str | Path) -> list[Path]:
    """Write the report of a survey.

    Args:
        report: from `tinct.data.survey.inspect_data`.
        target: an .html file for the page alone; or a folder, made if missing, for report.html, samples.png, data.json
            and duplicates.csv. Files of these names are replaced.

    Returns:
        The files.

    Raises:
        SettingError: the target has the suffix of another kind of file.
        OutputError: a file cannot be written.
    """
    path = Path(target)
    if path.suffix.lower() in PAGE_SUFFIXES:
        return [_write(path, _page(report))]
    if path.suffix.lower() in _OTHER_SUFFIXES:
        raise SettingError(f"{path}: the report is a page or a folder; give a name ending in .html, or a folder")
    make_folder(path)
    return [
        _write(path / "report.html", _page(report)),
        _write(path / "samples.png", encoded(sample_sheet(report), ".png")),
        _write(path / "data.json", json.dumps(report.to_json(), indent=1).encode()),
        _write_duplicates(path / "duplicates.csv", report),
    ]


def sample_sheet(report: DataReport) -> Pixels:
    """Return the samples as one picture (H, W, 3) sRGB, eight tiles across."""
    blank = np.full((THUMBNAIL, THUMBNAIL, 3), 235, dtype=np.uint8)
    across = min(_ACROSS, len(report.samples))
    tiles = [*report.samples, *[blank] * (-len(report.samples) % across)]
    rows = [np.concatenate(tiles[start : start + across], axis=1) for start in range(0, len(tiles), across)]
    sheet: Pixels = np.concatenate(rows, axis=0)
    return sheet


def _write(path: Path, content: bytes) -> Path:
    with written_beside(path) as beside:
        beside.write_bytes(content)
    return path


def _write_duplicates(path: Path, report: DataReport) -> Path:
    with (
        written_beside(path) as beside,
        beside.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(["kind", "first", "first_split", "second", "second_split"])
        for pair in report.duplicates:
            rows.writerow([pair.kind, pair.first, pair.first_split, pair.second, pair.second_split])
    return path


def _page(report: DataReport) -> bytes:
    total = sum(facts.pictures for facts in report.splits)
    page = render(
        "data.html",
        title=f"{report.data}: {total:,} pictures",
        report=report,
        version=__version__,
        names=NAMES,
        step=COLORFULNESS_STEP,
        warnings=[(warning, _tiles(report, warning)) for warning in report.warnings],
        serious=sum(warning.weight >= SERIOUS for warning in report.warnings),
        samples=sample_sheet(report),
        palette=[(color, share, color) for color, share in report.palette],
        facts=list(fact_rows(report)),
        coverage=list(coverage_rows(report)),
        legend=COVERAGE_LEGEND,
        bins=[_shares(coverage) for coverage in report.coverage],
        categories=list(category_rows(report)),
    )
    return page.encode("utf-8", "backslashreplace")


def _tiles(report: DataReport, warning: Finding) -> list[tuple[str, Pixels]]:
    """Read the pictures that show what is wrong; those that have disappeared since the survey are left out."""
    tiles = []
    for name in warning.pictures:
        try:
            tiles.append((name, tile(report.pictures[name].read(longest=THUMBNAIL))))
        except (InputError, KeyError):
            continue
    return tiles


def _shares(coverage: BinsCoverage) -> tuple[list[tuple[str, float, str]], str]:
    """Return each bin's colour, share and name, the largest first, and a caption."""
    names = [f"bin {index}" for index in range(coverage.count)]
    shares = sorted(zip(coverage.colors, coverage.shares, names, strict=True), key=lambda item: -item[1])
    whose = "bins learned from it" if coverage.bins == OWN else f"bins of {coverage.bins}"
    return shares, f"{NAMES[coverage.split]} in {coverage.count} {whose}, at middle luma."


def fact_rows(report: DataReport) -> Iterator[list[str]]:
    """Return the table of facts, its headings first: a row for each fact, a column for each split."""
    splits = report.splits

    def spread(value: Spread, style: str) -> str:
        return f"{value.middle:{style}} ({value.low:{style}} to {value.high:{style}})"

    def share(names: list[str], facts: SplitFacts) -> str:
        return f"{len(names):,} ({len(names) / facts.pictures:.1%})" if names else "0"

    yield ["", *(NAMES[facts.split] for facts in splits)]
    yield ["pictures", *(f"{facts.pictures:,}" for facts in splits)]
    yield ["width, median (5 to 95 %)", *(spread(facts.width, ".0f") for facts in splits)]
    yield ["height", *(spread(facts.height, ".0f") for facts in splits)]
    yield ["width over height", *(spread(facts.aspect, ".2f") for facts in splits)]
    yield ["commonest size", *("{} x {}: {:,}".format(*facts.sizes[0]) for facts in splits)]
    yield ["colourfulness", *(spread(facts.colorfulness, ".0f") for facts in splits)]
    for heading, name in (
        ("without colour", "grey"),
        ("near-grey", "near_grey"),
        ("toned", "toned"),
        ("framed", "framed"),
        ("side below 64 pixels", "small"),
    ):
        yield [heading, *(share(getattr(facts, name), facts) for facts in splits)]
    within = {facts.split: 0 for facts in splits}
    for pair in report.duplicates:
        within[pair.second_split] += not pair.across
    yield ["twice within", *(str(within[facts.split]) for facts in splits)]
    leaked = [len({pair.second for pair in report.leaks if pair.second_split == facts.split}) for facts in splits]
    yield ["also in a split before", *("" if not index else str(count) for index, count in enumerate(leaked))]


def coverage_rows(report: DataReport) -> Iterator[list[str]]:
    """Return the table of colour bins, its headings first."""
    yield ["bins", "of", "unused", "even", "far", "shift"]
    for row in report.coverage:
        unused = f"{row.rare} of {row.count}"
        yield [row.bins, NAMES[row.split], unused, f"{row.even:.1f}", f"{row.far:.1%}", f"{row.shift:.1%}"]


def category_rows(report: DataReport) -> Iterator[list[str]]:
    """Return the table of sources and categories: headings, then rows, the largest first."""
    names = [facts.split for facts in report.splits]
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for group in report.groups:
        counts.setdefault((group.source, group.category), {})[group.split] = group.pictures
    yield ["", *(NAMES[split] for split in names), "share"]
    total = sum(group.pictures for group in report.groups)
    for key, split in sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0])):
        label = "/".join(part for part in key if part) or "(none)"
        yield [label, *(f"{split.get(name, 0):,}" for name in names), f"{sum(split.values()) / total:.1%}"]
