"""What was found in data, as one HTML page that needs nothing beside it, and as files."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct import __version__
from tinct.data.colors import FAR, OWN, RARE, BinsCoverage
from tinct.data.findings import COLORFULNESS_STEP, SERIOUS, DataReport, Finding, SplitFacts, Spread
from tinct.data.rules import NAMES
from tinct.data.survey import THUMBNAIL, tile
from tinct.errors import InputError, SettingError
from tinct.files import make_folder, written_beside

PAGE_SUFFIXES = (".html", ".htm")
_OTHER_SUFFIXES = (".png", ".jpg", ".svg", ".pdf", ".json", ".csv", ".txt", ".md")
COVERAGE_LEGEND = (
    f"unused: bins with less than {RARE:.2%} of the pixels; even: the number of equally frequent bins that would be "
    "as varied; "
    f"far: pixels more than {FAR} grid cells from their bin's centre; shift: pixels in other bins than where the bins "
    "were learned."
)
_ACROSS = 8  # tiles of the sample sheet
_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --soft: #63636a; --line: #d8d8dc; --ground: #fff; --card: #f5f5f7;
  --bar: #4a7ab5; --bad: #b3261e; --fair: #a86500; --note: #63636a; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf0; --soft: #a5a5ad; --line: #3b3b40; --ground: #161618;
  --card: #212124; --bar: #7ba7dd; --bad: #ff8a80; --fair: #ffb74d; --note: #a5a5ad; } }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 0; }
p.soft, figcaption, .soft { color: var(--soft); font-size: .9rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; overflow-wrap: normal; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
article { border-left: .3rem solid var(--note); background: var(--card); padding: .7rem 1rem; margin: .8rem 0; }
article.serious { border-color: var(--bad); } article.fair { border-color: var(--fair); }
article ul { margin: .4rem 0; padding-left: 1.2rem; font-size: .9rem; } article p { margin: .4rem 0; }
.tiles { display: flex; flex-wrap: wrap; gap: .3rem; } .tiles img { width: 6rem; height: auto; }
figure { margin: 1rem 0; } figure img, figure svg { max-width: 100%; height: auto; display: block; }
.strip { display: flex; height: 3.2rem; border: 1px solid var(--line); } .strip span { min-width: 1px; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; } svg rect.bar { fill: var(--bar); }
"""


def write_report(report: DataReport, target: str | Path) -> list[Path]:
    """Write what was found.

    Args:
        report: of `tinct.data.survey.inspect_data`.
        target: an .html file for the page alone; or a folder, made where missing, for report.html, samples.png,
            data.json and duplicates.csv. Files of these names are replaced.

    Returns:
        The files.

    Raises:
        SettingError: the target is named like a file of another kind.
        OutputError: a file cannot be written.
    """
    path = Path(target)
    if path.suffix.lower() in PAGE_SUFFIXES:
        return [_write(path, _page(report).encode("utf-8", "backslashreplace"))]
    if path.suffix.lower() in _OTHER_SUFFIXES:
        raise SettingError(f"{path}: the report is a page or a folder; give a name ending in .html, or a folder")
    make_folder(path)
    return [
        _write(path / "report.html", _page(report).encode("utf-8", "backslashreplace")),
        _write(path / "samples.png", _encoded(sample_sheet(report), ".png")),
        _write(path / "data.json", json.dumps(report.to_json(), indent=1).encode()),
        _write_duplicates(path / "duplicates.csv", report),
    ]


def sample_sheet(report: DataReport) -> NDArray[np.uint8]:
    """Put the samples on one sheet, (H, W, 3) sRGB, eight tiles across."""
    blank = np.full((THUMBNAIL, THUMBNAIL, 3), 235, dtype=np.uint8)
    across = min(_ACROSS, len(report.samples))
    tiles = [*report.samples, *[blank] * (-len(report.samples) % across)]
    rows = [np.concatenate(tiles[start : start + across], axis=1) for start in range(0, len(tiles), across)]
    sheet: NDArray[np.uint8] = np.concatenate(rows, axis=0)
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


def _encoded(rgb: NDArray[np.uint8], suffix: str) -> bytes:
    content: bytes = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
    return content


def _image(rgb: NDArray[np.uint8], text: str) -> str:
    content = base64.b64encode(_encoded(rgb, ".jpg")).decode()
    size = f'width="{rgb.shape[1]}" height="{rgb.shape[0]}"'
    return f'<img {size} src="data:image/jpeg;base64,{content}" alt="{escape(text)}" title="{escape(text)}">'


def _page(report: DataReport) -> str:
    total = sum(facts.pictures for facts in report.splits)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escape(report.data)}: {total:,} pictures</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(report.data)}: {total:,} pictures</h1>",
        f'<p class="soft">{_how(report)}</p>',
        f"<h2>{_verdict(report)}</h2>",
        *(_warning(report, warning) for warning in report.warnings),
        "<h2>Pictures</h2>",
        _table(list(fact_rows(report))),
        "<h2>Samples</h2>",
        f"<figure>{_image(sample_sheet(report), 'samples')}"
        f"<figcaption>{len(report.samples)} pictures, chosen at random.</figcaption></figure>",
        "<h2>Colours</h2>",
        _palette(report),
        *(_colorfulness(facts) for facts in report.splits),
        "<h2>Colour bins</h2>",
        _table(list(coverage_rows(report))),
        f'<p class="soft">{COVERAGE_LEGEND}</p>',
        *(_bins(each) for each in report.coverage),
        "<h2>Sources and categories</h2>",
        _table(list(category_rows(report))),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _how(report: DataReport) -> str:
    kind = "dataset of tinct prepare" if report.prepared else "folder"
    some = f"; at most {report.limit} pictures of each split were looked at" if report.limit else ""
    return f"{kind}, seen by tinct {__version__} in {report.seconds:.0f} s{some}"


def _verdict(report: DataReport) -> str:
    if not report.warnings:
        return "Nothing to complain of"
    serious = sum(warning.weight >= SERIOUS for warning in report.warnings)
    count = len(report.warnings)
    return f"{count} warning{'s' if count > 1 else ''}" + (f", {serious} serious" if serious else ", none serious")


def _warning(report: DataReport, warning: Finding) -> str:
    evidence = "".join(f"<li>{escape(line)}</li>" for line in warning.evidence)
    tiles = []
    for name in warning.pictures:
        try:
            tiles.append(_image(tile(report.pictures[name].read(longest=THUMBNAIL)), name))
        except (InputError, KeyError):  # gone since it was looked at
            continue
    shown = f'<div class="tiles">{"".join(tiles)}</div>' if tiles else ""
    title = f"{warning.title[:1].upper()}{warning.title[1:]}."
    return (
        f'<article class="{warning.level}"><h3>{escape(title)}</h3><ul>{evidence}</ul>{shown}'
        f"<p><b>Remedy:</b> {escape(warning.remedy)}.</p></article>"
    )


def _table(rows: list[list[str]]) -> str:
    if len(rows) < 2:
        return '<p class="soft">None.</p>'
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


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
    for each in report.coverage:
        yield [
            each.bins,
            NAMES[each.split],
            f"{each.rare} of {each.count}",
            f"{each.even:.1f}",
            f"{each.far:.1%}",
            f"{each.shift:.1%}",
        ]


def category_rows(report: DataReport) -> Iterator[list[str]]:
    """Return the table of sources and categories, its headings first, the largest first."""
    names = [facts.split for facts in report.splits]
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for group in report.groups:
        counts.setdefault((group.source, group.category), {})[group.split] = group.pictures
    yield ["", *(NAMES[split] for split in names), "share"]
    total = sum(group.pictures for group in report.groups)
    for key, split in sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0])):
        label = "/".join(part for part in key if part) or "(none)"
        yield [label, *(f"{split.get(name, 0):,}" for name in names), f"{sum(split.values()) / total:.1%}"]


def _palette(report: DataReport) -> str:
    spans = "".join(
        f'<span style="background:{color};flex:{share:.4f}" title="{color}: {share:.1%}"></span>'
        for color, share in report.palette
    )
    return (
        f'<figure><div class="strip">{spans}</div><figcaption>The palette: {len(report.palette)} colours that stand '
        "best for all pixels, as wide as their share.</figcaption></figure>"
    )


def _colorfulness(facts: SplitFacts) -> str:
    width = 12
    counts = facts.colorfulness_counts
    top = max(counts)
    bars = []
    for index, count in enumerate(counts):
        tall = 120 * count / top
        low = COLORFULNESS_STEP * index
        bars.append(
            f'<rect class="bar" x="{30 + index * width}" y="{130 - tall:.1f}" width="{width - 2}" height="{tall:.1f}">'
            f"<title>{low:.0f} to {low + COLORFULNESS_STEP:.0f}: {count:,} pictures</title></rect>"
        )
    marks = "".join(
        f'<text x="{30 + index * width}" y="146">{COLORFULNESS_STEP * index:.0f}</text>'
        for index in range(0, len(counts) + 1, 4)
    )
    size = 50 + width * len(counts)
    return (
        f'<figure><svg viewBox="0 0 {size} 150" width="{size}" height="150" role="img" '
        f'aria-label="colourfulness of {NAMES[facts.split]}">{"".join(bars)}{marks}</svg>'
        f"<figcaption>Colourfulness of {NAMES[facts.split]} (Hasler &amp; Suesstrunk): 15 is slight, 45 average, 82 "
        f"high; the tallest bar is {top:,} pictures.</figcaption></figure>"
    )


def _bins(each: BinsCoverage) -> str:
    order = sorted(range(each.count), key=lambda index: -each.shares[index])
    spans = "".join(
        f'<span style="background:{each.colors[index]};flex:{max(each.shares[index], 1e-6):.6f}" '
        f'title="bin {index}: {each.shares[index]:.3%}"></span>'
        for index in order
    )
    whose = "bins of its own" if each.bins == OWN else f"bins of {each.bins}"
    text = f"{NAMES[each.split]} in {each.count} {whose}"
    return f'<figure><div class="strip">{spans}</div><figcaption>{escape(text)}, at middle luma.</figcaption></figure>'
