"""This vision transformer for small images (Dosovitskiy et al., 2021) is for Galanti et al. (2025).

The paper gives patches of 4 x 4, 8 heads, 6 self-attention layers, and after them two linear layers
with GELU and dropout 0.1. The rest is [inferred] from the common CIFAR network that these words fit
(lucidrains' `vit-pytorch`, as in kentaroy47/vision-transformers-cifar10): width 512 in all places,
query, key and value from one matrix without bias, layer normalisation before each part, a class
token, learnt positions, dropout also of the attention's output and of the embedding.
"""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._dropout import dropout
from ._size import Size

MIN_IMAGE = 4  # one patch


class _Attention(nn.Module):
    """A layer that computes x + project(heads of softmax(Q K^T / sqrt(head)) V).

    (Q, K, V) = qkv(norm x).
    """

    def __init__(self, dim: int, heads: int, head_dim: int, p: float) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * heads * head_dim, bias=False)
        self.project = nn.Linear(heads * head_dim, dim)
        self.dropout = dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        # Written out: a pack maps over it, for which fused attention has no rule on every device.
        parts = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, self.head_dim))
        q, k, v = parts.movedim((-3, -2), (0, -3))  # each (B, heads, T, head)
        mixed = (q @ k.mT * self.head_dim**-0.5).softmax(-1) @ v
        change: Tensor = self.dropout(self.project(mixed.transpose(-3, -2).flatten(-2)))
        return x + change


class _Perceptron(nn.Module):
    """A layer that computes x + down(gelu(up(norm x)))."""

    def __init__(self, dim: int, mlp_dim: int, p: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.up, self.down = nn.Linear(dim, mlp_dim), nn.Linear(mlp_dim, dim)
        self.dropouts = nn.ModuleList([dropout(p), dropout(p)])

    def forward(self, x: Tensor) -> Tensor:
        h = self.dropouts[0](functional.gelu(self.up(self.norm(x))))
        change: Tensor = self.dropouts[1](self.down(h))
        return x + change


class ViT(nn.Module):
    """A network of patches with positions; depth x (attention, perceptron); norm; a linear head.

    A learnt class token joins the patches. The published average is over six matrices, it is not
    known which. Here they are [chosen] the `qkv` of the six attention layers, W_Q, W_K and W_V of
    the paper's lemma A.1 one above the other; all others are measured too. Each but the embedding
    (T - 1 patches) and the head is applied to all T tokens: m_l = T, 65 on 32 x 32 images.
    """

    vmapped = True
    averaged = ("qkv",)  # see models/_layers.py

    def __init__(
        self, input_shape: tuple[int, ...], n_classes: int, patch: int, dim: int, depth: int,
        heads: int, head_dim: int, mlp_dim: int, class_token: bool, position_std: float, p: float,
    ) -> None:  # fmt: skip
        super().__init__()
        check(input_shape, patch=patch, dropout=p, position_std=position_std)
        channels, height, width = input_shape
        self.patch, tokens = patch, (height // patch) * (width // patch)
        self.embed = nn.Linear(channels * patch**2, dim)
        self.token = nn.Parameter(torch.randn(1, dim) * position_std) if class_token else None
        self.positions = nn.Parameter(torch.randn(tokens + class_token, dim) * position_std)
        self.dropout = dropout(p)
        self.blocks = nn.Sequential()
        for _ in range(depth):
            self.blocks.append(_Attention(dim, heads, head_dim, p))
            self.blocks.append(_Perceptron(dim, mlp_dim, p))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of images x (B, C, H, W)."""
        p = self.patch
        rows = x.reshape(len(x), x.shape[1], x.shape[2] // p, p, x.shape[3] // p, p)
        h = self.embed(rows.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2))
        if self.token is not None:
            h = torch.cat([self.token.expand(len(h), 1, -1), h], dim=1)
        h = self.blocks(self.dropout(h + self.positions))
        chosen = h.mean(1) if self.token is None else h[:, 0]
        logits: Tensor = self.head(self.norm(chosen))
        return logits


def check(
    input_shape: tuple[int, ...], *, patch: int, dropout: float, position_std: float, **others: Any
) -> None:
    """Raise ValueError for images not made of whole patches, or an invalid probability or std."""
    height, width = input_shape[1:]
    if height % patch or width % patch:
        raise ValueError(
            f"patch: images of {height} x {width} have no whole patches of {patch} x {patch}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout: {dropout} is no probability from 0 to less than 1")
    if not position_std >= 0:
        raise ValueError(f"position_std: {position_std} is not 0 or more")


def size(
    input_shape: tuple[int, ...], n_classes: int, *, patch: int, dim: int, depth: int, heads: int,
    head_dim: int, mlp_dim: int, class_token: bool, **others: Any,
) -> Size:  # fmt: skip
    """Return the size: projections and perceptrons at every token, and attention's multiply-adds.

    Softmaxes over few tokens fill no vector of the processor: seconds per activation.
    """
    inner = heads * head_dim
    tokens = prod(input_shape[1:]) // patch**2 + class_token
    weights = depth * dim * (4 * inner + 2 * mlp_dim)
    multiply_adds = tokens * (weights + depth * 2 * tokens * inner)
    kept = tokens * depth * (6 * dim + 5 * inner + 2 * mlp_dim + 2 * tokens * heads)
    return Size(4 * depth + 2, weights, multiply_adds, kept, activation_seconds=8e-9)


def build(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    patch: int = 4,
    dim: int = 512,
    depth: int = 6,
    heads: int = 8,
    head_dim: int = 64,
    mlp_dim: int = 512,
    class_token: bool = True,
    position_std: float = 1.0,
    dropout: float = 0.1,
) -> ViT:
    """Return the paper's network by default, with torch's initialisation but for the two below.

    Keys:
        patch: Side of a square patch, a divisor of the image's sides [pixels].
        dim: Width of the embedding [1].
        depth: Number of blocks of self-attention and perceptron [1].
        heads: Number of heads of a self-attention [1].
        head_dim: Width of a head's queries, keys and values [1].
        mlp_dim: Width of the hidden layer of a block's perceptron [units].
        class_token: Whether a learnt token is classified; false: the mean of the tokens.
        position_std: Standard deviation, 0 or more, of the initial positions and class token; 1 is
            the common network's, at which narrow networks do not learn in few epochs (0.02 is the
            usual one otherwise) [1].
        dropout: Probability, in [0, 1), that an element is dropped, by masks of the run's own seed
            [1].
    """
    return ViT(
        input_shape, n_classes, patch, dim, depth, heads, head_dim, mlp_dim, class_token,
        position_std, dropout,
    )  # fmt: skip
