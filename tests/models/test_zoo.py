"""The zoo: exact parameter counts of report rows and published networks."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from convcompare.analysis.layer_summary import layer_table
from convcompare.comparison.study import Study, StudyRow
from convcompare.core.errors import UsageError
from convcompare.core.registry import register
from convcompare.models import inspection
from convcompare.models.build import resolve
from convcompare.models.findings import Found
from convcompare.models.interface import copied
from convcompare.models.notation import Notation, Part, parse
from convcompare.models.shape import Shape
from convcompare.models.trained_weights import untrained_weights
from tests.support.networks import deep_ones_long, is_deep

MNIST, CIFAR = Shape(1, 28, 10), Shape(3, 32, 10)
SHAPES = {"mnist": MNIST, "cifar10": CIFAR}
LARGE = 3_000_000
"""Larger networks are tested on two images and in float32, which needs no copies."""

FIELD = {
    # On CIFAR-10.
    "plain-20": 269_722,
    "plain-110": 1_727_962,
    "resnet-20": 269_722,
    "resnet-32": 464_154,
    "resnet-44": 658_586,
    "resnet-56": 853_018,
    "resnet-110": 1_727_962,
    "resnet-20:shortcut=B": 272_474,
    "preact-resnet-164": 1_703_258,
    "wrn-16-4": 2_748_890,
    "wrn-28-10": 36_479_194,
    "resnet-18": 11_173_962,
    "resnet-34": 21_282_122,
    "resnet-50": 23_520_842,
    "densenet-bc": 769_162,
    "mobilenet-v2": 2_236_682,
    "vgg-16:bn=true": 14_728_266,
    "vgg-19:bn=true": 20_040_522,
    "lenet-5": 62_006,
    "speedrun": 1_971_352,
}


@functools.cache
def train_step(spec: str, shape: Shape, count: int) -> None:
    """Run a forward and backward pass; check the parameter count and every gradient."""
    model = resolve(spec, shape).build(0).to(memory_format=torch.channels_last)
    assert inspection.parameters(model) == count
    size = (shape.in_channels, shape.image_size, shape.image_size)
    images = torch.randn(2 if count > LARGE else 4, *size)
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=count < LARGE):
        logits = model(images)
    loss = F.cross_entropy(logits.float(), torch.arange(len(images)))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert loss.isfinite()


def marks_of(study: str, row: str) -> list[pytest.MarkDecorator]:
    """Return the `torture` mark for the widest networks."""
    return [pytest.mark.torture] if study == "cifar10-004" or row.lower() == "wide" else []


ROWS = [
    pytest.param(study, row, id=f"{entry.name}-{row.name}", marks=marks_of(entry.name, row.name))
    for entry in register.study
    for study in [entry.function()]
    for row in study.rows
]


@pytest.mark.parametrize(("study", "row"), ROWS)
def test_row_of_a_report_has_its_parameters(study: Study, row: StudyRow) -> None:
    found = resolve(row.spec, SHAPES[study.dataset]).description.parameters
    if row.parameters is None:
        assert row.guessed and found > 0  # the report does not specify the network
    else:
        assert found == row.parameters


@pytest.mark.torture
@pytest.mark.parametrize(("study", "row"), ROWS)
def test_row_of_a_report_trains(study: Study, row: StudyRow) -> None:
    if row.parameters is not None:
        train_step(row.spec, SHAPES[study.dataset], row.parameters)


@pytest.mark.parametrize("spec", deep_ones_long(FIELD))
def test_published_network_has_its_parameters(spec: str) -> None:
    assert resolve(spec, CIFAR).description.parameters == FIELD[spec]


@pytest.mark.parametrize(
    "depth", [20, 32, *(pytest.param(n, marks=pytest.mark.torture) for n in (44, 56, 110))]
)
def test_cifar_resnets_have_the_parameters_of_the_paper(depth: int) -> None:
    """arXiv:1512.03385: 1 + 2n·3 convolutions of 3×3, each with BatchNorm, and a linear layer."""
    convolutions = [(3, 16)]
    for before, width in ((16, 16), (16, 32), (32, 64)):
        convolutions += [(before, width)] + [(width, width)] * (2 * (depth - 2) // 6 - 1)
    assert len(convolutions) == depth - 1
    expected = sum(9 * i * o + 2 * o for i, o in convolutions) + 650
    assert resolve(f"plain-{depth}", CIFAR).description.parameters == expected
    assert resolve(f"resnet-{depth}", CIFAR).description.parameters == expected
    projections = 16 * 32 + 64 + 32 * 64 + 128
    with_b = resolve(f"resnet-{depth}:shortcut=B", CIFAR).description.parameters
    assert with_b == expected + projections


@pytest.mark.parametrize(("depth", "convolutions"), [(11, 8), (13, 10), (16, 13), (19, 16)])
def test_vgg_has_the_layers_in_its_name(depth: int, convolutions: int) -> None:
    for bn in (False, True):
        model = resolve(f"vgg-{depth}:bn={bn}", CIFAR).build(0, "meta")
        found = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
        assert len(found) == convolutions
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        assert len(norms) == (convolutions if bn else 0)
        assert model.fc.in_features == 512


def test_lenet_has_the_parameters_of_the_paper() -> None:
    """LeCun et al. 1998: 156 + 12 + 1,516 + 32 + 48,120 + 10,164 = 60,000, and the last layer."""
    model = resolve("lenet-5:form=paper", MNIST).build(0)
    counts = [sum(p.numel() for p in m.parameters()) for m in model.children()]
    assert [n for n in counts if n] == [156, 12, 1_516, 32, 48_120, 10_164, 850]
    assert resolve("lenet-5", MNIST).description.parameters == 61_706
    train_step("lenet-5:form=paper", MNIST, 60_850)


FAMILIES = ["cnn", "densenet-bc:depth=22", "fcn", "lenet-5", "mobilenet-v2", "plain-20",
            "preact-resnet-20", "residual", "resnet-18", "resnet-20", "simple", "vgg-11",
            "speedrun", "wrn-16-4"]  # fmt: skip


def test_every_family_is_tested() -> None:
    tried = {spec.partition(":")[0].split("-")[0] for spec in FAMILIES}
    assert tried == {entry.name.split("-")[0] for entry in register.model}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("shape", [MNIST, CIFAR, Shape(1, 32, 7), Shape(3, 28, 100)], ids=str)
def test_every_network_takes_all_small_image_sizes(name: str, shape: Shape) -> None:
    assert resolve(name, shape).description.parameters > 0


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = resolve(name, CIFAR).build(0, "meta")
    assert untrained_weights(model, CIFAR) == ()


@pytest.mark.parametrize(
    "spec",
    ["resnet-20", "plain-20", "preact-resnet-20", "densenet-bc:depth=22", "lenet-5",
     *(pytest.param(spec, marks=pytest.mark.torture)
       for spec in ("wrn-16-4", "wrn-16-4:dropout=0.3", "mobilenet-v2")),
     "vgg-11:bn=true,dropout=0.3", "resnet-20:shortcut=B",
     "cnn:conv=unfold", "cnn:conv=affine,conv_in=all,bias=false", "cnn:attention=cbam",
     "cnn:attention=self", "cnn:activation=swish", "cnn:activation=softplus", "cnn:pool=mixed",
     "cnn:pool=lp-mean,p=1.5", "cnn:activation=hard-swish,pool=average",
     "residual:block=preactivation", "residual:kernel=5,kernel_in=all"],
)  # fmt: skip
def test_variants_train_in_bf16(spec: str) -> None:
    train_step(spec, CIFAR, resolve(spec, CIFAR).description.parameters)


def test_initial_weights_of_simple_are_those_of_earlier_versions() -> None:
    """Stored runs of this network must stay reproducible."""
    torch.manual_seed(5)
    plain = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3), nn.Linear(3136, 128), nn.Linear(128, 10)
    )
    builder = resolve("simple", MNIST)
    torch.manual_seed(5)
    model = builder.function(**builder.arguments)
    pairs = zip(plain.parameters(), model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


class Allocated(TorchDispatchMode):
    """Records the largest number of elements of a tensor outside the meta device."""

    most = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        real = (one for one in tree_leaves(out) if isinstance(one, Tensor) and not one.is_meta)
        self.most = max(self.most, *(one.numel() for one in real), 0)
        return out


def test_networks_are_described_without_memory_or_arithmetic() -> None:
    with Allocated() as allocated:
        nn.Linear(64, 64)
        assert allocated.most == 64 * 64, "real tensors are counted"
        allocated.most = 0
        for name in FAMILIES:
            assert is_deep(name) or resolve(name, CIFAR).description.macs > 0, name
    assert allocated.most <= 64


def test_names_are_read_from_the_sources() -> None:
    assert register.model.names() == [entry.name for entry in register.model]


def test_every_network_has_a_summary_and_source() -> None:
    for entry in register.model:
        assert entry.summary and "{" not in (entry.function.__doc__ or "")
        if any(name in entry.name for name in ("plain", "resnet", "wrn", "vgg", "dense", "mobile")):
            assert "arXiv:" in (entry.function.__doc__ or "")


INVALID = {
    "cnn:kernel=4": ("`kernel`", "`4`", "odd"),
    "cnn:depth=5": ("`depth`", "`5`", "2, 4, 6"),
    "cnn:deph=6": ("`deph`", "`depth`"),
    "cnn:depth=six": ("`depth`", "`six`", "2, 4, 6"),
    "cnn:depth=2,layers=32": ("`depth`", "`layers`"),
    "cnn:layers=0-MP": ("`layers`", "`0-MP`"),
    "cnn:layers=MP": ("`layers`", "`MP`"),
    "cnn:layers=32-XP": ("`layers`", "`32-XP`", "MP a pool"),
    "cnn:layers=32@4": ("`layers`", "odd"),
    "cnn:layers=8-MP-MP-MP-MP-MP-MP": ("6 times", "at least 64 pixels"),
    "cnn:layers=8,grid=33": ("`grid`", "`33`", "1 to 32"),
    "cnn:p=0.5": ("`p`", "`0.5`", "at least 1"),
    "cnn:attention=se,reduction=32": ("`reduction`", "`32`", "16 channels"),
    "cnn:attention=sa": ("`attention`", "`sa`", "none, se, cbam, self"),
    "cnn:pool=median": ("`pool`", "max, average, lp, lp-mean, mixed"),
    "cnn:dropout=1": ("`dropout`", "`1`", "below 1"),
    "simple:width=0": ("`width`", "`0`", "at least 1"),
    "simple:width=8x8x8x8x8x8": ("6 times", "at least 64 pixels"),
    "fcn:hidden=1x-2": ("`hidden`", "`1x-2`"),
    "residual:kernel=2": ("`kernel`", "`2`", "odd", "1+3"),
    "residual:kernel=7,block=bottleneck": ("`kernel`", "`7`", "block=bottleneck"),
    "residual:kernel=1+3,block=wide": ("`block`", "`wide`", "basic"),
    "residual:block=bottleneck,block_dropout=0.1": ("`block_dropout`", "`0.1`"),
    "residual:blocks=32-MP": ("`blocks`", "`32-MP`"),
    "residual:blocks=30,block=bottleneck": ("`reduction`", "30 channels"),
    "residual:grid=17": ("`grid`", "`17`", "1 to 16"),
    "densenet-bc:depth=101": ("`depth`", "`101`", "multiple of 6"),
    "resnet-20:shortcut=C": ("`shortcut`", "`C`", "A, B"),
    "resnet-20:depth=32": ("`depth`",),
    "resnet-21": ("`resnet-21`",),
    "vgg-16:bn=maybe": ("`bn`", "`maybe`", "true or false"),
}


@pytest.mark.parametrize("spec", INVALID)
def test_invalid_specs_are_refused_in_one_line(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(spec, CIFAR).description  # noqa: B018
    text = f"{caught.value.message} | {caught.value.hint}"
    assert "\n" not in text
    for word in INVALID[spec]:
        assert word in text, text


def test_images_too_small_for_a_network_are_refused() -> None:
    for spec in ("simple", "cnn", "residual", "densenet-bc", "lenet-5", "speedrun"):
        with pytest.raises(UsageError, match=r"3 pixels|3 are too few"):
            resolve(spec, Shape(1, 3, 10)).description  # noqa: B018


def test_layout_is_parsed_into_parts() -> None:
    parts = list(parse("2x16/2-MP-3@1-P-D0.25"))
    assert parts[0] == Part("channels", 16, None, 2) and parts[1] == Part("channels", 16)
    assert parts[2:4] == [Part("pool"), Part("channels", 3, 1)]
    assert parts[4:] == [Part("pair"), Part("dropout", probability=0.25)]
    assert not Notation(("channels",), "32")("32-MP")
    for text in ("", "-", "32-", "x32", "D1.5", "D", "mp", "32/0", "-32", "0x32"):
        with pytest.raises(ValueError):
            list(parse(text))


@pytest.mark.parametrize("name", [*FAMILIES, "cnn:attention=cbam,conv=scaled,pool=lp"])
def test_rows_of_layers_add_up_to_the_network(name: str) -> None:
    builder = resolve(name, CIFAR)
    table = layer_table(builder.build(0, "meta"), torch.zeros(2, 3, 32, 32, device="meta"))
    assert sum(row.parameters for row in table) == builder.description.parameters
    assert sum(row.macs for row in table) == builder.description.macs
    assert table[-1].shape == (10,)


def test_layer_table_of_the_tutorial_network_has_its_costs() -> None:
    """Two 3×3 convolutions without padding on 1×32×32, and a 576-120-84-10 head."""
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(576, 120), nn.ReLU(), nn.Linear(120, 84),
        nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    model.train()
    table = layer_table(model, torch.zeros(1, 1, 32, 32))
    assert sum(row.macs for row in table) == 274_656
    assert (table[0].kind, table[0].shape, table[0].macs) == ("Conv2d", (6, 30, 30), 48_600)
    assert model.training and not model[0]._forward_hooks


def test_layer_table_counts_parameters_held_by_modules_directly() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 12))
            self.relu = nn.ReLU()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.relu(F.linear(x.flatten(1), self.weight))
            return self.fc(self.relu(self.fc(x)))

    table = layer_table(Tied(), torch.zeros(2, 3, 2, 2))
    assert [(row.name, row.calls, row.parameters, row.macs) for row in table] == [
        ("relu", 2, 0, 0),
        ("fc", 2, 20, 32),
        ("", 1, 48, 48),
    ]


def test_unused_parameters_are_found_without_side_effects() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(12, 10), nn.Linear(12, 10)
            self.norm = nn.BatchNorm2d(3)
            self.fixed = nn.Parameter(torch.ones(1), requires_grad=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(self.norm(x).flatten(1))

    model = Forgetful().eval()
    state = torch.get_rng_state()
    found = untrained_weights(copied(model), Shape(3, 2, 10))
    assert found == (Found("untrained weights", "`unused.weight`, `unused.bias`"),)
    assert torch.equal(state, torch.get_rng_state()) and not model.training
    assert not model.norm.num_batches_tracked and model.used.weight.grad is None


def test_building_logs_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for spec in ("cnn:pool=lp", "resnet-20", "residual:kernel=1+3"):
            resolve(spec, CIFAR).build(0)
