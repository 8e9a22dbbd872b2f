"""Conclusions of the five published reports, in the order of their questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Conclusion:
    """A conclusion and the reports that contain it."""

    reports: str
    sentence: str


CONCLUSIONS: Mapping[int, Conclusion] = {
    1: Conclusion("001, 002, 004", "MNIST: a fully connected network is worse than a simple CNN"),
    2: Conclusion("001", "MNIST: the simple CNN reaches more 'with fewer parameters'"),
    3: Conclusion("001, 002", "MNIST: the residual CNN is better than the simple one"),
    4: Conclusion(
        "004", "MNIST: the residual CNN is no better than the simple one and takes more resources"
    ),
    5: Conclusion(
        "004",
        (
            "MNIST: losses of the two CNNs are practically the same, the fully connected "
            "one's is higher"
        ),
    ),
    6: Conclusion(
        "004",
        (
            "MNIST: inference takes the same time for simple and residual CNN (0.21 ms), "
            "the fully connected network no less (0.23 ms)"
        ),
    ),
    7: Conclusion("004", "MNIST: training takes fully connected < simple < residual"),
    8: Conclusion("001, 002, 004", "CIFAR-10: the fully connected network is far behind every CNN"),
    9: Conclusion("001, 002", "CIFAR-10: the fully connected network overfits"),
    10: Conclusion("002, 004", "CIFAR-10: the residual CNN overfits, the regularised one does not"),
    11: Conclusion(
        "001, 002, 004", "CIFAR-10: regularisation raises the residual CNN's test accuracy"
    ),
    12: Conclusion(
        "004",
        (
            "CIFAR-10: the regularised network is the most expensive to train; fully connected "
            "against any CNN differ more than CNNs among themselves"
        ),
    ),
    13: Conclusion("001", "residual blocks raise accuracy and generalisation"),
    14: Conclusion("001", "CNNs are better because they are invariant to shifts"),
    15: Conclusion("001, 002, 003, 004", "kernels: 3×3 is the best balanced (accuracy and cost)"),
    16: Conclusion("001, 004", "kernels: 5×5 and 7×7 take longer to train"),
    17: Conclusion("001, 004", "kernels: larger ones do not bring accuracy, sometimes less"),
    18: Conclusion("001, 002, 003", "kernels: 1×1+3×3 has fewer parameters at the same quality"),
    19: Conclusion("003", "kernels: 1×1+3×3 is the most accurate, 5×5 next, 3×3 and 7×7 poor"),
    20: Conclusion(
        "003", "kernels: 3×3 trains fastest, 5×5 and 7×7 little longer, 1×1+3×3 longest"
    ),
    21: Conclusion("003", "kernels: fields of about 20 (7×7), 15 (5×5), 10 (3×3 and 1×1+3×3)"),
    22: Conclusion(
        "003", "kernels: first-layer activations of 7×7 are less even than those of 3×3"
    ),
    23: Conclusion("004", "kernels: 1×1+3×3 is the best of all, 7×7 the worst"),
    24: Conclusion("001, 002, 003, 004", "depth: two layers are fast and the least accurate"),
    25: Conclusion(
        "002, 004 / 003", "depth: six plain layers are worse (002, 004) or better (003) than four"
    ),
    26: Conclusion(
        "001, 004",
        ("depth: deep plain networks suffer from vanishing gradients; residual ones do not"),
    ),
    27: Conclusion(
        "004", "depth: gradients fall by up to three orders without residual connections"
    ),
    28: Conclusion(
        "003",
        (
            "depth: gradient norms of two and four layers settle at about 0.1 within 8 "
            "epochs; six layers rise later; the residual network rises most, to the end"
        ),
    ),
    29: Conclusion("001, 002, 003, 004", "depth: the residual network is the most accurate"),
    30: Conclusion("003", "depth: training takes 2 < 4 < 6 layers, residual longest"),
    31: Conclusion(
        "004", "depth: without residual connections deep networks lose very much accuracy"
    ),
    32: Conclusion(
        "004", "a custom convolution reaches 0.3 points less and takes 15 % longer (MNIST)"
    ),
    33: Conclusion("004", "attention gives 1 to 2 points (92.1 to 93.4 %)"),
    34: Conclusion("004", "attention adds 0.5 % of parameters"),
    35: Conclusion(
        "004", "Swish and a custom activation beat ReLU and converge in fewer epochs (45, 40, 38)"
    ),
    36: Conclusion("004", "Lp pooling is a compromise between max and average pooling"),
    37: Conclusion("002", "attention is the best of the four custom networks"),
    38: Conclusion("001", "custom layers need an exact backward pass"),
    39: Conclusion("001", "basic residual blocks help deep networks and add parameters"),
    40: Conclusion("001, 002, 003, 004", "bottleneck blocks save computation at the same accuracy"),
    41: Conclusion(
        "004",
        ("a bottleneck block has 0.16 M parameters against 0.22 M and trains in 0.8 of the time"),
    ),
    42: Conclusion("001", "wide blocks make results more stable"),
    43: Conclusion("002, 004", "wide blocks are the most accurate"),
    44: Conclusion("004", "wide blocks double the parameters and take 30 % more memory"),
    45: Conclusion("004", "basic blocks suit shallow networks, bottleneck deep ones"),
    46: Conclusion(
        "000, 001",
        ("CNNs with residual blocks are the most effective architecture, above all on hard data"),
    ),
}
"""Conclusions by number, to which the claims of studies refer."""
UNEXAMINED: Mapping[int, str] = {
    38: (
        "open: no report trains a layer with an inexact one; the backward passes here are within "
        "1e-4 of autograd (`convcompare layers`)"
    ),
}
"""Reason why a conclusion is not a claim of any study, by number."""
