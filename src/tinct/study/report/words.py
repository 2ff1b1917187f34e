"""What a study found and how it was done, in sentences."""

from __future__ import annotations

import html
from typing import Any

from tinct.learn.run import Run
from tinct.learn.settings import Training
from tinct.study.compare import METRICS, NOISE, Difference, Metric
from tinct.study.measure import GREY, MEAN_COLOR
from tinct.study.report.tables import Results

_MEANINGS = {
    "ciede2000": "visible difference from the truth",
    "ssim": "likeness of structure: clarity",
    "luma_change": "in 8-bit steps, from the grey picture's",
    "auc_rebalanced": "nearness to the true colours, rare ones counting as much as common ones",
    "colorfulness_ratio": "as a share of the truth's, which is not better or worse by itself",
    "perceptual": "how far a recogniser's features are from the truth's",
    "recognition_top1": "pictures that a recogniser names as it names the truth",
}
_VERDICTS = ("better", "worse", "more", "less")


def findings(results: Results) -> list[str]:
    """Return in HTML sentences which arms differ from the reference, and which cannot be told from it."""
    sentences = [_diverged(results)] if results.diverged else []
    if not results.arms:
        return sentences
    sentences += [_compared(results, metric) for metric in results.compared if metric.name in _MEANINGS]
    sentences += [_against(results, GREY, "the grey picture"), _against(results, MEAN_COLOR, "one mean colour")]
    if results.seeds == 1:
        sentences.append(
            "<b>One seed only:</b> how much the arms would change with another seed is not known. What is called "
            "better here is so for these trainings on such pictures; run with  --seeds 3  before believing a "
            "small difference."
        )
    unfinished = [arm.name for arm in results.study.arms if arm not in results.finished]
    if unfinished:
        sentences.append(f"<b>Not finished:</b> {_joined(unfinished)}.")
    if waiting := [seed for seed in results.study.seeds if seed not in results.common]:
        sentences.append(
            f"<b>Figures are of fewer seeds than planned:</b> with {_seeds(waiting)} not all arms are finished, and "
            + (
                f"what is compared is of {_seeds(results.common)}."
                if results.common
                else "no seed is finished with all of them: each arm is shown with its first."
            )
        )
    return sentences


def _diverged(results: Results) -> str:
    """Say which arms came to nothing, and what stands in for the reference where it is among them."""
    parts = [f"{_quoted(name)} with {_seeds(seeds)}" for name, seeds in results.diverged.items()]
    named = results.study.record.reference
    instead = (
        f" The reference is among them: what follows is compared with {_quoted(results.reference.name)}."
        if named in results.diverged and results.arms
        else ""
    )
    return (
        f"<b>Diverged:</b> {'; '.join(parts)}. Losses or figures there are no numbers any more, so that such an arm is "
        f"neither better nor worse than another; try it with a lower learning rate, or look at its training.{instead}"
    )


def _seeds(seeds: list[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _against(results: Results, baseline: str, words: str) -> str:
    metric = METRICS[0]
    arms = [arm.name for arm in results.arms]
    differences = [results.val.difference(name, baseline, metric, of=len(arms)) for name in arms]
    better = [difference.arm for difference in differences if difference.verdict == "better"]
    worse = [difference.arm for difference in differences if difference.verdict == "worse"]
    parts = []
    if better:
        parts.append(f"nearer to the truth than {words} in {metric.heading}: {_joined(better)}")
    if worse:
        parts.append(f"farther from the truth than {words} in {metric.heading}: {_joined(worse)}")
    rest = [name for name in arms if name not in better + worse]
    if rest:
        parts.append(f"in {metric.heading} not to be told from {words}: {_joined(rest)}")
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _compared(results: Results, metric: Metric) -> str:
    """Say in one metric how the arms stand against the reference."""
    reference = results.reference.name
    differences = results.differences(reference, metric)
    parts = []
    for verdict in _VERDICTS:
        named = [_by(difference, metric) for difference in differences if difference.verdict == verdict]
        if named:
            parts.append(f"<b class='{verdict}'>{verdict}</b>: {', '.join(named)}")
    noisy = [difference.arm for difference in differences if difference.verdict == NOISE]
    if noisy:
        parts.append(f"within noise, so that these data cannot tell: {_joined(noisy)}")
    heading = metric.heading.partition(" /")[0]
    heading = heading[0].upper() + heading[1:]
    against = f"against {_quoted(reference)}: {'; '.join(parts)}" if parts else "nothing to compare"
    return f"<b>{heading}</b> ({_MEANINGS[metric.name]}), {against}."


def _by(difference: Difference, metric: Metric) -> str:
    low, high = sorted((abs(difference.spread.low), abs(difference.spread.high)))
    style = metric.style
    return f"{_quoted(difference.arm)} by {abs(difference.spread.mean):{style}} ({low:{style}} to {high:{style}})"


def conditions(results: Results) -> dict[str, Any]:
    """Return how the arms were trained, and what was not alike between them, as `templates/study.html` words it."""
    study, rows = results.study, results.cost_rows()
    return {
        "count": sum(len(study.finished(arm)) for arm in results.trained),
        "measured": {split: len(rows) for split, rows in results.measured[GREY][0].comparisons.items()},
        "steps": {row["steps"] for row in rows},
        "seen": {row["photographs_seen"] for row in rows},
        "one_order": len({_order(study.training(arm, study.seeds[0])) for arm in results.trained}) == 1,
        "starts": _starts(results),
        "stopped": [row for row in rows if row["planned"] and row["steps"] < row["planned"]],
    }


def _starts(results: Results) -> dict[str, list[str]]:
    """Return where weights come from that are not drawn by the seed, and which arms start so."""
    arms: dict[str, list[str]] = {}
    for arm in results.trained:
        run = Run.open(results.study.run(arm, results.study.finished(arm)[0]))
        words = []
        if run.training.initial is not None:
            words.append(f"the model {run.training.initial}")
        if run.encoder is not None:
            frozen = "frozen" if run.training.options.get("frozen", True) else "learning on"
            words.append(f"encoder from {run.encoder['name']} (SHA-256 {run.encoder['sha256']}), {frozen}")
        elif run.training.from_scratch:
            words.append("encoder from scratch, learned along")
        if words:
            arms.setdefault(", ".join(words), []).append(arm.name)
    return arms


def _order(training: Training) -> tuple[object, ...]:
    """Return what decides which photographs are seen, in which order, and how they are cut."""
    return (
        training.batch_size,
        training.crop,
        training.zoom,
        training.epoch_steps,
        training.limit,
        training.subset,
        training.categories,
        training.resample,
        training.workers,
        training.augmentation.random_crop,
    )


def _quoted(name: str) -> str:
    return f"<i>{html.escape(name)}</i>"


def _joined(names: list[str]) -> str:
    quoted = [_quoted(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
