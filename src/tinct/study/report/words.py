"""What a study found and how it was done, in sentences."""

from __future__ import annotations

import html
from pathlib import Path

from tinct.study.compare import METRICS, NOISE, Difference, Metric
from tinct.study.evaluate import GREY, MEAN_COLOR
from tinct.study.report.tables import Results

_TOLD = {
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
    """Say which arms differ from the reference, and which cannot be told from it, in HTML sentences."""
    sentences = [_diverged(results)] if results.diverged else []
    if not results.arms:
        return sentences
    sentences += [_compared(results, metric) for metric in results.compared if metric.name in _TOLD]
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
    named = results.study.record["reference"]
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
    found = [results.val.difference(name, baseline, metric, of=len(arms)) for name in arms]
    better = [each.arm for each in found if each.verdict == "better"]
    worse = [each.arm for each in found if each.verdict == "worse"]
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
    found = results.differences(reference, metric)
    parts = []
    for verdict in _VERDICTS:
        named = [_by(each, metric) for each in found if each.verdict == verdict]
        if named:
            parts.append(f"<b class='{verdict}'>{verdict}</b>: {', '.join(named)}")
    noisy = [each.arm for each in found if each.verdict == NOISE]
    if noisy:
        parts.append(f"within noise, so that these data cannot tell: {_joined(noisy)}")
    heading = metric.heading.partition(" /")[0]
    heading = heading[0].upper() + heading[1:]
    against = f"against {_quoted(reference)}: {'; '.join(parts)}" if parts else "nothing to compare"
    return f"<b>{heading}</b> ({_TOLD[metric.name]}), {against}."


def _by(found: Difference, metric: Metric) -> str:
    low, high = sorted((abs(found.spread.low), abs(found.spread.high)))
    style = metric.style
    return f"{_quoted(found.arm)} by {abs(found.spread.mean):{style}} ({low:{style}} to {high:{style}})"


def paper_note(results: Results) -> str:
    """Say what the paper found, in HTML; empty where the recipe names nothing."""
    paper = results.study.record["paper"]
    return f"<p class='paper'><b>What the paper found.</b> {html.escape(paper)}</p>" if paper else ""


def conditions(results: Results) -> list[str]:
    """Say on what and how long the arms were trained, and what was not alike between them, in HTML sentences."""
    study, record = results.study, results.study.record
    data = record["data"]
    measured = results.measured[GREY][0].comparisons
    sentences = [
        f"Dataset {html.escape(data['name'])}: {data['train']} photographs to train on, {data['val']} to validate on, "
        f"no photograph in both. Measured on {len(measured['val'])} validation and "
        f"{len(measured.get('train', []))} training pictures, the same for every arm, beside the grey picture "
        "and one mean colour."
    ]
    if (by := results.backbone) is not None:
        sentences.append(
            f"Perceptual distance{'' if 'recognition_top1' in results.absent else ' and recognition'}: by {by['name']} "
            f"from {html.escape(Path(by['file']).name)} (SHA-256 {by['sha256']})."
        )
    rows = results.cost_rows()
    steps = {row["steps"] for row in rows}
    seen = {row["photographs_seen"] for row in rows}
    seeds = f"{len(study.seeds)} seed{'s' if len(study.seeds) > 1 else ''} ({', '.join(map(str, study.seeds))})"
    count = sum(len(study.finished(arm)) for arm in results.trained)
    each = "each " if count > 1 else ""
    alike = f"{each}{steps.pop():.0f} steps" if len(steps) == 1 else "of different numbers of steps, see Cost"
    sentences.append(
        f"{count} training{'s' if count > 1 else ''}: {len(rows)} arm{'s' if len(rows) > 1 else ''} with {seeds}, "
        f"{alike}; "
        + ("the same number of photographs seen." if len(seen) == 1 else "different numbers of photographs seen.")
    )
    order = {_order(results, arm.name) for arm in results.trained}
    sentences.append(
        "With the same seed, all arms see the same photographs in the same order, cut alike."
        if len(order) == 1
        else "The arms differ in settings that change which photographs are seen, in which order or cut; with the same "
        "seed, those alike in them see the same."
    )
    if starts := _starts(results):
        sentences.append(f"<b>What trainings start from:</b> {'; '.join(starts)}.")
    stopped = [
        f"{_quoted(row['arm'])} after {row['steps']:.0f} of {row['planned']:.0f}"
        for row in rows
        if row["planned"] and row["steps"] < row["planned"]
    ]
    if stopped:
        sentences.append(f"<b>Stopped by time</b> (steps, mean of the seeds): {', '.join(stopped)}.")
    if record["notes"]:
        notes = "; ".join(html.escape(note) for note in record["notes"])
        sentences.append(f"<b>Cut down by --budget {html.escape(record['budget'])}:</b> {notes}.")
    return sentences


def _starts(results: Results) -> list[str]:
    """Say where weights come from that are not drawn by the seed, and which encoders stay as they are."""
    from tinct.learn.run import Run

    found: dict[str, list[str]] = {}
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
            found.setdefault(", ".join(words), []).append(arm.name)
    return [f"{_joined(names)}: {html.escape(words)}" for words, names in found.items()]


def _order(results: Results, arm: str) -> tuple[object, ...]:
    training = results.study.training(results.study.arm(arm), results.study.seeds[0])
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
