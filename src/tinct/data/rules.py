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
    """Judge what was found.

    Args:
        report: facts of the data; its own warnings are not looked at.

    Returns:
        The warnings, the weightiest first.
    """
    rules = (_leaks, _unreadable, _splits, _faults, _copies, _shape, _categories, _colors, _models)
    return sorted((found for rule in rules for found in rule(report)), key=lambda each: -each.weight)


def again(report: DataReport) -> str:
    """Return how to make a better dataset of these pictures."""
    if report.prepared:
        return "prepare again, from the folders it was made of into a new one (tinct prepare SRC... -o NEW)"
    return f"make a dataset of it (tinct prepare {report.data} -o NEW)"


def anew(report: DataReport) -> str:
    """Return how to make a dataset that is split anew: `tinct prepare` keeps the splits of a folder that has some."""
    if report.prepared:
        return again(report)
    return "put the photographs of all splits into one folder and make a dataset of it (tinct prepare FOLDER -o NEW)"


def without(report: DataReport, done: str) -> str:
    """Return how to be rid of pictures: `tinct prepare` left them in, or has not seen them yet."""
    if report.prepared:  # they passed its screening, by a little
        return (
            "delete the files from the folders the dataset was made of, and prepare those anew (tinct prepare -o NEW)"
        )
    return f"{again(report)}; it {done}"


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
            remedy = f"{again(report)}, which leaves copies out"
        yield Finding(
            "leak",
            100,
            f"{_pictures(count)} of {NAMES[split]} {_are(count)} also in {' and '.join(others)}: "
            f"its figures come out too good",
            _pair_lines(pairs),
            remedy,
            pictures=[name for pair in pairs[:SHOWN] for name in (pair.first, pair.second)],
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
            remedy + again(report) + ("" if report.prepared else ", which leaves them out"),
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
            f"{again(report)} with --val 0.1",
        )
    if report.limit is not None:
        return
    if val is not None and val < FEW_TO_VALIDATE:
        yield Finding(
            "small-validation",
            60,
            f"validation has {_pictures(val)}: small differences between networks cannot be told from chance",
            [f"{NAMES[split]}: {_pictures(count)}" for split, count in counts.items()],
            f"{anew(report)} with a larger --val, or give more photographs: {FEW_TO_VALIDATE} do, 500 are better",
        )
    if train < FEW_TO_TRAIN:
        yield Finding(
            "few",
            55,
            f"{_pictures(train)} to train on: a network from nothing learns them by heart",
            [f"below {FEW_TO_TRAIN}"],
            "give more photographs, or begin with a trained model (tinct train --init photo)",
        )


def _faults(report: DataReport) -> Iterator[Finding]:
    for kind, what in (
        ("grey", "without any colour"),
        ("near_grey", "next to grey"),
        ("toned", "toned in one hue, as sepia is"),
    ):
        named: list[str] = [name for facts in report.splits for name in getattr(facts, kind)]
        if named:
            share = len(named) / _total(report)
            yield Finding(
                kind.replace("_", "-"),
                80 if share > 0.02 else 45,
                f"{_pictures(len(named))} ({_percent(share)}) {_are(len(named))} {what}: "
                "they teach that the world has no colours",
                _some(named),
                without(report, "leaves such pictures out"),
                pictures=named[: 2 * SHOWN],
            )


def _copies(report: DataReport) -> Iterator[Finding]:
    pairs = [pair for pair in report.duplicates if not pair.across]
    if pairs:
        share = len({pair.second for pair in pairs}) / _total(report)
        remedy = without(report, "leaves copies out")
        yield Finding(
            "duplicates",
            50 if share > 0.01 else 30,
            f"{_pictures(len(pairs))} ({_percent(share)}) {_are(len(pairs))} there twice in a split and count double",
            _pair_lines(pairs),
            remedy,
            pictures=[name for pair in pairs[:SHOWN] for name in (pair.first, pair.second)],
        )


def _shape(report: DataReport) -> Iterator[Finding]:
    framed = [name for facts in report.splits for name in facts.framed]
    if framed:
        share = len(framed) / _total(report)
        yield Finding(
            "frames",
            40 if share > 0.01 else 25,
            f"{_pictures(len(framed))} ({_percent(share)}) {_have(len(framed))} a frame or margin of one colour",
            _some(framed),
            without(report, "cuts frames off"),
            pictures=framed[: 2 * SHOWN],
        )
    small = [name for facts in report.splits for name in facts.small]
    if small:
        yield Finding(
            "small",
            45 if len(small) / _total(report) > 0.01 else 25,
            f"{_pictures(len(small))} {_have(len(small))} a side of less than {SMALLEST_SIDE} pixels",
            _some(small),
            without(report, "leaves them out"),
            pictures=small[: 2 * SHOWN],
        )
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
                f"{anew(report)}, or read {NAMES[facts.split]}'s figures as those of things never seen",
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
    own = [each for each in report.coverage if each.bins == OWN]
    if own[0].rare and report.limit is None:
        rare = [f"bin {index}: {share:.4%}" for index, share in enumerate(own[0].shares) if share < RARE]
        yield Finding(
            "rare-bins",
            15,
            f"{own[0].rare} of {own[0].count} colour bins have less than {RARE:.2%} of the pixels",
            _some(rare),
            f"train with fewer bins (tinct train --bins {max(2, own[0].count - own[0].rare)}), or give more "
            "photographs of these colours",
        )
    pictures = {facts.split: facts.pictures for facts in report.splits}
    for each in own[1:]:
        if each.shift > SHIFTED and pictures[each.split] >= FEW_TO_VALIDATE:
            yield Finding(
                "shift",
                45,
                f"{NAMES[each.split]} has other colours than {NAMES[base.split]}: {each.shift:.0%} of its pixels would "
                "have to change",
                _shifts(own[0].shares, each.shares, each.colors),
                f"{anew(report)}, which splits at random; or say that {NAMES[each.split]} is of another kind",
            )


def _models(report: DataReport) -> Iterator[Finding]:
    for each in report.coverage:
        if each.bins == OWN or each.split != report.splits[0].split:
            continue
        if each.shift > FOREIGN or each.far > 0.02:
            yield Finding(
                "foreign-bins",
                40,
                f"the colour bins of {each.bins} are those of other pictures",
                [
                    f"{each.shift:.0%} of the pixels lie in other bins than where {each.bins} learned",
                    f"{each.far:.1%} lie more than {FAR} grid cells from their bin's centre",
                    f"{each.rare} of its {each.count} bins have less than {RARE:.2%} of the pixels",
                ],
                f"train with bins of your own (without --init {each.bins})",
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
