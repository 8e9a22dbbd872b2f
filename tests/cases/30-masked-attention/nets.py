"""Attention of each 2×2 patch to itself and its eight neighbours, written in several ways."""

import torch
import torch.nn.functional as F
from torch import nn

SIDE = 14


def neighbours():
    place = torch.arange(SIDE)
    apart = (place[:, None] - place).abs()
    most = torch.maximum(apart[:, None, :, None], apart[None, :, None, :])
    return most.reshape(SIDE**2, SIDE**2) <= 1


class Fused(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.patch = nn.Conv2d(in_channels, 8, 2, 2)
        self.qkv, self.fc = nn.Linear(8, 24), nn.Linear(8, num_classes)
        self.register_buffer("mask", neighbours())

    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)

    def forward(self, x):
        places = self.patch(x).flatten(2).transpose(1, 2)
        return self.fc(self.attend(*self.qkv(places).chunk(3, -1)).mean(1))


class Filled(Fused):
    def attend(self, q, k, v):
        scores = (q @ k.transpose(1, 2)).masked_fill(~self.mask, float("-inf"))
        return scores.softmax(-1) @ v


class Added(Fused):
    def attend(self, q, k, v):
        return (q @ k.transpose(1, 2) + (self.mask.float() - 1) * 1e9).softmax(-1) @ v


class AddedInType(Fused):
    def attend(self, q, k, v):
        return (q @ k.transpose(1, 2) + ((self.mask.float() - 1) * 1e9).type_as(q)).softmax(-1) @ v


class Scaled(Fused):
    """Linear attention, whose mask multiplies the scores."""

    def attend(self, q, k, v):
        return (q @ k.transpose(1, 2) * self.mask.to(q)) @ v


class FilledWithZero(Fused):
    def attend(self, q, k, v):
        return (q @ k.transpose(1, 2)).masked_fill(~self.mask, 0) @ v


class Module(Fused):
    def __init__(self, in_channels, num_classes):
        super().__init__(in_channels, num_classes)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def attend(self, q, k, v):
        return self.attention(q, k, v, attn_mask=~self.mask)[0]


class Everywhere(Fused):
    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=0 * self.mask.float() - 1)
