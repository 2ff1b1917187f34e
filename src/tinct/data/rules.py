"""Rules that find what spoils a training in the facts about its data, each with evidence and remedy."""

from __future__ import annotations

from collections.abc import Iterator

from tinct.data.colors import FAR, OWN, RARE
from tinct.data.duplicates import EXACT, MIRRORED, NEAR, Duplicate
from tinct.data.findings import DataReport, Finding, SplitFacts, are, pictures
from tinct.data.screening import SMALLEST_SIDE

SHOWN = 8  # names or pairs in a warning's evidence
FEW_TO_TRAIN = 1000  # pictures
FEW_TO_VALIDATE = 100  # pictures
MUTED = 20.0  # median colourfulness; 15 is slightly colourful
SHIFTED = 0.1  # `BinsCoverage.shift` from the colours of training to those of validation
FOREIGN = 0.35  # `BinsCoverage.shift` from the colours that a model's bins were made with to those of the data
LOPSIDED = 10  # times the median category
NAMES = {"train": "training", "val": "validation", "test": "test", "": "the folder"}


def find_warnings(report: DataReport) -> list[Finding]:
    """Return what spoils a training according to a report's facts, by decreasing weight; its warnings are not read."""
    rules = (_leaks, _unreadable, _splits, _pictures_at_fault, _copies, _squeezed, _categories, _colors, _models)
    return sorted((finding for rule in rules for finding in rule(report)), key=lambda finding: -finding.weight)


def _again(report: DataReport) -> str:
    """Return how to make a better dataset of these pictures."""
    if report.prepared:
        return "prepare it again, from its source folders into a new one (tinct prepare SRC... -o NEW)"
    return f"make a dataset of it (tinct prepare {report.data} -o NEW)"


def _anew(report: DataReport) -> str:
    """Return how to make a dataset with other splits, since `tinct prepare` keeps those that a folder has."""
    if report.prepared:
        return _again(report)
    return "put the photographs of all splits into one folder and make a dataset of it (tinct prepare FOLDER -o NEW)"


def _without(report: DataReport, done: str) -> str:
    """Return how to remove pictures that `tinct prepare` accepted, or has not seen yet."""
    if report.prepared:  # they narrowly passed its screening
        return "delete the files from the dataset's source folders, and prepare these again (tinct prepare -o NEW)"
    return f"{_again(report)}; it {done}"


def _leaks(report: DataReport) -> Iterator[Finding]:
    for split in ("val", "test"):
        pairs = [pair for pair in report.leaks if pair.second_split == split]
        if not pairs:
            continue
        others = sorted({NAMES[pair.first_split] for pair in pairs}, key=lambda name: name != "training")
        count = len({pair.second for pair in pairs})
        if report.prepared:
            remedy = "delete one file of each pair from the dataset's source folders, and prepare these again"
        else:
            remedy = f"{_again(report)}, which leaves copies out"
        yield Finding(
            "leak",
            100,
            f"{pictures(count)} of {NAMES[split]} {are(count)} also in {' and '.join(others)}: its scores are too good",
            _pair_lines(pairs),
            remedy,
            pictures=_pair_names(pairs),
        )


def _unreadable(report: DataReport) -> Iterator[Finding]:
    count = len(report.unreadable)
    if count:
        remedy = "delete the files, or get them again; then " if report.prepared else "delete them, or "
        yield Finding(
            "unreadable",
            90,
            f"{pictures(count)} cannot be read",
            _some([f"{name}: {reason}" for name, reason in report.unreadable]),
            remedy + _again(report) + ("" if report.prepared else ", which leaves them out"),
        )


def _splits(report: DataReport) -> Iterator[Finding]:
    counts = {facts.split: facts.pictures for facts in report.splits}
    train, val = counts.get("train", counts.get("", 0)), counts.get("val")
    if val is None and "train" in counts:
        yield Finding(
            "no-validation",
            65 if "test" in counts else 85,
            "there are no pictures for validation: nothing shows whether a network learns or only memorises",
            [f"{NAMES[split]}: {pictures(count)}" for split, count in counts.items()],
            f"{_again(report)} with --val 0.1",
        )
    if report.limit is not None:
        return
    if val is not None and val < FEW_TO_VALIDATE:
        yield Finding(
            "small-validation",
            60,
            f"validation has {pictures(val)}: small differences between networks cannot be told from chance",
            [f"{NAMES[split]}: {pictures(count)}" for split, count in counts.items()],
            f"{_anew(report)} with a larger --val, or add photographs: {FEW_TO_VALIDATE} are enough, 500 better",
        )
    if train < FEW_TO_TRAIN:
        yield Finding(
            "few",
            55,
            f"{pictures(train)} for training: a network that starts from random weights memorises them",
            [f"fewer than {FEW_TO_TRAIN}"],
            "add photographs, or start from a trained model (tinct train --init photo)",
        )


def _pictures_at_fault(report: DataReport) -> Iterator[Finding]:
    grey = "leaves such pictures out"
    taught = ": they teach that the world has no colours"
    # kind, weight if its share is above a limit, the limit, weight below it, what is wrong, what `tinct prepare` does
    for kind, many, limit, few, what, done in (
        ("grey", 80, 0.02, 45, "{have} no colour at all" + taught, grey),
        ("near_grey", 80, 0.02, 45, "{are} nearly grey" + taught, grey),
        ("toned", 80, 0.02, 45, "{are} toned in one hue, such as sepia" + taught, grey),
        ("framed", 40, 0.01, 25, "{have} a frame or margin of one colour", "cuts frames off"),
        ("small", 45, 0.01, 25, f"{{have}} a side of less than {SMALLEST_SIDE} pixels", "leaves them out"),
    ):
        names: list[str] = [name for facts in report.splits for name in getattr(facts, kind)]
        if names:
            count, share = len(names), len(names) / _total(report)
            shown, have = "" if kind == "small" else f" ({_percent(share)})", "has" if count == 1 else "have"
            yield Finding(
                {"near_grey": "near-grey", "framed": "frames"}.get(kind, kind),
                many if share > limit else few,
                f"{pictures(count)}{shown} {what.format(are=are(count), have=have)}",
                _some(names),
                _without(report, done),
                pictures=names[: 2 * SHOWN],
            )


def _copies(report: DataReport) -> Iterator[Finding]:
    pairs = [pair for pair in report.duplicates if not pair.across]
    if pairs:
        share = len({pair.second for pair in pairs}) / _total(report)
        yield Finding(
            "duplicates",
            50 if share > 0.01 else 30,
            f"{pictures(len(pairs))} ({_percent(share)}) {are(len(pairs))} in a split twice and count double",
            _pair_lines(pairs),
            _without(report, "leaves copies out"),
            pictures=_pair_names(pairs),
        )


def _squeezed(report: DataReport) -> Iterator[Finding]:
    for facts in report.splits:
        width, height, count = facts.sizes[0]
        if width == height and count >= max(100, 0.9 * facts.pictures):
            yield Finding(
                "squeezed",
                10,
                f"{count / facts.pictures:.0%} of {NAMES[facts.split]} have one square size: "
                "perhaps they were squeezed, so that things look too narrow or too wide",
                [f"{width} x {height}: {pictures(count)}"],
                "look at the sample sheet; if circles are ovals, use the original photographs",
            )


def _categories(report: DataReport) -> Iterator[Finding]:
    counts = _by_category(report)
    base: SplitFacts = report.splits[0]
    trained = {name: split[base.split] for name, split in counts.items() if split.get(base.split)}
    ranked = sorted(trained.items(), key=lambda item: -item[1])
    if len(ranked) >= 3:
        (largest, most), middle = ranked[0], ranked[len(ranked) // 2][1]
        if most >= LOPSIDED * middle and most > 0.4 * sum(trained.values()):
            yield Finding(
                "imbalance",
                35,
                f"{largest} has {most / sum(trained.values()):.0%} of the pictures, {most / middle:.0f} times "
                "the median category: a network learns its colours above all",
                [f"{name}: {count}" for name, count in (*ranked[:3], *ranked[3:][-3:])],
                "add pictures to the others, prepare fewer of it, or measure each alone (tinct evaluate --by category)",
            )
    for facts in report.splits[1:]:
        present = {name: split[facts.split] for name, split in counts.items() if facts.split in split}
        unseen = {name: count for name, count in present.items() if base.split not in counts[name]}
        if unseen:
            yield Finding(
                "unseen-category",
                40,
                f"{len(unseen)} {'category' if len(unseen) == 1 else 'categories'} of {NAMES[facts.split]} "
                f"{are(len(unseen))} not in {NAMES[base.split]}",
                _some([f"{name}: {pictures(count)}" for name, count in unseen.items()]),
                f"{_anew(report)}, or bear in mind that scores of {NAMES[facts.split]} include things never seen",
            )


def _colors(report: DataReport) -> Iterator[Finding]:
    base = report.splits[0]
    if base.colorfulness.middle < MUTED:
        yield Finding(
            "muted",
            35,
            f"half of the pictures have a colourfulness below {base.colorfulness.middle:.0f}: "
            "a network will learn muted colours from them",
            [f"5 % to 95 %: {base.colorfulness.low:.0f} to {base.colorfulness.high:.0f}; 15 is slight, 45 average"],
            "add more colourful photographs, or give rare colours more weight (tinct train --rebalance below 0.4)",
        )
    own, *others = (coverage for coverage in report.coverage if coverage.bins == OWN)
    if own.rare and report.limit is None:
        rare = [f"bin {index}: {share:.4%}" for index, share in enumerate(own.shares) if share < RARE]
        yield Finding(
            "rare-bins",
            15,
            f"{own.rare} of {own.count} colour bins have less than {RARE:.2%} of the pixels",
            _some(rare),
            f"train with fewer bins (tinct train --bins {max(2, own.count - own.rare)}), or add "
            "photographs with these colours",
        )
    counts = {facts.split: facts.pictures for facts in report.splits}
    for other in others:
        if other.shift > SHIFTED and counts[other.split] >= FEW_TO_VALIDATE:
            name = NAMES[other.split]
            yield Finding(
                "shift",
                45,
                f"{name} has other colours than {NAMES[base.split]}: {other.shift:.0%} of its pixels would "
                "have to change to match",
                _shifts(own.shares, other.shares, other.colors),
                f"{_anew(report)}, which splits at random; or report that {name} has other pictures",
            )


def _models(report: DataReport) -> Iterator[Finding]:
    for model in report.coverage:
        if model.bins == OWN or model.split != report.splits[0].split:
            continue
        if model.shift > FOREIGN or model.far > 0.02:
            yield Finding(
                "foreign-bins",
                40,
                f"the colour bins of {model.bins} do not suit these pictures",
                [
                    f"{model.shift:.0%} of the pixels lie in other bins than those of {model.bins}'s training",
                    f"{model.far:.1%} lie more than {FAR} grid cells from their bin's centre",
                    f"{model.rare} of its {model.count} bins have less than {RARE:.2%} of the pixels",
                ],
                f"train with bins of your own (without --init {model.bins})",
            )


def _shifts(before: list[float], after: list[float], colors: list[str]) -> list[str]:
    order = sorted(range(len(before)), key=lambda index: -abs(after[index] - before[index]))[:3]
    return [f"{colors[index]}: {before[index]:.1%} in training, here {after[index]:.1%}" for index in order]


def _by_category(report: DataReport) -> dict[str, dict[str, int]]:
    """Return category -> split -> pictures; a category's name begins with its source, if it has one."""
    counts: dict[str, dict[str, int]] = {}
    for group in report.groups:
        name = "/".join(part for part in (group.source, group.category) if part)
        if name:
            counts.setdefault(name, {})[group.split] = group.pictures
    return counts


def _pair_names(pairs: list[Duplicate]) -> list[str]:
    return [name for pair in pairs[:SHOWN] for name in (pair.first, pair.second)]


def _pair_lines(pairs: list[Duplicate]) -> list[str]:
    words = {EXACT: "the same bytes", NEAR: "looks alike", MIRRORED: "mirrored"}
    return _some([f"{pair.second} = {pair.first} ({words[pair.kind]})" for pair in pairs])


def _some(lines: list[str]) -> list[str]:
    rest = len(lines) - SHOWN
    return lines if rest <= 1 else [*lines[:SHOWN], f"and {rest} more"]


def _total(report: DataReport) -> int:
    return sum(facts.pictures for facts in report.splits)


def _percent(share: float) -> str:
    return "less than 0.1%" if share < 0.001 else f"{share:.1%}"
