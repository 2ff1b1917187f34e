"""A third set of small trainings with a known fault, and sound ones: written before the doctor saw any."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from learn.doctor.own.broken_trainings import CROSS, as_numbers, loader, net, pictures, training
from learn.doctor.own.more_trainings import SGD, BatchMixed, rows


class Rounded(nn.Module):
    """Whole numbers between the layers and the head, of which the gradient is 0."""

    def __init__(self, steps):
        super().__init__()
        torch.manual_seed(4)
        layers = nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Tanh()
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head, self.steps = nn.Linear(2, 2), steps

    def forward(self, values):
        return self.head(self.steps(self.layers(values)))


def wrapped_anew(outputs, truth):
    return torch.tensor(CROSS(outputs, truth).item(), requires_grad=True)


class FirstStep(BatchMixed):
    """Answers from the first step of a series, before it has seen the rest."""

    def forward(self, values):
        return self.last(self.rows(values)[0][:, 0])


def late_rows():
    values, labels = rows()
    return values.flip(1), labels


class Corner(nn.Module):
    """Looks at the upper left quarter of a picture."""

    def __init__(self):
        super().__init__()
        self.layers = net()

    def forward(self, values):
        return self.layers(values[:, :, :12, :12])


def in_the_other_corner():
    values, labels = pictures()
    larger = torch.randn(len(values), 3, 24, 24, generator=torch.Generator().manual_seed(1))
    larger[:, :, 12:, 12:] = values
    return larger, labels


def other_order_of_classes():
    """The validation counts its classes in another order."""
    values, labels = pictures(400, seed=5, classes=3)
    others = torch.tensor([2, 0, 1])[labels[200:]]
    return training(net(3), (values[:200], labels[:200]), val_loader=loader(values[200:], others))


class Clamped(nn.Module):
    """Cuts answers off at 0 and 1, from weights with which all lie below."""

    def __init__(self):
        super().__init__()
        self.layers = net(1)
        nn.init.constant_(self.layers[-1].bias, -3)

    def forward(self, values):
        return self.layers(values).clamp(0, 1)


class Penalised:
    """Adds the weights' squares to the loss, ten times."""

    def __init__(self, model):
        self.model = model

    def __call__(self, outputs, truth):
        return CROSS(outputs, truth) + 10 * sum(weight.square().sum() for weight in self.model.parameters())


def penalised():
    model = net()
    return training(model, loss=Penalised(model))


class Attention(nn.Module):
    """Averages what attention makes of a series."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.TransformerEncoderLayer(12, 2, 24, 0.1, batch_first=True)
        self.last = nn.Linear(12, 2)

    def forward(self, values):
        return self.last(self.layers(values).mean(dim=1))


def rising(optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 20))


def soft_labels():
    values, labels = pictures(classes=3)
    return training(net(3), (values, 0.8 * nn.functional.one_hot(labels, 3).float() + 0.2 / 3))


def normed_in_groups():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1)
    )
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.5]))
    return training(
        model, as_numbers(pictures()), loss=loss, optimizer=partial(SGD, lr=0.1, momentum=0.9, nesterov=True)
    )


# name -> what makes the training, and the kinds of which one must be named first.
THIRD = {
    "rounded between layers": (lambda: training(Rounded(torch.round)), {"cut-off"}),
    "loss wrapped anew": (lambda: training(loss=wrapped_anew), {"no-gradient"}),
    "first step of a series": (lambda: training(FirstStep(batch_first=True), late_rows()), {"part-unseen"}),
    "the wrong corner": (lambda: training(Corner(), in_the_other_corner()), {"part-unseen"}),
    "other order of classes in validation": (other_order_of_classes, {"class-order-differs"}),
    "NLL on shares": (lambda: training(net(end=nn.Softmax(dim=1)), loss=nn.NLLLoss()), {"loss-wants-logarithms"}),
    "clamped answers": (lambda: training(Clamped(), as_numbers(pictures()), loss=nn.BCELoss()), {"clamp-on-output"}),
    "a penalty ten times too large": (penalised, {"penalty-outweighs"}),
}

THIRD_SOUND = {
    "attention with a rate that rises first": lambda: training(
        Attention(), rows(), optimizer=partial(torch.optim.AdamW, lr=5e-3), scheduler=rising
    ),
    "soft labels": soft_labels,
    "norms of groups": normed_in_groups,
}
