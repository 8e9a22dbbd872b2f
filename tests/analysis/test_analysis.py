"""Gradients and features: correct, recorded, and without effect on the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convcompare.analysis.activations import features
from convcompare.analysis.gradient_flow import fixed_batch, gradient_flow
from convcompare.core.registry import register
from convcompare.models.build import resolve
from convcompare.models.shape import Shape
from convcompare.store.gradient_record import GradientRecord
from convcompare.store.run_store import RunStore
from tests.support.networks import deep_ones_long

SHAPE = Shape(1, 28, 10)


def batch(n: int = 8, shape: Shape = SHAPE) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    side = shape.image_size
    images = torch.randn(n, shape.in_channels, side, side, generator=generator)
    return images, torch.arange(n) % shape.num_classes


def network() -> nn.Module:
    return resolve("simple:width=4x6,hidden=8", SHAPE).build(0)


def test_gradients_equal_autograd_in_layer_order() -> None:
    model, (images, labels) = network(), batch()
    flow = gradient_flow(model, images, labels)
    assert flow.layers == ("conv1", "conv2", "fc1", "fc2")
    torch.manual_seed(0)
    F.cross_entropy(model.train()(images), labels).backward()
    for i, name in enumerate(flow.layers):
        weight = model.get_submodule(name).weight
        assert isinstance(weight, nn.Parameter)
        assert weight.grad is not None
        assert flow.norm[i] == pytest.approx(weight.grad.norm().item(), rel=1e-4)
        assert flow.mean_abs[i] == pytest.approx(weight.grad.abs().mean().item(), rel=1e-4)


@pytest.mark.parametrize("analysis", ["gradients", "features"])
@pytest.mark.parametrize("training", [True, False])
def test_analysis_leaves_network_and_random_state_unchanged(analysis: str, training: bool) -> None:
    model = resolve("residual:width=4,dropout=0.3", SHAPE).build(0).train(training)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    random_state = torch.get_rng_state()
    images, labels = batch()
    if analysis == "gradients":
        gradient_flow(model, images, labels)
    else:
        features(model, images, np.arange(8), shown=2)
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert model.training == training
    assert not any(m._forward_hooks for m in model.modules())
    assert torch.equal(torch.get_rng_state(), random_state)


KNOWN = {
    "plain-20:norm=none,init=torch": "vanishing",  # weights too small: He 2015, arXiv:1502.01852
    "plain-56:norm=none,init=torch": "no gradient",
    "plain-56:norm=none": "stable",
    "resnet-56:norm=none": "exploding",  # Zhang et al. 2019, arXiv:1901.09321
    "plain-56": "exploding",  # Yang et al. 2019, arXiv:1902.08129: BatchNorm without shortcuts
    "resnet-56": "stable",  # He et al. 2015, arXiv:1512.03385
}


@pytest.mark.parametrize("spec", KNOWN)
def test_gradients_at_initialisation_agree_with_the_literature(spec: str) -> None:
    flow = gradient_flow(resolve(spec, SHAPE).build(0), *batch(32))
    record = GradientRecord(flow.layers, flow.norm[None], flow.mean_abs[None])
    assert record.verdict() == KNOWN[spec]


@pytest.mark.parametrize(
    ("norm", "verdict"),
    [
        ([1e-4, 1e-2], "vanishing"),
        ([1e-2, 1e-4], "exploding"),
        ([1.0, 3.0], "stable"),
        ([1e-9, 3e-9], "vanishing"),
        ([1e4, 3e4], "exploding"),
        ([0.0, 0.0], "no gradient"),
        ([0.0, 1.0], "not known"),
        ([1.0, 0.0], "not known"),
        ([0.0, 1.0, 3.0, 0.0], "stable"),
        ([0.0, 1e-4, 1e-2], "vanishing"),
        ([1e-2, 1e-4, 0.0], "exploding"),
        ([1.0], "stable"),
        ([np.inf, 1.0], "exploding"),
    ],
)
def test_verdict_follows_from_the_gradient_norms(norm: list[float], verdict: str) -> None:
    values = np.array([norm])
    record = GradientRecord(tuple("abcd"[: len(norm)]), values, values)
    assert record.verdict() == verdict
    text = " ".join(record.remarks())
    assert ("gradient 0" in text) == (0 in norm and verdict != "no gradient")


def test_fixed_batch_is_spread_over_the_set() -> None:
    rows = fixed_batch(60_000)
    assert len(rows) == 256
    assert (rows[0], rows[-1]) == (0, 59_999)
    assert len(set(rows.tolist())) == 256
    assert len(fixed_batch(203)) == 32
    assert len(fixed_batch(10)) == 10


def test_features_are_the_outputs_of_the_layers() -> None:
    model, (images, _) = network(), batch(20)
    record = features(model, images, np.arange(20), shown=3)
    with torch.no_grad():
        first = model.eval()[:2](images)
        second = model[:5](images)
    assert record.first_layer == "act1"
    np.testing.assert_allclose(record.first, first[:3, record.channels].numpy(), atol=2e-3)
    assert list(record.stages) == ["act1", "act2", "pool2"]
    np.testing.assert_allclose(record.stages["act2"], second[:3].mean(1).numpy(), atol=2e-3)
    assert record.mean[0] == pytest.approx(first.mean().item(), rel=1e-4)
    assert record.filters.shape == (4, 1, 3, 3)


class ChannelsLast(nn.Module):
    """A layer on (n, h, w, c) with three of eight channels dead, and attention over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mlp, self.relu = nn.Conv2d(1, 4, 7, 7), nn.Linear(4, 8), nn.ReLU()
        self.drop, self.head = nn.Dropout(0.1), nn.Linear(8, 10)
        self.mlp.bias.data[:3] = -100

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.mlp(self.stem(x).permute(0, 2, 3, 1))).flatten(1, 2)[:, None]
        weights = self.drop((x @ x.mT).softmax(-1))
        output: Tensor = self.head((weights @ x).mean((1, 2)))
        return output


def test_last_channels_are_recognised_and_attention_weights_are_no_maps() -> None:
    torch.manual_seed(0)
    model = ChannelsLast().eval()
    images = torch.randn(16, 1, 28, 28)
    found = features(model, images, np.arange(16), 4)
    maps = model.relu(model.mlp(model.stem(images).permute(0, 2, 3, 1)))
    assert found.layers == ("relu",)
    assert found.dead[0] == (maps.amax((0, 1, 2)) == 0).float().mean().item() >= 3 / 8
    assert found.channel_means == pytest.approx(maps.mean((0, 1, 2)).detach().numpy(), rel=1e-5)
    assert [*found.stages] == ["relu"]
    assert found.stages["relu"] == pytest.approx(maps[:4].mean(3).detach().numpy(), abs=1e-2)


def test_complex_layers_have_no_maps_or_filters() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(1, 4, 3, dtype=torch.complex64)
            self.b = nn.Sequential(nn.Conv2d(4, 2, 3), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x.to(torch.complex64)).abs()).flatten(1)  # type: ignore[no-any-return]

    model = Net()
    record = features(model, torch.randn(2, 1, 8, 8), np.arange(2), 2)
    assert record.layers == ("b.1",) and [*record.stages] == ["b"]
    assert np.array_equal(record.filters, model.b[0].weight.detach().numpy())


def test_dead_units_are_counted() -> None:
    model, (images, _) = network(), batch(20)
    with torch.no_grad():
        model.get_parameter("conv1.weight")[1].zero_()
        model.get_parameter("conv1.bias")[1] = -1.0
    record = features(model, images, np.arange(20), shown=1)
    assert record.dead[0] == 0.25


@pytest.mark.parametrize("name", deep_ones_long(entry.name for entry in register.model))
def test_every_network_of_the_zoo_can_be_analysed(name: str) -> None:
    shape = Shape(3, 32, 10)
    model = resolve(name, shape).build(0)
    flow = gradient_flow(model, *batch(4, shape))
    assert np.isfinite(flow.norm).all()
    assert (flow.norm > 0).all()
    record = features(model, batch(4, shape)[0], np.arange(4), shown=2)
    assert record.first_layer
    assert np.isfinite(record.mean).all()


def test_runs_record_gradients_and_features_for_figures(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    data = ("-d", "shapes:train=192,test=48", "-e", "2")
    assert run("compare", "fcn:hidden=8", "simple:width=4x8", *data).code == 0
    store = RunStore(tmp_path / "runs")
    record = store.run(store.ids()[0])
    arrays = store.analysis(record, "gradients")
    assert arrays is not None
    assert arrays["norm"].shape[0] == 3, "initialisation and two epochs"
    for kind in ("gradients", "activations", "filters"):
        result = run("plot", kind, "--figure-format", "svg")
        assert result.code == 0, result.err
        for path in result.out.split():
            assert (tmp_path / path).read_text().startswith("<?xml")
            rows = (tmp_path / path).with_suffix(".csv").read_text().splitlines()
            assert len(rows) > 1
            assert len({row.count(",") for row in rows}) == 1
    record = run("plot", "gradients", "--format", "json").json()["figures"][0]
    assert record["columns"][:2] == ["model", "depth"]
    assert len(record["rows"][0]) == len(record["columns"])
    assert run("plot", "gradiants").err.splitlines()[1] == " hint: did you mean `gradients`?"


def test_command_shows_initialisation_and_training(run: Callable[..., Any], tmp_path: Path) -> None:
    fcn, data = "fcn:hidden=8", ("-d", "shapes:train=192,test=48", "-f", "json")
    start = run("gradients", fcn, "simple:width=4x8", *data)
    assert start.code == 0, start.err
    assert not (tmp_path / "runs").exists(), "nothing was trained"
    trained = run("gradients", fcn, *data, "-e", "1", "--out", "figures")
    assert trained.code == 0, trained.err
    before, after = start.json()["models"][0], json_part(trained.out)["models"][0]
    assert before["norm"][0] == pytest.approx(after["norm"][0])
    assert (len(before["norm"]), len(after["norm"])) == (1, 2)
    assert after["moments"] == ["initialisation", 1]
    assert (tmp_path / "figures" / "gradients-by-layer.png").is_file()


def json_part(text: str) -> Any:
    import json

    return json.JSONDecoder().raw_decode(text)[0]
