"""Which facts of data spoil a training, each judged by a rule with its evidence and its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from tinct.data.colors import FAR, OWN, RARE
from tinct.data.duplicates import EXACT, MIRRORED, NEAR, Duplicate
from tinct.data.findings import DataReport, Finding, SplitFacts
from tinct.data.screening import SMALLEST_SIDE

SHOWN = 8  # names or pairs in a warning's evidence
FEW_TO_TRAIN = 1000
FEW_TO_VALIDATE = 100
MUTED = 20.0  # median colourfulness; 15 is slightly colourful
SHIFTED = 0.1  # between the colours of training and validation
FOREIGN = 0.35  # between the colours of the data and those that a model's bins were made with
LOPSIDED = 10  # times the median category
NAMES = {"train": "training", "val": "validation", "test": "test", "": "the folder"}


def find_warnings(report: DataReport) -> list[Finding]:
    """Return what spoils a training by the facts of a report, the weightiest first; its own warnings are not read."""
    rules = (_leaks, _unreadable, _splits, _pictures_at_fault, _copies, _squeezed, _categories, _colors, _models)
    return sorted((finding for rule in rules for finding in rule(report)), key=lambda finding: -finding.weight)


def _again(report: DataReport) -> str:
    """Return how to make a better dataset of these pictures."""
    if report.prepared:
        return "prepare again, from the folders it was made of into a new one (tinct prepare SRC... -o NEW)"
    return f"make a dataset of it (tinct prepare {report.data} -o NEW)"


def _anew(report: DataReport) -> str:
    """Return how to make a dataset that is split anew: `tinct prepare` keeps the splits of a folder that has some."""
    if report.prepared:
        return _again(report)
    return "put the photographs of all splits into one folder and make a dataset of it (tinct prepare FOLDER -o NEW)"


def _without(report: DataReport, done: str) -> str:
    """Return how to be rid of pictures: `tinct prepare` left them in, or has not seen them yet."""
    if report.prepared:  # they passed its screening, by a little
        return (
            "delete the files from the folders the dataset was made of, and prepare those anew (tinct prepare -o NEW)"
        )
    return f"{_again(report)}; it {done}"


def _leaks(report: DataReport) -> Iterator[Finding]:
    for split in ("val", "test"):
        pairs = [pair for pair in report.leaks if pair.second_split == split]
        if not pairs:
            continue
        others = sorted({NAMES[pair.first_split] for pair in pairs}, key=lambda name: name != "training")
        count = len({pair.second for pair in pairs})
        if report.prepared:
            remedy = "delete one file of each pair from the folders the dataset was made of, and prepare those anew"
        else:
            remedy = f"{_again(report)}, which leaves copies out"
        yield Finding(
            "leak",
            100,
            f"{_pictures(count)} of {NAMES[split]} {_are(count)} also in {' and '.join(others)}: "
            f"its figures come out too good",
            _pair_lines(pairs),
            remedy,
            pictures=_pair_names(pairs),
        )


def _unreadable(report: DataReport) -> Iterator[Finding]:
    count = len(report.unreadable)
    if count:
        remedy = "delete the files, or fetch them again; then " if report.prepared else "delete them, or "
        yield Finding(
            "unreadable",
            90,
            f"{_pictures(count)} cannot be read",
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
            "there are no pictures to validate on: nobody can see whether a network learns or only remembers",
            [f"{NAMES[split]}: {_pictures(count)}" for split, count in counts.items()],
            f"{_again(report)} with --val 0.1",
        )
    if report.limit is not None:
        return
    if val is not None and val < FEW_TO_VALIDATE:
        yield Finding(
            "small-validation",
            60,
            f"validation has {_pictures(val)}: small differences between networks cannot be told from chance",
            [f"{NAMES[split]}: {_pictures(count)}" for split, count in counts.items()],
            f"{_anew(report)} with a larger --val, or give more photographs: {FEW_TO_VALIDATE} do, 500 are better",
        )
    if train < FEW_TO_TRAIN:
        yield Finding(
            "few",
            55,
            f"{_pictures(train)} to train on: a network from nothing learns them by heart",
            [f"below {FEW_TO_TRAIN}"],
            "give more photographs, or begin with a trained model (tinct train --init photo)",
        )


def _pictures_at_fault(report: DataReport) -> Iterator[Finding]:
    grey = "leaves such pictures out"
    taught = ": they teach that the world has no colours"
    # kind, weight where the share is above the limit, the limit, weight below it, what is wrong, what prepare does
    for kind, many, limit, few, what, done in (
        ("grey", 80, 0.02, 45, "{are} without any colour" + taught, grey),
        ("near_grey", 80, 0.02, 45, "{are} next to grey" + taught, grey),
        ("toned", 80, 0.02, 45, "{are} toned in one hue, as sepia is" + taught, grey),
        ("framed", 40, 0.01, 25, "{have} a frame or margin of one colour", "cuts frames off"),
        ("small", 45, 0.01, 25, f"{{have}} a side of less than {SMALLEST_SIDE} pixels", "leaves them out"),
    ):
        named: list[str] = [name for facts in report.splits for name in getattr(facts, kind)]
        if named:
            count, share = len(named), len(named) / _total(report)
            shown = "" if kind == "small" else f" ({_percent(share)})"
            yield Finding(
                {"near_grey": "near-grey", "framed": "frames"}.get(kind, kind),
                many if share > limit else few,
                f"{_pictures(count)}{shown} {what.format(are=_are(count), have=_have(count))}",
                _some(named),
                _without(report, done),
                pictures=named[: 2 * SHOWN],
            )


def _copies(report: DataReport) -> Iterator[Finding]:
    pairs = [pair for pair in report.duplicates if not pair.across]
    if pairs:
        share = len({pair.second for pair in pairs}) / _total(report)
        yield Finding(
            "duplicates",
            50 if share > 0.01 else 30,
            f"{_pictures(len(pairs))} ({_percent(share)}) {_are(len(pairs))} there twice in a split and count double",
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
                f"{count / facts.pictures:.0%} of {NAMES[facts.split]} is of one square size: "
                "perhaps squeezed, so that things look too narrow or too wide",
                [f"{width} x {height}: {_pictures(count)}"],
                "look at the sample sheet; where circles are ovals, use the photographs as they were before",
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
                "the middle category: colours are learned from it above all",
                [f"{name}: {count}" for name, count in (*ranked[:3], *ranked[3:][-3:])],
                "give more of the others, prepare fewer of it, or measure each alone (tinct evaluate --by category)",
            )
    for facts in report.splits[1:]:
        there = {name: split[facts.split] for name, split in counts.items() if facts.split in split}
        unseen = {name: count for name, count in there.items() if base.split not in counts[name]}
        if unseen:
            yield Finding(
                "unseen-category",
                40,
                f"{_categories_of(len(unseen))} of {NAMES[facts.split]} {_are(len(unseen))} not in {NAMES[base.split]}",
                _some([f"{name}: {_pictures(count)}" for name, count in unseen.items()]),
                f"{_anew(report)}, or read {NAMES[facts.split]}'s figures as those of things never seen",
            )


def _colors(report: DataReport) -> Iterator[Finding]:
    base = report.splits[0]
    if base.colorfulness.middle < MUTED:
        yield Finding(
            "muted",
            35,
            f"half of the pictures have a colourfulness below {base.colorfulness.middle:.0f}: "
            "what learns from them will be muted",
            [f"5 % to 95 %: {base.colorfulness.low:.0f} to {base.colorfulness.high:.0f}; 15 is slight, 45 average"],
            "give livelier photographs, or weigh rare colours more (tinct train --rebalance below 0.4)",
        )
    own, *others = (coverage for coverage in report.coverage if coverage.bins == OWN)
    if own.rare and report.limit is None:
        rare = [f"bin {index}: {share:.4%}" for index, share in enumerate(own.shares) if share < RARE]
        yield Finding(
            "rare-bins",
            15,
            f"{own.rare} of {own.count} colour bins have less than {RARE:.2%} of the pixels",
            _some(rare),
            f"train with fewer bins (tinct train --bins {max(2, own.count - own.rare)}), or give more "
            "photographs of these colours",
        )
    pictures = {facts.split: facts.pictures for facts in report.splits}
    for other in others:
        if other.shift > SHIFTED and pictures[other.split] >= FEW_TO_VALIDATE:
            name = NAMES[other.split]
            yield Finding(
                "shift",
                45,
                f"{name} has other colours than {NAMES[base.split]}: {other.shift:.0%} of its pixels would "
                "have to change",
                _shifts(own.shares, other.shares, other.colors),
                f"{_anew(report)}, which splits at random; or say that {name} is of another kind",
            )


def _models(report: DataReport) -> Iterator[Finding]:
    for model in report.coverage:
        if model.bins == OWN or model.split != report.splits[0].split:
            continue
        if model.shift > FOREIGN or model.far > 0.02:
            yield Finding(
                "foreign-bins",
                40,
                f"the colour bins of {model.bins} are those of other pictures",
                [
                    f"{model.shift:.0%} of the pixels lie in other bins than where {model.bins} learned",
                    f"{model.far:.1%} lie more than {FAR} grid cells from their bin's centre",
                    f"{model.rare} of its {model.count} bins have less than {RARE:.2%} of the pixels",
                ],
                f"train with bins of your own (without --init {model.bins})",
            )


def _shifts(before: list[float], after: list[float], colors: list[str]) -> list[str]:
    order = sorted(range(len(before)), key=lambda index: -abs(after[index] - before[index]))[:3]
    return [f"{colors[index]}: {before[index]:.1%} in training, {after[index]:.1%} there" for index in order]


def _by_category(report: DataReport) -> dict[str, dict[str, int]]:
    """Return category -> split -> pictures, the source before the category where there are both."""
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


def _pictures(count: int) -> str:
    return f"{count:,} picture" if count == 1 else f"{count:,} pictures"


def _categories_of(count: int) -> str:
    return f"{count} category" if count == 1 else f"{count} categories"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
