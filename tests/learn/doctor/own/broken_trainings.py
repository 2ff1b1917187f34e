"""Small trainings of which the fault is known: each fault alone, two at once, none."""

from __future__ import annotations

from functools import partial

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

COUNT, EDGE = 192, 12
CROSS = nn.CrossEntropyLoss()
ADAM = partial(torch.optim.Adam, lr=5e-3)


def pictures(count=COUNT, *, seed=0, classes=2):
    """Noisy pictures (N, 3, 12, 12) of about mean 0 and spread 1, and labels: one channel is a little brighter."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=random)
    values = torch.randn(count, 3, EDGE, EDGE, generator=random)
    values += 0.7 * torch.randn(count, 1, 1, 1, generator=random)  # lighter and darker ones
    for label in range(classes):
        values[labels == label, label % 3] += 0.8
    return values, labels


def net(outputs=2, *, width=8, norm=False, end=None, seed=1):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, width, 3, stride=2), nn.ReLU(), nn.Conv2d(width, 2 * width, 3), nn.ReLU()]
    if norm:
        layers.insert(1, nn.BatchNorm2d(width))
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, outputs)]
    return nn.Sequential(*layers, *([end] if end is not None else []))


def loader(values, targets, *, batch=32, shuffle=True):
    generator = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(values, targets), batch_size=batch, shuffle=shuffle, generator=generator)


def training(model=None, data=None, *, loss=CROSS, optimizer=ADAM, batch=32, shuffle=True, **others):
    values, labels = data or pictures()
    return {
        "model": net() if model is None else model,
        "train_loader": loader(values, labels, batch=batch, shuffle=shuffle),
        "loss": loss, "optimizer": optimizer, **others,
    }  # fmt: skip


def as_numbers(data, *, column=True):
    values, labels = data
    return values, labels.float()[:, None] if column else labels.float()


class Hidden(nn.Module):
    """Its only layers that could learn stand in a plain list."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.blocks = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)]
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, values):
        for block in self.blocks:
            values = block(values)
        return values * self.scale


class Cut(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, values):
        return self.net(values).detach().requires_grad_()


def unscaled():
    values, labels = pictures()
    return training(data=(values * 60 + 128, labels), optimizer=partial(torch.optim.SGD, lr=0.01))


def shuffled_labels():
    values, labels = pictures()
    return training(data=(values, labels[torch.randperm(COUNT, generator=torch.Generator().manual_seed(3))]))


def grey():
    values, labels = pictures()
    light = torch.randn(COUNT, 1, EDGE, EDGE, generator=torch.Generator().manual_seed(9))
    del values
    return training(data=(light.repeat(1, 3, 1, 1), labels))


def optimizer_of_another():
    old, new = net(seed=5), net()
    return training(new, optimizer=torch.optim.Adam(old.parameters(), lr=5e-3))


def frozen():
    """Everything is frozen but the last bias."""
    model = net()
    model.requires_grad_(False)
    model[-1].bias.requires_grad_(True)
    return training(model)


def dead():
    model = net()
    nn.init.constant_(model[2].bias, -100.0)
    return training(model)


def eval_mode():
    values, labels = pictures()
    model = net(norm=True)
    model[1].running_var.fill_(1e6)
    return training(model.eval(), (values, labels), optimizer=partial(torch.optim.SGD, lr=0.1))


def by_class():
    values, labels = pictures()
    order = labels.argsort()
    return values[order], labels[order]


def unshuffled():
    return training(net(), by_class(), shuffle=False, optimizer=partial(torch.optim.SGD, lr=0.3))


def leak():
    values, labels = pictures(260)
    return training(data=(values[:192], labels[:192]), val_loader=loader(values[150:240], labels[150:240]))


def sum_of_losses():
    loss = nn.CrossEntropyLoss(reduction="sum")
    return training(loss=loss, optimizer=partial(torch.optim.SGD, lr=0.4))


def pretrained_on_other_input():
    values, labels = pictures()
    model = net(norm=True)
    with torch.no_grad():
        for _ in range(60):
            model.train()(values)
    return training(model.eval(), (values * 0.226 + 0.449, labels), optimizer=partial(torch.optim.SGD, lr=0.02))


def forgotten_zero_grad(model, optimizer, batch):
    CROSS(model(batch[0]), batch[1]).backward()
    optimizer.step()


def forgotten_step(model, optimizer, batch):
    optimizer.zero_grad()
    CROSS(model(batch[0]), batch[1]).backward()


def sound_step(model, optimizer, batch):
    optimizer.zero_grad()
    CROSS(model(batch[0]), batch[1]).backward()
    optimizer.step()


def narrow():
    values, labels = pictures(240, classes=3)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1, bias=False), nn.ReLU(), nn.Linear(1, 3)
    )
    return training(model, (values, labels))


def val_normalised_otherwise():
    values, labels = pictures(260)
    held = loader(values[192:] * 0.25 + 3, labels[192:])
    return training(data=(values[:192], labels[:192]), val_loader=held)


def dropped():
    """Digits of which hardly anything reaches the layers behind."""
    data = load_digits()
    values, labels = torch.tensor(data.images[:, None] / 16, dtype=torch.float32), torch.tensor(data.target).long()
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.98)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 16, 10)),
    )
    return training(model, (values, labels), optimizer=partial(torch.optim.Adam, lr=1e-3))


def one_class():
    values, _ = pictures()
    return training(data=(values, torch.zeros(COUNT, dtype=torch.long)))


def contradictions():
    values, labels = pictures()
    return training(data=(torch.cat([values, values[:60]]), torch.cat([labels, 1 - labels[:60]])))


SQUARES, LOGITS = nn.MSELoss(), nn.BCEWithLogitsLoss()
# name -> what makes the training, and the kinds of which one must be named first.
ALONE = {
    "0..255": (unscaled, {"unscaled-input"}),
    "rate too high": (lambda: training(optimizer=partial(torch.optim.SGD, lr=50.0)), {"rate-high"}),
    "rate too low": (lambda: training(optimizer=partial(torch.optim.Adam, lr=1e-7)), {"rate-low"}),
    "shuffled labels": (shuffled_labels, {"random-labels"}),
    "grey": (grey, {"grey-pictures"}),
    "softmax before cross-entropy": (lambda: training(net(end=nn.Softmax(dim=1))), {"softmax-before-loss"}),
    "BCE with logits on probabilities": (
        lambda: training(net(1, end=nn.Sigmoid()), as_numbers(pictures()), loss=LOGITS), {"sigmoid-before-loss"}),
    "softmax on one output": (
        lambda: training(net(1, end=nn.Softmax(dim=1)), as_numbers(pictures()), loss=nn.BCELoss()),
        {"softmax-on-one-output"}),
    "NLL on logits": (lambda: training(loss=nn.NLLLoss()), {"loss-wants-logarithms"}),
    "MSE of (N, 1) and (N,)": (
        lambda: training(net(1), as_numbers(pictures(), column=False), loss=SQUARES), {"loss-of-all-pairs"}),
    "sum for mean": (sum_of_losses, {"loss-is-a-sum"}),
    "no reduction": (lambda: training(loss=nn.CrossEntropyLoss(reduction="none")), {"loss-not-one-number"}),
    "float labels": (lambda: training(data=as_numbers(pictures(), column=False)), {"label-form"}),
    "labels from 1": (lambda: training(data=(pictures()[0], pictures()[1] + 1)), {"labels-out-of-range"}),
    "dead": (dead, {"dead-network"}),
    "frozen": (frozen, {"frozen"}),
    "hidden in a list": (lambda: training(Hidden()), {"unregistered"}),
    "optimizer of another model": (optimizer_of_another, {"optimizer-holds-others"}),
    "detached": (lambda: training(Cut()), {"no-gradient"}),
    "eval mode": (eval_mode, {"eval-mode"}),
    "no shuffling": (unshuffled, {"no-shuffling"}),
    "too few epochs": (lambda: training(epochs=1, optimizer=partial(torch.optim.Adam, lr=2e-3)), {"too-few-epochs"}),
    "too small": (narrow, {"too-small"}),
    "leak": (leak, {"leak"}),
    "validation normalised otherwise": (val_normalised_otherwise, {"validation-differs"}),
    "one class": (one_class, {"one-class"}),
    "in two classes at once": (contradictions, {"contradictions"}),
    "not the pretrained input": (pretrained_on_other_input, {"not-the-pretrained-input"}),
    "weight decay": (
        lambda: training(optimizer=partial(torch.optim.SGD, lr=0.1, weight_decay=5.0)), {"weight-decay"}),
    "dropout": (dropped, {"dropout"}),
    "no zero_grad": (lambda: training(step=forgotten_zero_grad), {"no-zero-grad"}),
    "no step": (lambda: training(step=forgotten_step), {"no-step"}),
}  # fmt: skip


# Both kinds must be among the first two.
TWO = {
    "0..255 and softmax before cross-entropy": (
        lambda: training(net(end=nn.Softmax(dim=1)), (pictures()[0] * 60 + 128, pictures()[1]),
                         optimizer=partial(torch.optim.SGD, lr=0.3)), {"unscaled-input", "softmax-before-loss"}),
    "sorted and BCE with logits on probabilities": (
        lambda: training(net(1, end=nn.Sigmoid()), as_numbers(by_class()),
                         loss=LOGITS, shuffle=False, optimizer=partial(torch.optim.SGD, lr=0.3)),
        {"no-shuffling", "sigmoid-before-loss"}),
    "optimizer of another model at a rate too high": (
        lambda: {**optimizer_of_another(), "optimizer": torch.optim.SGD(net(seed=5).parameters(), lr=50.0)},
        {"optimizer-holds-others", "rate-high"}),
}  # fmt: skip


def regression():
    values, _ = pictures()
    truth = values.mean(dim=(2, 3))[:, :1] * 2
    return training(net(1), (values, truth), loss=SQUARES)


HEALTHY = {
    "cross-entropy": training,
    "batch norm": lambda: training(net(norm=True)),
    "its own step": lambda: training(step=sound_step),
    "BCE with logits": lambda: training(net(1), as_numbers(pictures()), loss=LOGITS),
    "BCE on probabilities": lambda: training(net(1, end=nn.Sigmoid()), as_numbers(pictures()), loss=nn.BCELoss()),
    "sigmoid with MSE that learns": lambda: training(
        net(1, end=nn.Sigmoid()), as_numbers(pictures()), loss=SQUARES, optimizer=partial(torch.optim.Adam, lr=2e-2)),
    "regression": regression,
    "one-hot": lambda: training(data=(pictures()[0], nn.functional.one_hot(pictures()[1]).float())),
    "NLL on logarithms": lambda: training(net(end=nn.LogSoftmax(dim=1)), loss=nn.NLLLoss()),
    "validation of its own": lambda: training(
        data=tuple(each[:192] for each in pictures(280)), val_loader=loader(*(each[192:] for each in pictures(280)))),
}  # fmt: skip
