"""What `tinct classify` prints for a person: tables of candidates, of classes, and of calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinct.cli.output import say

if TYPE_CHECKING:
    from tinct.learn.recognize.pick import TrainedClassifier
    from tinct.learn.recognize.trial import Judged
    from tinct.recognize.evaluate import Evaluation
    from tinct.runtime.scores import Scores

# A confusion matrix of more classes is left to the drawing.
MOST_SHOWN = 12


def judged_line(judged: Judged) -> str:
    """Format a candidate's row: name, accuracy with its interval, accuracy on grey pictures, seconds."""
    outcome, scores = judged.outcome, judged.scores
    name = f"{outcome.candidate.name:<44}"
    if scores is None or outcome.reason:
        return f"{name} not judged: {outcome.reason}"
    low, high = scores.interval
    parts = [f"{100 * scores.accuracy:5.1f} %  ({100 * low:.1f} to {100 * high:.1f})"]
    if abs(scores.balanced - scores.accuracy) >= 0.001:
        parts.append(f"balanced {100 * scores.balanced:5.1f} %")
    if "grey" in judged.color_tests:
        parts.append(f"grey {100 * judged.color_tests['grey']:5.1f} %")
    if outcome.epochs:
        parts.append(f"{outcome.epochs:.0f} epochs")
    parts.append(f"{outcome.seconds:.0f} s")
    return f"{name} {'  '.join(parts)}"


def print_training(done: TrainedClassifier) -> None:
    """Print what a training came to."""
    metrics = done.card.metrics
    say("")
    say(f"picked: {done.card.name}, by {metrics['measured_on']}")
    for judged in done.table:
        say(f"  {judged_line(judged)}")
    shares = {name: round(100 * value, 1) for name, value in done.card.color_tests.items()}
    if shares:
        turned = ", ".join(f"{value} % with {name} degrees" for name, value in shares.items() if name.startswith("hue"))
        known = f"{shares['plain']} % as they are, {shares['grey']} % in grey, {turned}"
        say(f"colour tests, classes counting alike: right in {known}")
        say(f"  {_meaning(done.card.color_tests, len(done.card.classes))}")
    say(f"calibrated at a temperature of {done.card.temperature:.2f}, on these same pictures; sure by, and right in:")
    for each in metrics["reliability"]:
        say(f"  {100 * each['confidence']:5.1f} %  {100 * each['accuracy']:5.1f} %  of {each['count']}")
    if done.test is not None:
        low, high = done.test.interval
        say(f"test split: {100 * done.test.accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f})")
    say(f"{done.path}: written")


def _meaning(tests: dict[str, float], classes: int) -> str:
    """Format in words how much of the decision is colour."""
    plain, grey, chance = tests["plain"], tests["grey"], 1 / classes
    if plain <= chance:
        return "as good as chance with colour and without"
    share = min(1.0, max(0.0, (plain - grey) / (plain - chance)))
    return f"{100 * share:.0f} % of what it knows beyond chance is colour"


def print_evaluation(found: Evaluation) -> None:
    """Print what a model was worth."""
    scores = found.scores
    count = int(scores.confusion.sum())
    low, high = scores.interval
    of = f" of the {found.split} split" if found.split else ""
    say(f"accuracy {100 * scores.accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f}) on {count} pictures{of}")
    say(f"balanced accuracy {100 * scores.balanced:.1f} %, log loss {scores.log_loss:.3f}")
    say("")
    _print_classes(scores)
    if len(scores.classes) <= MOST_SHOWN:
        _print_confusion(scores)
    say("")
    say(f"calibration error {100 * scores.calibration_error:.1f} %; sure by, and right in:")
    for each in scores.reliability:
        say(f"  {100 * each.confidence:5.1f} %  {100 * each.accuracy:5.1f} %  of {each.count}")
    if found.color_tests:
        tests = ", ".join(f"{name} {100 * value:.1f} %" for name, value in found.color_tests.items())
        say(f"without and with turned colours, balanced: {tests}")


def _print_classes(scores: Scores) -> None:
    width = max(len(name) for name in (*scores.classes, "class"))
    say(f"{'class':<{width}}  precision  recall  pictures")
    totals = scores.confusion.sum(axis=1)
    for name, precision, recall, total in zip(scores.classes, scores.precision, scores.recall, totals, strict=True):
        shown = [f"{100 * value:.1f} %" if value is not None else "-" for value in (precision, recall)]
        say(f"{name:<{width}}  {shown[0]:>9}  {shown[1]:>6}  {int(total):>8}")


def _print_confusion(scores: Scores) -> None:
    say("")
    say("confusion: rows are the truth, columns what was named, in the same order")
    for row in scores.confusion:
        say("  " + " ".join(f"{int(value):>5}" for value in row))
