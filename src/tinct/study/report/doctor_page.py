"""A doctor's diagnosis as one HTML page that needs nothing beside it, light or dark as the reader's system."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from tinct import __version__
from tinct.errors import OutputError, SettingError
from tinct.files import written_beside
from tinct.learn.doctor.findings import Diagnosis, Finding
from tinct.study.report.charts import Chart
from tinct.study.report.data_page import PAGE_SUFFIXES
from tinct.study.report.doctor_charts import draw

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2329; --soft: #59616c; --line: #d5dae1; --ground: #fff; --card: #f5f6f8;
  --bad: #b3372d; --fair: #a86500; --note: #59616c; --good: #1d7a4f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #a2abb6; --line: #3a414a; --ground: #15181c;
  --card: #1e2227; --bad: #f08a80; --fair: #ffb74d; --note: #a2abb6; --good: #5cc894; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 54rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.verdict { font-size: 1.1rem; border-left: .3rem solid var(--bad); padding-left: .8rem; }
.verdict.fine { border-color: var(--good); }
article { border-left: .3rem solid var(--note); background: var(--card); padding: .7rem 1rem; margin: .8rem 0; }
article.serious { border-color: var(--bad); } article.fair { border-color: var(--fair); }
article ul { margin: .4rem 0; padding-left: 1.2rem; font-size: .9rem; } article p { margin: .4rem 0; }
.doubt { color: var(--soft); font-weight: 400; font-size: .85rem; }
figure { margin: 1.2rem 0; } .wide { overflow-x: auto; } svg { display: block; height: auto; }
pre { background: var(--card); padding: .8rem; overflow-x: auto; font-size: .8rem; }
summary { cursor: pointer; }
"""


def check_page(target: str | Path) -> None:
    """Refuse a place for the page before minutes of experiments.

    Raises:
        SettingError: it is not named like a page.
        OutputError: its folder is not there.
    """
    path = Path(target)
    if path.suffix.lower() not in PAGE_SUFFIXES:
        raise SettingError(f"{path}: the report is a page; give a name ending in .html")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder does not exist; make it first")


def write_page(found: Diagnosis, target: str | Path) -> Path:
    """Write a page with verdict, findings, figures and numbers; one that is there is replaced.

    Raises:
        SettingError: the target is not named like a page.
        OutputError: it cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    path = Path(target)
    check_page(path)
    content = make_page(found).encode("utf-8", "backslashreplace")
    with written_beside(path) as beside:
        beside.write_bytes(content)
    return path


def make_page(found: Diagnosis) -> str:
    """Give the page as text."""
    serious = any(each.level == "serious" for each in found.findings)
    count = len(found.findings)
    heading = f"{count} finding{'s' * (count > 1)}, the weightiest first" if count else "Nothing to complain of"
    setup = json.dumps(found.setup, indent=1, ensure_ascii=False)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(found.subject)}: why it does or does not learn</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(found.subject)}</h1>",
        f'<p class="verdict{"" if serious else " fine"}">{escape(_sentence(found.verdict))}</p>',
        f'<p class="soft">examined by tinct {__version__} in {found.seconds:.0f} s</p>',
        f"<h2>{heading}</h2>",
        *(_finding(each) for each in found.findings),
        "<h2>Measured</h2>",
        "<ul>" + "".join(f"<li>{escape(_sentence(line))}</li>" for line in found.facts) + "</ul>",
        *(_figure(chart) for chart in draw(found.measurements)),
        f"<details><summary>Settings of the training</summary><pre>{escape(setup)}</pre></details>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _finding(each: Finding) -> str:
    evidence = "".join(f"<li>{escape(line)}</li>" for line in each.evidence)
    doubt = "" if each.sure else ' <span class="doubt">This fits best, and is not proven.</span>'
    return (
        f'<article class="{each.level}" id="{escape(each.kind)}"><h3>{escape(_sentence(each.title))}{doubt}</h3>'
        f"<ul>{evidence}</ul><p><b>Remedy:</b> {escape(each.remedy)}.</p></article>"
    )


def _figure(chart: Chart) -> str:
    return f'<figure><div class="wide">{chart.svg}</div><figcaption>{escape(chart.caption)}</figcaption></figure>'
