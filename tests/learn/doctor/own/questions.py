"""Trainings with the faults of questions in public threads, each rebuilt in a few lines of its own.

The address is where the question was asked. Data stand in for what the askers had: spectrograms, pictures, tables.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from learn.doctor.own.broken_trainings import as_numbers, loader, net, pictures

SGD = torch.optim.SGD


def spectrograms(count=200, *, classes=3):
    """Noisy time-frequency planes (N, 1, 24, 20) with one louder band, and its number."""
    random = torch.Generator().manual_seed(5)
    labels = torch.randint(classes, (count,), generator=random)
    values = torch.randn(count, 1, 24, 20, generator=random)
    for label in range(classes):
        values[labels == label, :, 8 * label : 8 * label + 4] += 1.5
    return values, labels


def audio_net(outputs, *, end=None, width=8):
    torch.manual_seed(2)
    layers = [nn.Conv2d(1, width, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 3), nn.ReLU()]
    layers += [nn.AdaptiveAvgPool2d((4, 1)), nn.Flatten(), nn.Linear(8 * width, outputs)]
    return nn.Sequential(*layers, *([] if end is None else [end]))


def sounds_of_a_town():
    """A tutorial's network for mel spectrograms ends in a softmax, and its loss takes the softmax once more."""
    model, optimizer = audio_net(3, end=nn.Softmax(dim=1)), partial(torch.optim.Adam, lr=1e-3)
    return model, loader(*spectrograms()), nn.CrossEntropyLoss(), {"optimizer": optimizer}


class Recurrent(nn.Module):
    """Reads a plane row by row; its answer is cut off from the graph, to be rid of an error about sizes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.rows, self.last = nn.LSTM(20, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, values):
        seen, _ = self.rows(values[:, 0])
        return torch.sigmoid(self.last(seen[:, -1])).squeeze().detach().requires_grad_()


def squeezed_and_detached():
    values, labels = spectrograms(classes=2)
    return Recurrent(), loader(values, labels.float()), nn.BCELoss(), {"optimizer": partial(torch.optim.Adam, lr=1e-3)}


def linear_regression():
    """Two numbers, one linear layer: its answer is (N, 1), the truth (N,), and a `squeeze()` goes nowhere."""
    random = torch.Generator().manual_seed(0)
    values = 2 * torch.randn(300, 2, generator=random)
    truth = values @ torch.tensor([5.0, 3.0]) + torch.randn(300, generator=random)
    torch.manual_seed(0)
    optimizer = partial(torch.optim.RMSprop, lr=0.05)
    return nn.Linear(2, 1, bias=False), loader(values, truth), nn.MSELoss(), {"optimizer": optimizer}


def sixty_rows():
    """A table of 75 rows of 7 numbers, four layers, and steps that are far too small."""
    random = torch.Generator().manual_seed(1)
    values = torch.rand(150, 7, generator=random)
    labels = (values[:, 0] + values[:, 1] > 1).long()
    torch.manual_seed(3)
    layers = [nn.Linear(7, 60), nn.ReLU(), nn.Linear(60, 100), nn.ReLU(), nn.Linear(100, 30), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(30, 2))
    return model, loader(values, labels, batch=15), nn.CrossEntropyLoss(), {"optimizer": partial(SGD, lr=1e-4)}


def falls_back_to_one_half():
    """Plain descent at a rate at which it ends by naming 0.5 for every picture."""
    model = net(1, end=nn.Sigmoid())
    return model, loader(*as_numbers(pictures())), nn.BCELoss(), {"optimizer": partial(SGD, lr=40.0)}


def one_neuron():
    """Two classes, one neuron, and a softmax over it."""
    model, optimizer = net(1, end=nn.Softmax(dim=1)), partial(torch.optim.Adam, lr=1e-3)
    return model, loader(*as_numbers(pictures())), nn.BCELoss(), {"optimizer": optimizer}


def bytes_of_pictures():
    """Pictures as they were read, 0 to 255, whatever the picture the answer is the same."""
    values, labels = pictures()
    return net(), loader(values * 50 + 128, labels), nn.CrossEntropyLoss(), {"optimizer": partial(SGD, lr=0.01)}


def all_negative():
    """A layer's weights and biases are negative, so that its ReLU gives 0 for every picture."""
    model = net()
    with torch.no_grad():
        model[2].weight.copy_(-model[2].weight.abs())
        model[2].bias.fill_(-0.5)
    optimizer = partial(torch.optim.Adam, lr=1e-3)
    return model, loader(*pictures()), nn.CrossEntropyLoss(), {"optimizer": optimizer}


def backward_of_another(model, optimizer, batch):
    cost = nn.functional.cross_entropy(model(batch[0]), batch[1])
    loss = torch.zeros(1, requires_grad=True)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return cost


def wrong_variable():
    """`backward()` is called on a variable that is not the one that was just computed."""
    more = {"optimizer": partial(torch.optim.Adam, lr=1e-3), "step": backward_of_another}
    return net(), loader(*pictures()), nn.CrossEntropyLoss(), more


def largest_of_one():
    """The training is sound; accuracy is counted by `torch.max` over one output, which always names class 0."""
    more = {"optimizer": partial(torch.optim.Adam, lr=5e-3)}
    return net(1), loader(*as_numbers(pictures())), nn.BCEWithLogitsLoss(), more


# What was asked -> where, what makes the training, and what answers it: a kind that is named first, or words of a fact.
QUESTIONS = {
    "the loss stays the same, urban sounds": (
        "github.com/musikalkemist/pytorchforaudio/issues/9", sounds_of_a_town, "softmax-before-loss"),
    "element 0 of tensors does not require grad": (
        "github.com/FernandoLpz/Text-Classification-LSTMs-PyTorch/issues/9", squeezed_and_detached, "no-gradient"),
    "it fails to converge without weights set by hand": (
        "discuss.pytorch.org/t/50431", linear_regression, "loss-of-all-pairs"),
    "loss not converging on a binary problem": ("discuss.pytorch.org/t/177433", sixty_rows, "rate-low"),
    "low loss, then the same class for all": (
        "datascience.stackexchange.com/questions/28481", falls_back_to_one_half, "rate-high"),
    "softmax with binary cross-entropy": (
        "geek-tips.imtqy.com/articles/557592", one_neuron, "softmax-on-one-output"),
    "the same value whatever goes in": ("pullrequest.ru/10248037", bytes_of_pictures, "unscaled-input"),
    "all predictions 0 or all 1": (
        "blog.csdn.net/weixin_38314865/article/details/106174761", all_negative, "dead-network"),
    "loss stays at 0.69, accuracy at 0.5": (
        "e-com-net.com/article/1619816447322652672", wrong_variable, "no-backward"),
    "the loss falls and accuracy stays at 50 %": (
        "whosebug.com/question/6339715", largest_of_one, "torch.max"),
}  # fmt: skip
