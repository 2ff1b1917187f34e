"""A second set of small trainings with a known fault, and sound ones beside them: written before the doctor saw any."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torch.utils.data import DataLoader

from learn.doctor.own.broken_trainings import (
    ADAM,
    COUNT,
    CROSS,
    LOGITS,
    SQUARES,
    as_numbers,
    eval_mode,
    loader,
    net,
    pictures,
    training,
)

SGD = torch.optim.SGD


class Extractor(nn.Module):
    """Layers and a head; `forward` cuts the head off from the layers."""

    def __init__(self, *, by):
        super().__init__()
        torch.manual_seed(4)
        self.layers = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, 3), nn.ReLU())
        self.head, self.by = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)), by

    def forward(self, values):
        if self.by == "no_grad":
            with torch.no_grad():
                seen = self.layers(values)
        else:
            seen = self.layers(values).data if self.by == "data" else self.layers(values).detach()
        return self.head(seen)


def new_head():
    """The optimizer was made before the head was replaced."""
    model = net()
    model.requires_grad_(True)
    optimizer = SGD(model.parameters(), lr=0.05)
    torch.manual_seed(8)
    model[-1] = nn.Linear(16, 2)
    nn.init.zeros_(model[-1].weight)
    return training(model, optimizer=optimizer)


def clipped(model, optimizer, batch):
    optimizer.zero_grad()
    CROSS(model(batch[0]), batch[1]).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1e-4)
    optimizer.step()


def emptied(model, optimizer, batch):
    loss = CROSS(model(batch[0]), batch[1])
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()


def other_labels(model, optimizer, batch):
    """Only the pictures are mixed."""
    optimizer.zero_grad()
    CROSS(model(batch[0][torch.randperm(len(batch[0]))]), batch[1]).backward()
    optimizer.step()


def in_eval(model, optimizer, batch):
    model.eval()
    optimizer.zero_grad()
    CROSS(model(batch[0]), batch[1]).backward()
    optimizer.step()


class Functional(nn.Module):
    """Dropout as a function that knows nothing of modes."""

    def __init__(self, share):
        super().__init__()
        self.layers, self.share = net(), share

    def forward(self, values):
        seen = self.layers[:-1](values)
        return self.layers[-1](nn.functional.dropout(seen, self.share))


class Rectified(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = net(1, seed=6)
        nn.init.constant_(self.layers[-1].bias, -0.3)

    def forward(self, values):
        return nn.functional.relu(self.layers(values))


class Shared(nn.Module):
    """`[block] * n` is one block, not n."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(3, 4, 3)
        self.blocks = nn.Sequential(*[nn.Conv2d(4, 4, 1), nn.Tanh()] * 8)
        self.last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

    def forward(self, values):
        return self.last(self.blocks(self.first(values)))


class OwnMean(nn.Module):
    """Standardises each picture by itself, and what told the classes apart is gone."""

    def __init__(self):
        super().__init__()
        self.layers = net()

    def forward(self, values):
        spread, mean = torch.std_mean(values, dim=(2, 3), keepdim=True)
        return self.layers((values - mean) / spread)


def own_mean_in_loader():
    values, labels = pictures()
    spread, mean = torch.std_mean(values, dim=(2, 3), keepdim=True)
    return training(data=((values - mean) / spread, labels))


def momentum(value):
    values, labels = pictures()
    model = net(norm=True)
    model[1].momentum = value
    model[0].bias.data.fill_(30.0)
    return training(model, (values, labels), batch=8)


class SameBatch(torch.utils.data.Dataset):
    """Counts to 192, and always gives one of the first 16."""

    def __init__(self):
        self.values, self.labels = pictures()

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        return self.values[index % 16], self.labels[index % 16]


def same_batch():
    batches = DataLoader(SameBatch(), batch_size=16)
    return {"model": net(), "train_loader": batches, "loss": CROSS, "optimizer": ADAM}


def batch_of_one():
    return training(net(norm=True), batch=1, optimizer=partial(SGD, lr=0.1))


def a_few_nans():
    values, labels = pictures()
    values[150, 0, 3, 3] = float("nan")
    return training(data=(values, labels), shuffle=False)


def nan_targets():
    values, _ = pictures()
    truth = values.mean(dim=(2, 3))[:, :1] * 2
    truth[120] = float("nan")
    return training(net(1), (values, truth), loss=SQUARES, shuffle=False)


class BatchMixed(nn.Module):
    """An LSTM that wants time first gets samples first."""

    def __init__(self, *, batch_first):
        super().__init__()
        torch.manual_seed(0)
        self.rows, self.last = nn.LSTM(12, 16, batch_first=batch_first), nn.Linear(16, 2)

    def forward(self, values):
        seen, _ = self.rows(values)
        return self.last(seen[:, -1])


def rows(count=COUNT):
    """Time series (N, 10, 12), of which the last steps of one class are higher."""
    values, labels = torch.randn(count, 10, 12, generator=torch.Generator().manual_seed(2)), torch.arange(count) % 2
    values[labels == 1, :5, :3] += 1.0
    return values, labels


def made_in_forward():
    class Anew(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = net()[:-1]
            self.scale = nn.Parameter(torch.ones(1))
            self.layers.requires_grad_(False)

        def forward(self, values):
            return nn.Linear(16, 2)(self.layers(values)) * self.scale

    return training(Anew())


def no_rate_for_layers():
    model = net()
    nn.init.zeros_(model[-1].weight)
    groups = [{"params": model[:-1].parameters(), "lr": 5e-3}, {"params": model[-1].parameters(), "lr": 0.0}]
    return training(model, optimizer=torch.optim.Adam(groups))


def smooth(count=COUNT):
    """Smooth pictures (N, 3, 25, 25) in gradients of light, one channel brighter."""
    random = torch.Generator().manual_seed(3)
    labels = torch.randint(2, (count,), generator=random)
    across, down = torch.linspace(-1, 1, 25)[None, :], torch.linspace(-1, 1, 25)[:, None]
    slopes = torch.randn(count, 3, 2, 1, 1, generator=random)
    values = slopes[:, :, 0] * across + slopes[:, :, 1] * down + 0.2 * torch.randn(count, 3, 25, 25, generator=random)
    for label in range(2):
        values[labels == label, label] += 0.8
    return values, labels


def reshaped():
    """(H, W, C) brought to (C, H, W) by `reshape`."""
    values, labels = smooth()
    return training(net(), (values.permute(0, 2, 3, 1).reshape(len(values), 3, 25, 25), labels))


def constant_start():
    model = net()
    for each in model.parameters():
        nn.init.zeros_(each)
    return training(model)


def prices():
    """What is asked for is some hundred thousand."""
    values, _ = pictures()
    truth = values.mean(dim=(2, 3))[:, :1] * 60_000 + 300_000
    return training(net(1), (values, truth), loss=SQUARES)


def deep_sigmoid():
    torch.manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(432, 32), nn.Sigmoid()]
    for _ in range(8):
        layers += [nn.Linear(32, 32), nn.Sigmoid()]
    return training(nn.Sequential(*layers, nn.Linear(32, 2)))


def destroyed_in_training():
    """Random channel order in training alone takes away what tells the classes apart."""
    values, labels = pictures(280)
    random = torch.Generator().manual_seed(1)
    mixed = torch.stack([one[torch.randperm(3, generator=random)] for one in values[:192]])
    return training(data=(mixed, labels[:192]), val_loader=loader(values[192:], labels[192:]))


def zero_schedule():
    """A rate that is multiplied by 0.1 after each batch."""
    return training(scheduler=partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.1))


# name -> what makes the training, and the kinds of which one must be named first.
MORE = {
    "no_grad around the layers": (lambda: training(Extractor(by="no_grad")), {"cut-off"}),
    ".data after the layers": (lambda: training(Extractor(by="data")), {"cut-off"}),
    "detach after the layers": (lambda: training(Extractor(by="detach")), {"cut-off"}),
    "head replaced after the optimizer": (new_head, {"optimizer-holds-others"}),
    "schedule to zero": (zero_schedule, {"schedule"}),
    "decay in Adam": (
        lambda: training(optimizer=partial(torch.optim.Adam, lr=5e-3, weight_decay=1.0)), {"weight-decay"}),
    "gradients clipped to nothing": (
        lambda: training(step=clipped, optimizer=partial(SGD, lr=0.1)), {"step-differs"}),
    "zero_grad before step": (lambda: training(step=emptied), {"gradients-emptied"}),
    "inputs mixed in the step": (lambda: training(step=other_labels), {"step-differs"}),
    "eval in the step": (
        lambda: training(eval_mode()["model"].train(), step=in_eval, optimizer=partial(SGD, lr=0.1)),
        {"step-differs", "eval-mode"}),
    "softmax over the batch": (lambda: training(net(end=nn.Softmax(dim=0))), {"samples-mixed"}),
    "LSTM with samples for time": (lambda: training(BatchMixed(batch_first=False), rows()), {"samples-mixed"}),
    "dropout as a function": (lambda: training(Functional(0.95)), {"random-answers"}),
    "ReLU as a function on the output": (
        lambda: training(Rectified(), as_numbers(pictures()), loss=LOGITS), {"relu-on-output"}),
    "each picture standardised in the network": (lambda: training(OwnMean()), {"blind-to-level"}),
    "each picture standardised in the loader": (own_mean_in_loader, {"random-labels"}),
    "momentum of batch norm 0": (lambda: momentum(0.0), {"batch-norm-momentum"}),
    "one batch again and again": (same_batch, {"copies"}),
    "batches of one": (batch_of_one, {"small-batches"}),
    "label smoothing 1": (
        lambda: training(loss=nn.CrossEntropyLoss(label_smoothing=1.0)), {"loss-ignores-labels"}),
    "a class that weighs nothing": (
        lambda: training(loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0.0]))), {"class-ignored"}),
    "a class that is ignored": (lambda: training(loss=nn.CrossEntropyLoss(ignore_index=1)), {"class-ignored"}),
    "NaN in one input": (a_few_nans, {"input-not-finite"}),
    "NaN in one target": (nan_targets, {"target-not-finite"}),
    "(N,) against (N, 1)": (
        lambda: training(nn.Sequential(net(1), nn.Flatten(0)), as_numbers(pictures()), loss=SQUARES),
        {"loss-of-all-pairs"}),
    "loss turned round": (lambda: training(loss=lambda out, truth: -CROSS(out, truth)), {"wrong-sign"}),
    "optimizer climbs": (
        lambda: training(optimizer=partial(torch.optim.Adam, lr=5e-3, maximize=True)), {"wrong-sign"}),
    "layer made in forward": (made_in_forward, {"unregistered", "random-answers"}),
    "a group of rate 0": (no_rate_for_layers, {"uneven-rates"}),
    "reshape for permute": (reshaped, {"reshaped-for-permuted"}),
    "all weights 0": (constant_start, {"bad-start", "dead-network"}),
    "targets of hundred thousands": (prices, {"unscaled-targets"}),
    "ten sigmoids": (deep_sigmoid, {"vanishing-gradients"}),
    "divided by 255 twice": (
        lambda: training(data=(pictures()[0] / 255, pictures()[1]), optimizer=partial(SGD, lr=0.1)),
        {"unscaled-input"}),
    "augmentation takes the label away": (destroyed_in_training, {"random-labels"}),
}  # fmt: skip


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table, self.last = nn.EmbeddingBag(50, 16), nn.Linear(16, 2)

    def forward(self, values):
        return self.last(self.table(values))


def words():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 2
    values = torch.randint(0, 40, (240, 12), generator=random)
    values[labels == 1, :3] += 10
    return values, labels


def several_at_once():
    values, _ = pictures()
    truth = (values.mean(dim=(2, 3)) > values.mean(dim=(2, 3)).median(dim=0).values).float()
    return training(net(3), (values, truth), loss=LOGITS, optimizer=partial(torch.optim.Adam, lr=2e-2), steps=200)


def segments():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, padding=1))
    values, _ = pictures()
    return training(model, (values, (values[:, 0] > values[:, 1]).long()), optimizer=partial(torch.optim.Adam, lr=2e-2))


def autoencoder():
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    values = torch.randn(COUNT, 3, generator=random) @ torch.randn(3, 20, generator=random)
    model = nn.Sequential(nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 20))
    return training(model, (values, values.clone()), loss=SQUARES, optimizer=partial(torch.optim.Adam, lr=2e-2))


MORE_SOUND = {
    "LSTM": lambda: training(BatchMixed(batch_first=True), rows()),
    "cross-entropy on logarithms": lambda: training(net(end=nn.LogSoftmax(dim=1))),
    "words": lambda: training(Words(), words(), optimizer=partial(torch.optim.Adam, lr=2e-2)),
    "several at once": several_at_once,
    "segments": segments,
    "autoencoder": autoencoder,
    "some smoothing": lambda: training(loss=nn.CrossEntropyLoss(label_smoothing=0.1)),
    "class weights": lambda: training(loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0]))),
    "frozen layers that do": lambda: training(
        nn.Sequential(net()[:-1].requires_grad_(False), nn.Linear(16, 2)),
        optimizer=partial(torch.optim.Adam, lr=2e-2)),
    "dropout": lambda: training(nn.Sequential(net()[:-1], nn.Dropout(0.3), nn.Linear(16, 2))),
    "gradients clipped": lambda: training(step=partial(_clipped_soundly)),
    "a slow schedule": lambda: training(scheduler=partial(torch.optim.lr_scheduler.StepLR, step_size=40, gamma=0.5)),
    "instance norm inside": lambda: training(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.GroupNorm(4, 16), nn.ReLU(),
                      nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2))),
    "one block eight times, which will do": lambda: training(Shared()),
}  # fmt: skip


def _clipped_soundly(model, optimizer, batch):
    optimizer.zero_grad()
    CROSS(model(batch[0]), batch[1]).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
