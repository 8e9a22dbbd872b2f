"""Similarity of layers: CKA by two formulas, its invariances, and what runs record."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convcompare.analysis.similarity import MOST_LAYERS, similarity
from convcompare.comparison.layer_similarity import cka
from convcompare.models.build import resolve
from convcompare.models.shape import Shape
from convcompare.store.run_store import RunStore
from convcompare.store.similarity_record import SIMILARITY, SimilarityRecord

Run = Callable[..., Any]


def features(n: int, *sizes: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 3))
    return [shared @ rng.normal(size=(3, p)) + 2 + rng.normal(size=(n, p)) for p in sizes]


def grams(*every: np.ndarray) -> np.ndarray:
    return np.stack([one @ one.T for one in every])


def test_debiased_cka_averages_over_all_quadruples_of_images() -> None:
    """The unbiased estimator of HSIC by its definition (Song et al. 2012, theorem 2)."""
    x, y = features(7, 4, 3)
    (k,), (l,) = grams(x), grams(y)  # noqa: E741

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        terms = [
            a[i, j] * b[i, j] + a[i, j] * b[q, r] - 2 * a[i, j] * b[i, q]
            for i, j, q, r in itertools.permutations(range(7), 4)
        ]
        return float(np.mean(terms))

    expected = hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))
    assert cka(grams(x), grams(y))[0, 0] == pytest.approx(expected)


def test_cka_is_invariant_to_rotation_scale_and_shift() -> None:
    x, y = features(40, 6, 9)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))
    turned = 7.5 * x @ rotation + 3
    before = cka(grams(x), grams(y))
    np.testing.assert_allclose(cka(grams(turned), grams(y)), before)
    np.testing.assert_allclose(cka(grams(turned), grams(x)), 1)
    np.testing.assert_allclose(cka(grams(y), grams(x)), before.T)
    stretched = x * np.array([1, 1, 1, 1, 1, 30])  # not an isotropic scale
    assert cka(grams(stretched), grams(x))[0, 0] < 0.9


def test_debiased_cka_of_unrelated_features_is_near_zero() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60, 3000))
    assert abs(cka(grams(x), grams(y))[0, 0]) < 0.1
    assert np.isnan(cka(np.zeros((1, 9, 9)), np.ones((1, 9, 9)))).all()
    with pytest.raises(ValueError, match="4 images"):
        cka(np.ones((1, 3, 3)), np.ones((1, 3, 3)))


def images(n: int = 40) -> tuple[Tensor, np.ndarray]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 1, 28, 28, generator=generator), np.arange(n)


def test_record_has_the_gram_matrices_of_activations() -> None:
    model = resolve("simple:width=4x6,hidden=8,dropout=0.3", Shape(1, 28, 10)).build(0)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    model.train()
    x, rows = images()
    record = similarity(model, x, rows)
    assert record.layers == ("conv1", "conv2", "fc1", "fc2") and model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    conv = model.eval().get_submodule("conv1")(x).flatten(1).double().detach().numpy()
    centred = conv - conv.mean(0)
    expected = centred @ centred.T
    np.testing.assert_allclose(record.grams[0], expected / np.abs(expected).max(), atol=1e-5)
    again = SimilarityRecord.from_arrays(record.to_arrays())
    assert again.layers == record.layers
    np.testing.assert_allclose(again.grams, record.grams, atol=5e-4)
    np.testing.assert_allclose(cka(again.grams, record.grams).diagonal(), 1, atol=1e-3)


class Odd(nn.Module):
    """Layers in unusual forms.

    A layer called twice, reparametrised, recurrent, constant and overflowing layers, and a table
    with as many rows as there are images.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Linear(784, 6)
        self.twice, self.dead, self.huge = (nn.Linear(6, 6) for _ in range(3))
        self.rows = nn.Embedding(40, 6)
        self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(6, 40))
        self.recurrent = nn.GRU(8, 5, batch_first=True)
        nn.init.zeros_(self.dead.weight)
        nn.init.constant_(self.huge.weight, torch.inf)

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(self.twice(self.flat(x.flatten(1))))
        self.dead(x), self.huge(x), self.rows(torch.arange(40))
        self.recurrent(self.normed(x).unflatten(1, (5, 8)))
        return x


def test_layers_without_similarity_are_left_out() -> None:
    x, rows = images()
    assert similarity(Odd(), x, rows).layers == ("flat", "twice", "normed", "recurrent")
    deep = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 3), *(nn.Linear(3, 3, bias=False) for _ in range(40))
    )
    layers = similarity(deep, x, rows).layers
    assert len(layers) == MOST_LAYERS and (layers[0], layers[-1]) == ("1", "41")
    none = similarity(nn.Flatten(), x, rows)
    assert none.layers == () and SimilarityRecord.from_arrays(none.to_arrays()).grams.shape[0] == 0


def test_runs_record_similarity_for_the_figure(run: Run, tmp_path: Path) -> None:
    few = ("-d", "shapes:train=200,test=300", "-e", "1", "-q", "--threads", "1", "--store", "runs")
    models = ("fcn:hidden=8", "cnn:layers=4-MP-4-MP,hidden=0")
    assert run("compare", *models, *few, "--seeds", "2").code == 0
    drawn = run("plot", "similarity", "--store", "runs", "--format", "json").json()["figures"][0]
    store = RunStore(tmp_path / "runs")
    found: dict[str, dict[int, SimilarityRecord]] = {}
    for run_id in store.ids():
        one = store.run(run_id)
        arrays = store.analysis(one, SIMILARITY)
        assert arrays is not None and len(arrays["rows"]) == 256
        record = SimilarityRecord.from_arrays(arrays)
        found.setdefault(one.trial.label, {})[one.trial.seed] = record
    rows = {tuple(row[:4]): row[4] for row in drawn["rows"]}
    fcn, cnn = (found[label] for label in models)
    between = (cka(cnn[0].grams, fcn[1].grams) + cka(cnn[1].grams, fcn[0].grams)) / 2
    for (i, layer), (j, other) in itertools.product(
        enumerate(cnn[0].layers), enumerate(fcn[0].layers)
    ):
        assert rows[models[1], models[0], layer, other] == pytest.approx(between[i, j])
    seeds = cka(fcn[0].grams, fcn[1].grams)
    assert rows[models[0], models[0], fcn[0].layers[0], fcn[0].layers[0]] == seeds[0, 0]
    alone = run("plot", "similarity", models[0], "--store", "runs", "--format", "json").json()
    assert {row[0] for row in alone["figures"][0]["rows"]} == {models[0]}


def test_network_with_its_own_autocast_is_measured() -> None:
    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(784, 8), nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.b(self.a(x.flatten(1)).relu()).float()  # type: ignore[no-any-return]

    torch.manual_seed(0)
    model, images = Cast(), torch.randn(6, 1, 28, 28)
    found = similarity(model, images, np.arange(6))
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        rows = model.a(images.flatten(1)).double()
    rows = rows - rows.mean(0)
    gram = (rows @ rows.T / (rows @ rows.T).abs().max()).numpy()
    assert found.layers == ("a", "b") and np.allclose(found.grams[0], gram, atol=1e-5)
