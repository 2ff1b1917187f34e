"""A study's report: tables, figures, pictures and one page for people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinct.files import written_beside
from tinct.study.folder import Study
from tinct.study.report.charts import draw_charts
from tinct.study.report.page import make_page
from tinct.study.report.sheets import make_sheets, write_sheet
from tinct.study.report.tables import Results, Table, write_tables

REPORT_FILE = "report.html"


def write_report(study: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """Write a study's report from what it has finished.

    Args:
        study: the study's folder.
        progress: called with (done, total).

    Returns:
        The page; `figures` and `tables` are beside it.

    Raises:
        DataError: the folder is no study, or none of its arms is finished.
    """
    results = Results(Study.open(study))
    plots = results.study.record["plots"]
    path = results.study.path
    tables: dict[str, Table] = {
        "metrics": results.metric_rows(),
        "absent": results.absent_rows(),
        "differences": results.difference_rows(),
        "curves": results.curve_rows(),
        "overfitting": results.overfitting_rows() if "curves" in plots else [],
        "cost": results.cost_rows() if "cost" in plots else [],
        "histograms": results.histogram_rows(),
        "groups": results.group_rows() if "groups" in plots else [],
        "quantisation": results.quantisation_rows() if _wants_quantisation(results) else [],
    }
    write_tables(tables, path / "tables")
    charts = draw_charts(results, path / "figures", quantisation=tables["quantisation"])
    sheets = make_sheets(results, progress=progress)
    for sheet in sheets.values():
        write_sheet(sheet, path / "figures")
    page = make_page(results, charts, sheets, tables)
    with written_beside(path / REPORT_FILE) as partial:
        partial.write_text(page, encoding="utf-8")
    return path / REPORT_FILE


def _wants_quantisation(results: Results) -> bool:
    """Say whether what bins cost is part of the question: the arms differ in their bins."""
    if "quantisation" not in results.study.record["plots"]:
        return False
    return any({"bins", "grid", "space"} & set(arm.own) for arm in results.trained)
