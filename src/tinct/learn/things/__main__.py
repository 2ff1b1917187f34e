"""Prepare samples, and train on them: the commands of the package."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from tinct.learn.things.export import initial_weights, write
from tinct.learn.things.fit import Fitting, Pair, fit, measure, standardise
from tinct.learn.things.head import ThingHead
from tinct.learn.things.samples import SIZE, Sample, held, look, prepare
from tinct.runtime.session import Session
from tinct.runtime.thing import FEATURES

_MEANS = 75  # samples from which the features' mean and deviation are computed, at most
_MEASURED = 150  # samples that the result is measured on, at most


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tinct.learn.things", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    first = steps.add_parser("prepare", help="make samples of photographs IMAGES/NAME.jpg with masks MASKS/NAME.png")
    first.add_argument("images", type=Path)
    first.add_argument("masks", type=Path)
    first.add_argument("samples", type=Path)
    first.add_argument("--as", dest="name", required=True, help="prefix of the samples' names")
    first.add_argument("--no-rest", action="store_true", help="level 0 of a mask is a thing like the others")
    second = steps.add_parser("train", help="train on samples, and write the model file")
    second.add_argument("samples", type=Path)
    second.add_argument("-o", "--output", type=Path, required=True)
    second.add_argument("--model", default="photo", help="colorizing model whose features are used")
    second.add_argument("--seen", type=Path, help="folder for these features; default: SAMPLES/seen")
    second.add_argument("--minutes", type=float, default=40, help="length of the training, without the features")
    second.add_argument("--most", type=int, default=100_000, help="number of samples used, at most")
    second.add_argument("--bfloat16", action="store_true", help="compute in this format; quick on newer processors")
    second.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    second.add_argument("--initial", type=Path, help="an earlier file, whose weights are the initial ones")
    second.add_argument("--parted", default="", help="kinds whose parts have different colours, as NAME:KIND,...")
    second.add_argument(
        "--certain", type=float, default=0.0, help="log odds at which a pixel counts as half the thing's"
    )
    second.add_argument("--look", type=int, default=SIZE, help="root of height x width at which the model is used")
    second.add_argument("--licences", default="", help="licences of the photographs, for the card")
    options = parser.parse_args()
    if options.step == "prepare":
        rest = not options.no_rest
        print(prepare(options.images, options.masks, options.samples, name=options.name, rest=rest), "samples")
    else:
        train(options)


def train(options: argparse.Namespace) -> None:
    session = Session(options.model, runtime="onnxruntime")
    paths = sorted(options.samples.glob("*.npz"))
    paths = paths[:: -(-len(paths) // options.most)]
    parted = dict(item.split(":") for item in options.parted.split(",") if item)
    pairs: dict[str, list[Pair]] = {}
    measured: list[Pair] = []
    for path, seen in zip(paths, look(paths, session, options.seen or options.samples / "seen"), strict=True):
        source = path.stem.partition("_")[0]
        kinds = frozenset({int(parted[source])}) if source in parted else frozenset[int]()
        (measured if held(path) else pairs.setdefault(source, [])).append(_pair(path, seen, kinds))
    everything = [pair for several in pairs.values() for pair in several]
    head = ThingHead({name: len(everything[0][1][name]) for name in FEATURES})
    standardise(head, [seen for _, seen in everything[:: max(1, len(everything) // _MEANS)]])
    if options.initial:
        own = head.state_dict()
        head.load_state_dict(own | {name: of for name, of in initial_weights(options.initial).items() if name in own})
    how = Fitting(minutes=options.minutes, rate=options.rate, bfloat16=options.bfloat16)
    fit(head, lambda generator: _drawn(pairs, generator), how, report=lambda *told: print(*told, flush=True))
    metrics = measure(head, measured[:: max(1, len(measured) // _MEASURED)])
    sets = {source: len(several) for source, several in pairs.items()}
    data = {"samples": sets, "licences": options.licences}
    write(head, session, options.output, size=options.look, certain=options.certain, data=data, metrics=metrics)
    print(metrics)


def _pair(path: Path, seen: Path, parted: frozenset[int]) -> Pair:
    with np.load(seen) as file:
        features = {name: file[name] for name in FEATURES}
    return Sample.read(path, parted=parted), features


def _drawn(pairs: dict[str, list[Pair]], generator: np.random.Generator) -> Pair:
    """Draw a picture, from each set in proportion to the root of its size."""
    weights = np.sqrt([len(several) for several in pairs.values()])
    several = list(pairs.values())[generator.choice(len(weights), p=weights / weights.sum())]
    return several[generator.integers(len(several))]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
