"""Put the arms of each recipe beside each other, from the study of everything.toml: tables, JSON and a plot.

    tinct study benchmarks/findings/everything.toml --data DATASET --out STUDY --encoder-weights FILE
    python benchmarks/findings/compare.py STUDY

Differences are paired over photographs and seeds as in a report (tinct.study.intervals), and judged together within a
recipe, not over all arms of the study. Arms that are not finished are left out.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from tinct.study.folder import Study
from tinct.study.intervals import METRICS
from tinct.study.measure import GREY, MEAN_COLOR
from tinct.study.report.tables import Results

HERE = Path(__file__).parent
PLOTS = HERE.parents[1] / "docs" / "images" / "findings"
# Recipe -> its arms in everything.toml, the reference first.
RECIPES: dict[str, tuple[str, ...]] = {
    "rebalancing": ("no weights", "ColorUNet", "lambda 0.2", "lambda 0", "resampled"),
    "temperature": ("ColorUNet", "ColorUNet at T 0.1"),
    "lab_vs_rgb": ("Lab chroma", "YUV chroma", "whole RGB", "colours of the RGB"),
    "as_published": ("lambda 0.2", "batch norm as published", "bins from 30 pictures", "both slips"),
    "augmentation": ("ColorUNet", "not augmented", "mirrored only"),
    "augmentation at T 0.1": ("ColorUNet at T 0.1", "not augmented at T 0.1"),
    "data_size": ("ColorUNet", "50 % of the photographs", "25 % of the photographs", "10 % of the photographs"),
    "variety": ("ColorUNet", "two largest", "largest category"),
    "extended_set": ("largest category", "ColorUNet", "a quarter of the steps", "twice the filters"),
    "bins": ("ColorUNet", "8 bins", "16 bins", "64 bins", "128 bins"),
    "architectures": (
        *("ColorUNet", "flat", "bottleneck", "tinct on larger squares"),
        "VGG-16 from scratch on larger squares",
    ),
    "transfer": ("from scratch", "pretrained and frozen", "pretrained and learning on"),
}
SHOWN = ("ciede2000", "auc_rebalanced", "auc_within", "colorfulness_ratio")
CLARITY = ("ciede2000", "psnr", "ssim", "luma_change")


def main() -> None:
    """Print the tables, and write JSON and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    given = parser.parse_args()
    results = Results(Study.open(given.study))
    done = {arm.name for arm in results.arms}
    found: dict[str, Any] = {
        "photographs": {split: getattr(results.study.record.data, split) for split in ("train", "val")},
        "measured_on": len(results.measured[GREY][0].comparisons["val"]),
        "seeds": results.seeds,
        "versions": results.study.record.versions,
        "machine": results.study.record.machine,
        "recipes": {},
    }
    for recipe, arms in RECIPES.items():
        kept = [arm for arm in arms if arm in done]
        if len(kept) < 2 or kept[0] != arms[0]:
            print(f"{recipe}: not finished\n", file=sys.stderr)
            continue
        rows = compare(results, kept)
        found["recipes"][recipe] = rows
        print_table(recipe, rows, CLARITY if recipe == "lab_vs_rgb" else SHOWN)
    found["quantisation"] = results.quantisation_rows()
    for row in found["quantisation"]:
        if row["metric"] in ("ciede2000", "psnr", "auc_rebalanced"):
            print(f"{row['bins']} bins, {row['space']}, {row['metric']}: {row['mean']:.2f}")
    (HERE / "everything.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(found["recipes"])


def compare(results: Results, arms: list[str]) -> list[dict[str, Any]]:
    """Give one row for each baseline and arm: metric -> its figure, and its difference from the first arm."""
    rows = []
    for name in (GREY, MEAN_COLOR, *arms):
        row: dict[str, Any] = {"arm": name}
        for metric in METRICS:
            spread = results.val.spread(name, metric.name)
            row[metric.name] = {"mean": spread.mean, "low": spread.low, "high": spread.high}
            if name in arms[1:]:
                one = results.val.difference(name, arms[0], metric, of=len(arms) - 1)
                values = {"difference": one.spread.mean, "from": one.spread.low, "to": one.spread.high}
                row[metric.name] |= {**values, "verdict": one.verdict}
        rows.append(row)
    return rows


def print_table(recipe: str, rows: list[dict[str, Any]], shown: tuple[str, ...]) -> None:
    """Print Markdown."""
    metrics = [next(metric for metric in METRICS if metric.name == name) for name in shown]
    arrows = {1: " ↑", -1: " ↓", 0: " → 1"}
    print(f"**{recipe}**\n\n| | " + " | ".join(metric.heading + arrows[metric.better] for metric in metrics) + " |")
    print("|---|" + "---|" * len(metrics))
    for row in rows:
        cells = []
        for metric in metrics:
            one, style = row[metric.name], metric.style
            text = f"{one['mean']:{style}}" if math.isfinite(one["mean"]) else "–"
            if "verdict" in one:
                text += f" ({one['from']:+{style}} to {one['to']:+{style}}: {one['verdict']})"
            cells.append(text)
        print(f"| {row['arm']} | " + " | ".join(cells) + " |")
    print()


def draw(recipes: dict[str, list[dict[str, Any]]]) -> None:
    """Draw the differences of all recipes in two metrics."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    lines = [
        (f"{row['arm']} − {rows[2]['arm']}", row)
        for rows in recipes.values()
        for row in rows
        if "verdict" in row["psnr"]
    ]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tinct", "font.size": 9}):
        figure = Figure(figsize=(10, 0.8 + 0.27 * len(lines)), layout="constrained")
        names = ("ciede2000", "auc_rebalanced", "colorfulness_ratio")
        for axes, name in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
            for place, (_, row) in enumerate(lines):
                one = row[name]
                noise = one["verdict"] == "within noise"
                color = "#8a929c" if noise else {"worse": "#d1453b", "better": "#2a9d72"}.get(one["verdict"], "#3182ce")
                axes.plot([one["from"], one["to"]], [place, place], color=color, linewidth=2)
                axes.plot(one["difference"], place, "o", color=color, markersize=5)
            axes.axvline(0, color="#1f2329", linewidth=0.8)
            axes.set_title(next(metric.heading for metric in METRICS if metric.name == name))
            axes.set_yticks(range(len(lines)), [label for label, _ in lines])
            axes.set_ylim(len(lines) - 0.4, -0.6)
            axes.grid(axis="x", color="#d5dae1")
        PLOTS.mkdir(parents=True, exist_ok=True)
        figure.savefig(PLOTS / "differences.svg", facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()
