"""Networks as people write them: none of this package's architectures."""

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """The basic block of a residual network, in the layout that torchvision made common."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A stem, stages of two blocks and a linear layer `fc`; widths (64, 128, 256, 512) is 18."""

    def __init__(self, widths=(8, 16), classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        before = (widths[0], *widths)
        self.stages = nn.ModuleList(
            nn.Sequential(Block(a, b, 1 if i == 0 else 2), Block(b, b, 1))
            for i, (a, b) in enumerate(zip(before, widths, strict=False))
        )
        self.fc = nn.Linear(widths[-1], classes)

    def features(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        for stage in self.stages:
            x = stage(x)
        return x.mean((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


class Transformer(nn.Module):
    """Token and position embeddings, torch's encoder layers, an output tied to the tokens."""

    def __init__(self, layers=2, width=16, heads=2, tokens=30, length=8):
        super().__init__()
        self.tokens = nn.Embedding(tokens, width)
        self.positions = nn.Parameter(torch.randn(1, length, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.output = nn.Linear(width, tokens, bias=False)
        self.output.weight = self.tokens.weight

    def forward(self, ids):
        return self.output(self.layers(self.tokens(ids) + self.positions[:, : ids.shape[1]]))


def images(n=32, classes=10, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 8, 8, generator=rng), torch.arange(n) % classes


def steps(model, x, y, count=3, lr=0.1):
    """Steps of SGD with weight decay, as a plain loop takes them."""
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr,
                                weight_decay=0.01)  # fmt: skip
    for _ in range(count):
        optimiser.zero_grad()
        functional.cross_entropy(model(x).flatten(0, -2), y.flatten()).backward()
        optimiser.step()
