"""Turn what was measured of labelled pictures into findings about them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinct.color.inputs import PICTURE
from tinct.data.file_losses import FileFacts, names_of
from tinct.data.findings import are, pictures
from tinct.learn.doctor.evidence import VERY_UNEVEN
from tinct.learn.doctor.examination import Examination
from tinct.learn.doctor.findings import Finding, percent

ALL_GREY = 0.9  # a folder is grey from this share of grey pictures on; in a few, JPEG artefacts or borders have colour
SOME_GREY = 0.05  # from this share of grey pictures on, they are mentioned
UNEVEN = 3.0  # classes are uneven if the largest has this many times the pictures of the smallest
# A class with fewer pictures cannot be judged: 10 to measure on give an interval of 40 percentage points.
FEWEST_OF_A_CLASS = 20
STILL_RISING = 0.03  # more pictures would help if doubling their number brought at least this much accuracy
MANY = 0.01  # from this share on, copies or contradictions change the accuracy visibly
FEW_COLORS = 32  # a palette has collapsed if a picture has at most this many colours, at least `WIDE_GAP` levels apart
WIDE_GAP = 4.0  # a plain picture has few colours too, but close together
ONE_COLOR = 0.6  # a palette has also collapsed if one colour fills this share of a picture
CUT_OFF = 0.3  # pictures are saturated if this share of their pixels has a channel at the end of its range
FINE = 0.9  # if plain statistics are this accurate, the pictures are good enough


def data_findings(examined: Examination) -> Iterator[Finding]:
    """Judge the data."""
    rules = (_contradictions, _leaks, _unread, _grey, _labels, _balance, _few, _files, _palette)
    for rule in rules:
        yield from rule(examined)


def _contradictions(examined: Examination) -> Iterator[Finding]:
    if examined.twins:
        count, total = len(examined.twins), len(examined.loaded.labelled.paths)
        pixels = examined.loaded.compared
        # Pictures that look alike by hash and detail may still differ.
        same = all(np.array_equal(pixels[one], pixels[other]) for one, other in examined.twins)
        yield Finding(
            "contradictions",
            85 if count > MANY * total else 60,
            f"{pictures(count)} of {total} {are(count)} in two classes at once"
            if same
            else f"{pictures(count)} of {total} {'look' if count > 1 else 'looks'} like one of another class",
            names_of(examined.loaded.labelled.paths, examined.twins),
            "look at each pair and delete it from the class that it does not belong to"
            if same
            else "look at each pair: if both are the same picture, keep it only in the class that it belongs to; "
            "if they differ, keep both",
            sure=same,
        )


def _leaks(examined: Examination) -> Iterator[Finding]:
    if examined.leaks:
        yield Finding(
            "leak",
            80,
            f"{pictures(examined.leaks)} of val/ or test/ {are(examined.leaks)} also in train/",
            ["found by the details that set them apart from other pictures; scores measured on them are too high"],
            "put both pictures of a pair on one side, or put all pictures into one folder and let tinct split it",
        )
    inside = examined.copies - examined.leaks
    total = len(examined.groups)
    if inside > MANY * total and not examined.twins:
        yield Finding(
            "copies",
            20,
            f"{pictures(inside)} of {total} are copies of others",
            ["when tinct splits, it keeps copies on one side; a random split does not, and scores get too high"],
            "split with tinct classify train, or keep both pictures of a pair on one side",
        )


def _unread(examined: Examination) -> Iterator[Finding]:
    left_out, labelled = examined.loaded.left_out, examined.loaded.labelled
    if left_out:
        share = len(left_out) / (len(left_out) + len(examined.groups))
        yield Finding(
            "unreadable",
            60 if share > 5 * MANY else 25,
            f"{pictures(len(left_out))} cannot be read ({percent(share)})",
            [f"{path}: {reason}" for path, reason in left_out[:4]],
            "copy or download the files again, or delete them",
        )
    if empty := labelled.empty:
        yield Finding(
            "empty-class",
            25,
            f"{len(empty)} {'subfolders hold' if len(empty) > 1 else 'subfolder holds'} no pictures",
            [f"not a class, since it is empty: {name}" for name in empty[:6]],
            "put pictures in a format that tinct reads into it, or move it away",
        )
    if films := labelled.films:
        yield Finding(
            "films",
            25,
            f"{len(films)} {'films' if len(films) > 1 else 'film'} among the pictures, not read",
            [str(path) for path in films[:4]],
            "save single frames as pictures: ffmpeg -i FILM -vf fps=1 frame-%04d.png",
        )


def is_grey(examined: Examination) -> bool:
    """Return whether practically all pictures are grey."""
    return bool(examined.grey.mean() >= ALL_GREY)


def _grey(examined: Examination) -> Iterator[Finding]:
    share = float(examined.grey.mean())
    if examined.loaded.labelled.kind != PICTURE or share < SOME_GREY:
        return
    labels = examined.loaded.labelled.labels
    by_class = {
        name: float(examined.grey[labels == index].mean())
        for index, name in enumerate(examined.loaded.labelled.classes)
    }
    evidence = [f"{name}: {percent(value)} without colour" for name, value in by_class.items()]
    if is_grey(examined):
        # If brightness and shapes tell the classes apart, a failing training has another cause.
        hopeless = not examined.telling or (examined.failing and float(examined.reference.mean()) < FINE)
        evidence.append(_tell(examined))
        yield Finding(
            "grey-pictures",
            95 if hopeless else 40,
            "the pictures are grey: " + ("any difference in colour between the classes is lost" if hopeless else
                                         "classes can only be told apart by brightness and shapes"),
            evidence,
            "make the pictures again in colour; draw spectrograms with a colour map, or train on the arrays (.npy)",
        )  # fmt: skip
    elif max(by_class.values()) - min(by_class.values()) > 0.5:
        yield Finding(
            "grey-by-class",
            55,
            "some classes are grey and others are not: a network needs to learn nothing else",
            evidence,
            "find out whether the class itself is grey, or its pictures were made so; if so, make all pictures alike",
            sure=False,
        )
    else:
        yield Finding(
            "some-grey",
            45 if examined.failing else 25,
            f"{percent(share)} of the pictures are grey",
            evidence,
            "leave them out if the classes differ in colour",
        )


def _tell(examined: Examination) -> str:
    test = examined.test
    best = test.names[int(np.argmax(test.accuracies))]
    return (
        f"the best of {len(test.names)} plain classifiers ({best}) is right in {percent(test.best)} of {test.count} "
        f"pictures (leave-one-out); with shuffled labels, 95 of 100 tries reach at most {percent(test.detectable)} "
        f"(p = {test.p:.3f})"
    )


def _labels(examined: Examination) -> Iterator[Finding]:
    test = examined.test
    if is_grey(examined) or examined.beats_chance:
        return
    if not examined.telling:
        evidence = [_tell(examined)]
        if examined.asked is not None:
            evidence.append(
                f"the network is right in {percent(examined.asked.accuracy)}; chance is {percent(examined.chance)}"
            )
        if any(heart.known for heart in examined.probed.hearts):
            evidence.append("the network can learn one batch by heart, so the network is not at fault")
        # If pictures are few, or their files have lost something, that is likelier, and comes first.
        lost = examined.files is not None and _collapsed(examined.files)
        yield Finding(
            "random-labels",
            55 if lost or min(examined.counts.values()) < FEWEST_OF_A_CLASS else 90,
            "no simple test tells the classes apart: labels may be random, or were mixed up",
            evidence,
            "look at ten pictures of each class with their labels; if the labels are right, the classes differ in "
            "something subtler than colours, layout and textures, or in something that the pictures do not show",
            sure=False,
        )
    elif test.best < 0.5 * (1 + 1 / examined.classes) and float(examined.reference.mean()) < FINE:
        yield Finding(
            "overlap",
            40,
            f"the classes overlap: plain classifiers reach {percent(test.best)}, better than chance but not by much",
            [_tell(examined)],
            "more may be impossible; look at the pictures that are named wrongly, and at how labels were made",
            sure=False,
        )


def _balance(examined: Examination) -> Iterator[Finding]:
    counts = examined.counts
    most, least = (choose(counts, key=counts.__getitem__) for choose in (max, min))
    ratio = counts[most] / max(1, counts[least])
    if ratio < UNEVEN:
        return
    share = counts[most] / sum(counts.values())
    yield Finding(
        "unbalanced",
        50 if ratio >= VERY_UNEVEN else 20,
        f"{most} has {ratio:.0f} times as many pictures as {least}",
        [
            f"{most}: {counts[most]}, {least}: {counts[least]}",
            f"always naming {most} is right in {percent(share)}: an accuracy near that means nothing",
        ],
        "tinct weights classes equally in training; judge by the balanced accuracy, and add pictures of rare classes",
    )


def _few(examined: Examination) -> Iterator[Finding]:
    few = {name: count for name, count in examined.counts.items() if count < FEWEST_OF_A_CLASS}
    half, whole = examined.curve[-2:]
    rising = whole.accuracy - half.accuracy >= max(STILL_RISING, 2 * whole.error) and examined.telling
    line = ", ".join(f"{percent(point.accuracy)} with {point.count}" for point in examined.curve)
    if few:
        yield Finding(
            "too-few",
            65 if examined.failing or not examined.telling else 45,
            f"{len(few)} of {examined.classes} classes {'has' if len(few) == 1 else 'have'} fewer than "
            f"{FEWEST_OF_A_CLASS} pictures",
            [*(f"{name}: {count}" for name, count in list(few.items())[:6]), f"plain classifier: {line} pictures"],
            f"give at least {FEWEST_OF_A_CLASS} pictures of each class, better 100",
        )
    elif rising:
        yield Finding(
            "more-would-help",
            35 if whole.accuracy < FINE else 10,
            "more pictures would help: accuracy still rises with their number",
            [f"plain classifier: {line} pictures"],
            "add pictures, or augment those you have more (mirrored, moved, lighter and darker)",
        )


def _files(examined: Examination) -> Iterator[Finding]:
    facts = examined.files
    if facts is None or facts.jpeg < 0.5 or is_grey(examined):
        return
    colors = examined.test.accuracies[examined.test.names.index("colors")]
    coarse = facts.chroma_step > facts.chroma_apart
    lost = not examined.telling
    if colors >= FINE or not (coarse or (lost and facts.halved >= 0.5)):
        return
    evidence = [
        f"{percent(facts.jpeg)} of {facts.count} files are JPEG, {percent(facts.halved)} with chroma at half size",
        f"the mean chroma of a block is stored in steps of {facts.chroma_step:.1f} levels (of 255); the mean chroma of "
        f"the classes differs by {facts.chroma_apart:.1f} levels",
        f"by colours alone, {percent(colors)} are right",
    ]
    yield Finding(
        "jpeg-chroma",
        75 if lost else 45,
        "JPEG may have erased the difference in colour: "
        + (
            "its chroma steps are larger than the difference"
            if coarse
            else "chroma is stored at half resolution, without fine stripes"
        ),
        evidence,
        "save as PNG, or as JPEG of quality 95 with 4:4:4 chroma; what these files have lost cannot be recovered",
        sure=False,
    )


def _palette(examined: Examination) -> Iterator[Finding]:
    facts = examined.files
    if facts is None or is_grey(examined) or float(examined.reference.mean()) >= FINE:
        return
    if _collapsed(facts):
        yield Finding(
            "collapsed-palette",
            70 if not examined.telling else 40,
            f"half of the pictures have at most {facts.colors} colours"
            if facts.commonest < ONE_COLOR
            else f"one colour fills {percent(facts.commonest)} of a picture",
            [
                f"median of {facts.count} files: {facts.colors} colours, the commonest in {percent(facts.commonest)} "
                "of the pixels"
            ],
            "use all colours of the colour map and a range that the values fill, and save as PNG in full colour",
            sure=False,
        )
    elif facts.cut >= CUT_OFF:
        yield Finding(
            "saturated",
            45,
            f"in {percent(facts.cut)} of the pixels one channel or two are at the end of their range",
            [f"median of {facts.count} files; values beyond the range are lost, and hues with them"],
            "lower the exposure or the saturation, or widen the range of the colour map",
            sure=False,
        )


def _collapsed(facts: FileFacts) -> bool:
    return facts.commonest >= ONE_COLOR or (facts.colors <= FEW_COLORS and facts.gap >= WIDE_GAP)
