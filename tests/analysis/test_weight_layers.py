"""Which parameters are layers; heads that start at zero; inputs changed in place."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from convcompare.analysis.activations import features
from convcompare.analysis.gradient_flow import gradient_flow
from convcompare.analysis.latency import inference
from convcompare.core.errors import ModelError
from convcompare.data.dataset import Dataset
from convcompare.models.build import resolve
from convcompare.models.randomness import seeded
from convcompare.models.shape import Shape
from convcompare.store.gradient_record import GradientRecord
from convcompare.store.run_store import RunStore
from convcompare.training.augmentation import views
from convcompare.training.batches import Batches
from convcompare.training.recording import GradientRecorder, fixed_images
from tests.support.small_networks import Doing, tokens, weight

CASES = Path(__file__).parent.parent / "cases"
GAMMA = CASES / "06-gamma-is-last-layer"
INPLACE = CASES / "08-inplace-input-gradients" / "inplace_input.py"
RELU = CASES / "09-one-relu-statistics" / "one_relu.py"
TWO = CASES / "28-two-weights-in-one-module" / "two_weights.py"
MNIST = Shape(1, 28, 10)


def batch(channels: int = 1, side: int = 28) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, channels, side, side, generator=generator), torch.arange(8)


OF_CASES = {
    f"{GAMMA / 'zero_scale.py'}:Net": ("stem", "a", "b", "fc"),
    f"{GAMMA / 'vit_token.py'}:Vit": (
        "patch", "enc.self_attn", "enc.self_attn.out_proj", "enc.linear1", "enc.linear2", "head",
    ),
    f"{GAMMA / 'vit_token.py'}:Scale": ("c1", "c2", "fc"),
    f"{TWO}:Net": ("stem", "shared", "mlp.w1", "mlp.w2", "head"),
}  # fmt: skip


@pytest.mark.parametrize("spec", OF_CASES)
def test_layers_are_weights_in_order_of_first_use(spec: str) -> None:
    model, (images, labels) = resolve(spec, MNIST).build(0), batch()
    flow = gradient_flow(model, images, labels)
    assert flow.layers == OF_CASES[spec]
    double = copy.deepcopy(model).double().train()
    F.cross_entropy(double(images.double()), labels).backward()
    for layer, norm in zip(flow.layers, flow.norm, strict=True):
        names = (layer, f"{layer}.weight", f"{layer}.in_proj_weight")
        named = dict(double.named_parameters())
        (weight,) = [named[name] for name in names if name in named]
        assert weight.grad is not None
        assert norm == pytest.approx(weight.grad.norm().item(), rel=1e-3)


@pytest.mark.usefixtures("own_code_here")
def test_verdict_uses_only_layers(run: Callable[..., Any]) -> None:
    specs = [f"{GAMMA / 'zero_scale.py'}:Net", f"{GAMMA / 'vit_token.py'}:Scale"]
    models = run("gradients", *specs, "-d", "shapes:train=64,test=16", "-f", "json").json()[
        "models"
    ]
    assert [model["verdict"] for model in models] == ["stable", "stable"]
    assert models[0]["remarks"] == [
        "weights all zero: `b`, at initialisation",
        "gradient 0: `a`, at initialisation",
    ]
    assert 0.5 < models[0]["ratio"] < 20


def class_attention(net: Doing, x: Tensor) -> Tensor:
    """As in CaiT: only a token goes through the first linear layer."""
    query = net.parts[0](net.token.expand(len(x), -1, -1))
    scores = query @ net.parts[1](tokens(x)).transpose(1, 2)
    return net.parts[2]((scores.softmax(-1) @ tokens(x))[:, 0])


def pooled(net: Doing, x: Tensor) -> Tensor:
    query = net.token.expand(len(x), -1, -1)
    return net.parts[1](net.parts[0](query, tokens(x), tokens(x))[0][:, 0])


def standardised(net: Doing, x: Tensor) -> Tensor:
    kernel = (net.w - net.w.mean((1, 2, 3), keepdim=True)) * net.gain
    return net.parts[0](F.conv2d(x, kernel).flatten(1))


def from_a_state(net: Doing, x: Tensor) -> Tensor:
    state = net.h.expand(1, len(x), 6).contiguous()
    return net.parts[1](net.parts[0](x.flatten(2), (state, state))[0][:, -1])


class Manual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor) -> Tensor:
        ctx.save_for_backward(x, matrix)
        return x @ matrix

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, matrix = ctx.saved_tensors
        return gradient @ matrix.T, x.T @ gradient


def with_head(layer: nn.Module, inputs: int) -> Doing:
    """Return a network of a layer and a linear head."""
    return Doing(lambda s, x: s.parts[1](s.parts[0](x).flatten(1)), layer, nn.Linear(inputs, 10))


def normed(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings(action="ignore"):
        return cast(nn.Module, nn.utils.weight_norm(layer))


def modulated(net: Doing, x: Tensor) -> Tensor:
    """Scale the kernel per image, as StyleGAN2 does, with one group per image."""
    kernels = net.w * net.parts[0](x.mean((2, 3)))[:, None, :, None, None]
    kernels = kernels * torch.rsqrt(kernels.square().sum((2, 3, 4), keepdim=True)) * net.gain
    maps = F.conv2d(x.view(1, -1, 8, 8), kernels.view(-1, 3, 3, 3), groups=len(x))
    return net.parts[1](maps.view(len(x), 4, -1).mean(2))


def from_learnt_keys(net: Doing, x: Tensor) -> Tensor:
    keys = net.k.expand(len(x), 1, -1, -1)
    read = F.scaled_dot_product_attention(tokens(x)[:, None], keys, keys)
    return net.parts[0](read.flatten(1))


H = nn.Linear
LAYERS: dict[str, tuple[nn.Module, tuple[str, ...]]] = {
    "kernel": (Doing(lambda s, x: s.parts[0](F.conv2d(x, s.w).flatten(1)), H(144, 10),
                     w=weight(4, 3, 3, 3)), ("w", "parts.0")),
    "matmul": (Doing(lambda s, x: (x.flatten(1) @ s.w).relu() @ s.v, w=weight(192, 5),
                     v=weight(5, 10)), ("w", "v")),
    "from the left": (Doing(lambda s, x: s.parts[0]((s.w @ x.flatten(2)).flatten(1)), H(320, 10),
                            w=weight(5, 3)), ("w", "parts.0")),
    "einsum": (Doing(lambda s, x: s.parts[0](torch.einsum("nchw,oc->no", x, s.w)), H(5, 10),
                     w=weight(5, 3)), ("w", "parts.0")),
    "einsum over an index of one": (Doing(
        lambda s, x: s.parts[0](torch.einsum("nchw,oc->no", x[:, :1], s.w)), H(5, 10),
        w=weight(5, 1)), ("w", "parts.0")),
    "summed product": (Doing(lambda s, x: s.parts[0]((x.flatten(1)[:, None] * s.w).sum(-1)),
                             H(5, 10), w=weight(5, 192)), ("w", "parts.0")),
    "summed after a view": (Doing(lambda s, x: s.parts[0]((x.flatten(1)[:, None] * s.w * s.v)
                                  .view(len(x), 5, 3, 64).sum((2, 3))), H(5, 10),
                                  w=weight(5, 192), v=weight(5, 1)), ("w", "parts.0")),
    "scaled and summed": (Doing(lambda s, x: s.parts[0]((x * s.w).sum((2, 3))), H(3, 10),
                                w=weight(3, 1, 1)), ("parts.0",)),
    "low rank": (Doing(lambda s, x: s.parts[0](F.linear(x.flatten(1), s.a @ s.b)), H(6, 10),
                       a=weight(6, 2), b=weight(2, 192)), ("a", "b", "parts.0")),
    "tied": (Doing(lambda s, x: s.parts[0](F.linear(F.linear(x.flatten(1), s.w), s.w.T)),
                   H(192, 10), w=weight(5, 192)), ("w", "parts.0")),
    "standardised": (Doing(standardised, H(144, 10), w=weight(4, 3, 3, 3),
                           gain=weight(4, 1, 1, 1)), ("w", "parts.0")),
    "modulated": (Doing(modulated, H(3, 3), H(4, 10), w=weight(4, 3, 3, 3),
                        gain=weight(4, 1, 1, 1)), ("parts.0", "w", "parts.1")),
    "weight norm": (with_head(parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), 144),
                    ("parts.0", "parts.1")),
    "weight norm by hooks": (with_head(normed(nn.Conv2d(3, 4, 3)), 144),
                             ("parts.0", "parts.1")),
    "spectral norm": (with_head(parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)), 144),
                      ("parts.0", "parts.1")),
    "recurrent": (Doing(from_a_state, nn.LSTM(64, 6, batch_first=True), H(6, 10),
                        h=weight(1, 1, 6)),
                  ("parts.0.weight_ih_l0", "parts.0.weight_hh_l0", "parts.1")),
    "cell": (Doing(lambda s, x: s.parts[1](s.parts[0](x.flatten(1))), nn.GRUCell(192, 6), H(6, 10)),
             ("parts.0.weight_ih", "parts.0.weight_hh", "parts.1")),
    "class token": (Doing(class_attention, H(3, 3), H(3, 3), H(3, 10), token=weight(1, 1, 3)),
                    ("parts.0", "parts.1", "parts.2")),
    "learnt query": (Doing(pooled, nn.MultiheadAttention(3, 1, batch_first=True), H(3, 10),
                           token=weight(1, 1, 3)),
                     ("parts.0", "parts.0.out_proj", "parts.1")),
    "learnt keys": (Doing(from_learnt_keys, H(192, 10), k=weight(1, 1, 7, 3)), ("parts.0",)),
    "positions": (Doing(lambda s, x: s.parts[1]((s.parts[0](tokens(x)) + s.pos).flatten(1)),
                        H(3, 4), H(256, 10), pos=weight(1, 64, 4)), ("parts.0", "parts.1")),
    "embedding": (Doing(lambda s, x: s.parts[1]((tokens(x) + s.parts[0].weight).flatten(1)),
                        nn.Embedding(64, 3), H(192, 10)), ("parts.1",)),
    "scale": (Doing(lambda s, x: s.parts[0](torch.einsum("nchw,kc->nchw", x, s.g).flatten(1)),
                    H(192, 10), g=weight(1, 3)), ("parts.0",)),
    "norm over places": (with_head(nn.LayerNorm([3, 8, 8]), 192), ("parts.1",)),
    "made by a network": (Doing(
        lambda s, x: s.parts[1](F.conv2d(x, s.parts[0](s.z).view(4, 3, 3, 3)).flatten(1)),
        H(6, 108), H(144, 10), z=weight(1, 6)), ("parts.0", "parts.1")),
    "autograd function": (Doing(lambda s, x: s.parts[0](Manual.apply(x.flatten(1), s.w)), H(5, 10),
                                w=weight(192, 5)), ("w", "parts.0")),
    "nested tensor": (Doing(lambda s, x: s.parts[0](torch.nested.as_nested_tensor(
        [*x.flatten(1)[:, None]], layout=torch.jagged)).to_padded_tensor(0.0).flatten(1),
        H(192, 10)), ("parts.0",)),
    "frozen": (with_head(nn.Conv2d(3, 4, 3).requires_grad_(False), 144), ("parts.1",)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_found_in_every_form(name: str) -> None:
    model, layers = LAYERS[name]
    before = copy.deepcopy(model.state_dict())
    assert gradient_flow(model, *batch(3, 8)).layers == layers
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


class Experts(nn.Module):
    """Each image goes to the expert of its brightness; few images reach the last."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(192, 10) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        chosen = x.mean((1, 2, 3)).long()
        y = torch.zeros(len(x), 10)
        for number, expert in enumerate(self.experts):
            rows = (chosen == number).nonzero()[:, 0]
            if len(rows):
                y = y.index_put((rows,), expert(x[rows].flatten(1)))
        return y


def test_layers_that_few_images_reach_are_found() -> None:
    images = torch.zeros(100, 3, 8, 8)
    images[50:90], images[90:] = 1.5, 2.5
    flow = gradient_flow(Experts(), images, torch.arange(100) % 10)
    assert flow.layers == ("experts.0", "experts.1", "experts.2") and flow.passes is None
    first = gradient_flow(Experts(), images[:50], torch.arange(50) % 10)
    assert first.layers == flow.layers and not first.norm[1:].any()


class LeavesOut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(192, 192) for _ in range(6))
        self.head = nn.Linear(192, 10)

    def forward(self, x: Tensor) -> Tensor:
        x, one = x.flatten(1), random.randrange(6)
        for number, block in enumerate(self.blocks):
            if number != one and torch.rand(()) < 0.5:
                x = x + block(x)
        return cast("Tensor", self.head(x))


def test_layers_skipped_at_random_have_means_over_passes_that_reach_them() -> None:
    model, (images, labels) = LeavesOut(), batch(3, 8)
    names = (*(f"blocks.{number}" for number in range(6)), "head")
    norms: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(16):
        model.zero_grad()
        with seeded(seed):
            F.cross_entropy(model(images), labels).backward()
        for name, kept in norms.items():
            gradient = model.get_submodule(name).weight.grad
            if gradient is not None:
                kept.append(float(gradient.norm()))
    flow = gradient_flow(model, images, labels)
    assert flow.layers == tuple(norms) and flow.passes is not None
    assert flow.passes.tolist() == [len(kept) for kept in norms.values()]
    assert flow.norm == pytest.approx([np.mean(kept) for kept in norms.values()])
    record = GradientRecord(flow.layers, flow.norm[None], flow.mean_abs[None], None, flow.passes)
    least = min(flow.passes)
    assert record.remarks()[0].endswith(f"passes that reach it, {least} to 16 of 16")
    recorder = GradientRecorder(images, labels)
    recorder.resume(GradientRecord.from_arrays(record.to_arrays()), moments=1)
    recorder.measure(model)
    assert recorder.record.remarks() == record.remarks()
    assert np.array_equal(recorder.record.norm, np.stack([flow.norm] * 2))


def test_network_without_layers_is_refused() -> None:
    model = Doing(lambda s, x: (x * s.g).flatten(1)[:, :10], g=weight(1, 3, 1, 1))
    with pytest.raises(ModelError, match="no layer with trainable weights"):
        gradient_flow(model, *batch(3, 8))


def test_zero_head_is_reported_and_gives_no_verdict() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    nn.init.zeros_(model[3].weight)
    flow = gradient_flow(model, *batch(3, 8))
    assert flow.norm[0] == 0 and flow.norm[1] > 0
    record = GradientRecord(flow.layers, flow.norm[None], flow.mean_abs[None], flow.zero[None])
    assert record.verdict() == "not known" and np.isnan(record.ratio())
    assert record.remarks() == [
        "weights all zero: `3`, at initialisation",
        "gradient 0: `0`, at initialisation",
    ]
    assert record.to_json()["ratio"] is None
    again = GradientRecord.from_arrays(record.to_arrays())
    assert again.remarks() == record.remarks()
    assert "zero" not in GradientRecord(flow.layers, flow.norm[None], flow.norm[None]).to_arrays()


def test_input_changed_in_place_does_not_change_measurements() -> None:
    images, labels = batch()
    changes, copies = (resolve(f"{INPLACE}:{name}", MNIST).build(0) for name in ("Net", "Copy"))
    kept = images.clone()
    for _ in range(2):
        flows = [gradient_flow(model, images, labels) for model in (changes, copies)]
        np.testing.assert_array_equal(flows[0].norm, flows[1].norm)
        records = [features(model, images, np.arange(8), 2) for model in (changes, copies)]
        np.testing.assert_array_equal(records[0].mean, records[1].mean)
        np.testing.assert_array_equal(records[0].first, records[1].first)
    inference(changes, images, torch.autocast("cpu", enabled=False))
    assert torch.equal(images, kept)
    seen = views(images, "flip-crop")
    storages = {x.untyped_storage().data_ptr() for _, x in seen}
    assert len(storages) == len(seen), "a network that changes a view changes no other"


@pytest.mark.usefixtures("own_code_here")
def test_runs_with_and_without_in_place_input_record_the_same(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    specs = [f"{INPLACE}:{name}" for name in ("Net", "Copy")]
    data = ("-d", "shapes:train=64,test=16", "-e", "2")
    assert run("compare", *specs, *data).code == 0
    store = RunStore(tmp_path / "runs")
    arrays = [store.analysis(store.run(key), name) for name in ("gradients", "features")
              for key in store.ids()]  # fmt: skip
    for one, other in (arrays[:2], arrays[2:]):
        assert one is not None and other is not None
        for key in set(one) - {"layers", "stage_names", "first_layer"}:
            np.testing.assert_array_equal(one[key], other[key])


def test_gradient_hooks_and_kept_activations_are_copied() -> None:
    """The gradients are those of the network itself, halved and clipped by its hooks."""

    def clipped(weight: Tensor) -> None:
        assert weight.grad is not None
        weight.grad.clamp_(-1e-3, 1e-3)

    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, 3), nn.Linear(144, 10)
            self.kept: dict[str, list[Tensor]] = {"all": []}
            self.a.register_forward_hook(lambda _m, _i, out: self.kept["all"].append(out))
            self.a.weight.register_hook(lambda gradient: 0.5 * gradient)
            self.b.weight.register_post_accumulate_grad_hook(clipped)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x).relu().flatten(1))  # type: ignore[no-any-return]

    model, (images, labels) = Keeping(), batch(1, 8)
    flow = gradient_flow(model, images, labels)
    model.train()(images).square().sum().backward()
    assert not model.kept["all"][-1].is_leaf
    assert np.array_equal(gradient_flow(model, images, labels).norm, flow.norm)
    model.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    own = [p.grad.norm().item() for p in (model.a.weight, model.b.weight) if p.grad is not None]
    assert np.allclose(flow.norm, own, rtol=1e-5)


def test_activation_has_a_row_for_each_call() -> None:
    images, _ = batch()
    shared, own = (resolve(f"{RELU}:{name}", MNIST).build(0) for name in ("Shared", "Own"))
    own.load_state_dict(shared.state_dict())
    one, other = (features(model, images, np.arange(8), 2) for model in (shared, own))
    assert one.layers == ("relu", "relu (call 2)", "relu (call 3)")
    assert other.layers == ("r1", "r2", "r3")
    for name in ("mean", "std", "dead"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_pictures_are_those_of_images() -> None:
    """Neither of weights, as many as there are images, nor of frames that lie in the batch."""
    net = nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(1, 8, 3)),
        nn.Unflatten(0, (1, -1)), nn.Flatten(0, 1), nn.ReLU(), nn.PixelUnshuffle(2),
        nn.Unflatten(1, (2, 16)), nn.Flatten(0, 1), nn.GELU(),
    )  # fmt: skip
    images, _ = batch()
    record = features(net, images[:8], np.arange(8), 2)
    assert record.layers == ("3", "7") and record.first_layer == "3"
    assert {name: maps.shape for name, maps in record.stages.items()} == {
        "3": (2, 26, 26), "4": (2, 13, 13),
    }  # fmt: skip


def test_activations_of_an_ensemble_in_a_transform_are_left_out() -> None:
    class Ensemble(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.one = nn.Conv2d(1, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU())
            self.weights = nn.Parameter(weight(3, 4, 4, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            def called(w: Tensor, x: Tensor) -> Any:
                return torch.func.functional_call(self.one, {"0.weight": w}, (x,))

            maps = torch.vmap(called, in_dims=(0, None))(self.weights, self.stem(x))
            return cast(Tensor, maps.mean((0, 3, 4)))

    images, _ = batch()
    record = features(Ensemble(), images, np.arange(8), 2)
    assert record.layers == () and list(record.stages) == ["stem"]


def test_run_resumes_from_a_record_of_other_layers(tiny: Dataset) -> None:
    """A network may use other layers once it is trained: those that were not recorded are NaN."""
    train = Batches(tiny.train, tiny, torch.device("cpu"))
    pixels, classes = tiny.train.images[0].size, len(tiny.classes)
    model = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 4), nn.Linear(4, classes))
    recorder = GradientRecorder(*fixed_images(train))
    old = np.array([[3.0, 7.0]])
    recorder.resume(GradientRecord(("1", "token"), old, old), moments=1)
    recorder.measure(model)
    record = recorder.record
    assert record.layers == ("1", "2") and record.zero is None
    assert record.norm[0, 0] == 3 and np.isnan(record.norm[0, 1])
    assert np.isfinite(record.norm[1]).all()


def test_functions_that_captured_the_network_refer_to_its_copy() -> None:
    """Hooks and a replaced forward pass; other captured objects stay shared."""
    calls: list[int] = []

    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(64, 8), nn.Linear(8, 8), nn.Linear(8, 10)
            self.seen: dict[str, Tensor] = {}

            def keep(_m: nn.Module, _i: Any, out: Tensor, *, name: str = "a") -> None:
                self.seen[name] = out
                calls.append(len(out))

            self.a.register_forward_hook(keep)
            plain = self.b.forward
            self.b.forward = lambda x: 2 * plain(x)  # type: ignore[method-assign]

        def forward(self, x: Tensor) -> Tensor:
            self.a(x.flatten(1))
            return self.c(self.b(self.seen["a"].relu()))  # type: ignore[no-any-return]

    model, (images, labels) = Reading(), batch(1, 8)
    model(images[:2])
    flow = gradient_flow(model, images, labels)
    assert calls[:2] == [2, 8] and len(model.seen["a"]) == 2
    F.cross_entropy(model(images), labels).backward()
    expected = [layer.weight.grad.norm().item() for layer in (model.a, model.b, model.c)]  # type: ignore[union-attr]
    assert flow.layers == ("a", "b", "c")
    assert flow.norm == pytest.approx(expected, rel=1e-4)
