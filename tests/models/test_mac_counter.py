"""Multiply-accumulates against manual counts and torch's counter; uncounted operators are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcompare.analysis.layer_summary import layer_table
from convcompare.models.build import resolve
from convcompare.models.inspection import count_macs
from convcompare.models.mac_counter import MacCounter, Tally
from convcompare.models.mac_rules import unknown
from convcompare.models.shape import Shape
from tests.support.small_networks import Doing, tokens, weight

CASES = Path(__file__).parent.parent / "cases"
MNIST = Shape(1, 28, 10)


def counted(model: nn.Module, images: int = 2, channels: int = 3) -> Tally:
    """Return the count, after checking that the rows of the layer table add up to it."""
    x = torch.zeros(images, channels, 8, 8)
    found, _ = count_macs(model, x)
    rows = layer_table(model, x)
    assert sum((Tally(row.macs or 0, dict.fromkeys(row.uncounted)) for row in rows), Tally()) == (
        found if found.macs is not None else Tally(sum(row.macs or 0 for row in rows), found.names)
    )
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())
    return found


EXPECTED = {  # manual counts: patch 25,088, qkv 150,528, QK and AV 153,664, out 50,176, mlp 200,704
    "Mha": 379_776,
    "Sdpa": 379_776,
    "Manual": 379_776,
    "Enc": 1_135_552,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_attention_counts_the_same_in_every_form(name: str) -> None:
    file = CASES / "02-attention-macs" / "attn.py"
    builder = resolve(f"{file}:{name}", MNIST)
    assert builder.description.macs == EXPECTED[name]
    for device in ("cpu", "meta"):
        rows = layer_table(builder.build(0, device), torch.zeros(2, 1, 28, 28, device=device))
        assert sum(row.macs or 0 for row in rows) == EXPECTED[name]
        assert sum(row.parameters for row in rows) == builder.description.parameters


@pytest.mark.usefixtures("own_code_here")
def test_network_with_a_token_is_counted_and_trains(run: Callable[..., Any]) -> None:
    spec = f"{CASES / '26-token-parameter' / 'token_net.py'}:TokenNet"
    shown = run("models", spec, "-d", "shapes", "-f", "json")
    assert shown.code == 0, shown.err
    assert shown.json()["macs"] == 64 * 48 * 16 + 160
    trained = run("compare", spec, "-d", "shapes:train=64,test=16", "-e", "1", "-f", "json")
    assert trained.code == 0, trained.err


RECURRENT = [
    (nn.LSTM(64, 6, 2, bidirectional=True, batch_first=True),
     3 * (2 * (24 * 64 + 24 * 6) + 2 * (24 * 12 + 24 * 6))),
    (nn.LSTM(64, 6, proj_size=4, batch_first=True), 3 * (24 * 64 + 24 * 4 + 4 * 6)),
    (nn.GRU(64, 6, batch_first=True), 3 * (18 * 64 + 18 * 6)),
    (nn.RNN(64, 6, batch_first=True), 3 * (6 * 64 + 6 * 6)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(("layer", "macs"), RECURRENT)
def test_recurrent_layers_are_counted(layer: nn.Module, macs: int) -> None:
    assert counted(Doing(lambda net, x: net.parts[0](x.flatten(2))[0], layer)).macs == macs


def packed(net: Doing, x: Tensor) -> Any:
    lengths = torch.full((len(x),), 2)
    short = nn.utils.rnn.pack_padded_sequence(x.flatten(2), lengths, batch_first=True)
    return net.parts[0](short)[1][0][0]


def attention_of_two(net: Doing, x: Tensor) -> Tensor:
    """Four heads of six queries and four keys of size 8, with values of size 4."""
    n = len(x)
    key, value = x[:, :2].reshape(n, 4, 4, 8), x[:, :1].reshape(n, 4, 4, 4)
    return F.scaled_dot_product_attention(x.view(n, 4, 6, 8), key, value)


def native(net: Doing, x: Tensor) -> Tensor:
    mha, t = net.parts[0], tokens(x)
    weights = (mha.in_proj_weight, mha.in_proj_bias, mha.out_proj.weight, mha.out_proj.bias)
    return torch._native_multi_head_attention(t, t, t, 3, 1, *weights)[0]


def masked(net: Doing, x: Tensor) -> Tensor:
    return net.parts[0](tokens(x), src_key_padding_mask=torch.zeros(len(x), 64, dtype=torch.bool))


class Manual(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor) -> Tensor:
        return x.flatten(1) @ matrix


@torch.inference_mode()
def in_inference_mode(net: Doing, x: Tensor) -> Tensor:
    return torch.einsum("nchw,co->nohw", x, net.a) @ net.b


ENCODER = nn.TransformerEncoder(
    nn.TransformerEncoderLayer(3, 1, 7, batch_first=True), 2, enable_nested_tensor=False
)
PRODUCTS: dict[str, tuple[nn.Module, int]] = {
    "cell": (Doing(lambda s, x: s.parts[0](x.flatten(1))[0], nn.LSTMCell(192, 6)), 24 * 198),
    "packed": (Doing(packed, nn.LSTM(64, 6, batch_first=True)), 2 * 24 * 70),
    "bilinear": (Doing(lambda s, x: s.parts[0](x.flatten(1), x.flatten(1)),
                       nn.Bilinear(192, 192, 3)), 3 * 192 * 192),
    "einsum": (Doing(lambda s, x: torch.einsum("nchw,co->nohw", x, s.a), a=weight(3, 5)), 960),
    "einsum over an index of one": (Doing(
        lambda s, x: torch.einsum("n c ..., co -> no...", x[:, :1], s.a), a=weight(1, 5)), 320),
    "einsum without an output": (Doing(lambda s, x: torch.einsum("cn,oc", x[:, :1, 0, 0].T, s.a),
                                       a=weight(5, 1)), 5),
    "einsum after a sum": (Doing(lambda s, x: torch.einsum("nchw,oc->no", x[:, :1], s.a),
                                 a=weight(5, 1)), 5),
    "einsum without a sum": (Doing(lambda s, x: torch.einsum("nchw,co->nchwo", x[:, :1], s.a),
                                   a=weight(1, 5)), 0),
    "matmul": (Doing(lambda s, x: tokens(x) @ s.a, a=weight(3, 5)), 960),
    "vector": (Doing(lambda s, x: x.flatten(1) @ s.a, a=weight(192)), 192),
    "bmm": (Doing(lambda s, x: torch.bmm(x.flatten(2), tokens(x))), 3 * 64 * 3),
    "baddbmm": (Doing(lambda s, x: torch.baddbmm(x[:, :, :3, 0], x.flatten(2), tokens(x))), 576),
    "transposed": (nn.ConvTranspose2d(3, 4, 3, stride=2), 64 * 3 * 4 * 9),
    "transposed, grouped": (nn.ConvTranspose2d(3, 6, 3, 2, groups=3, output_padding=1), 64 * 54),
    "grouped": (nn.Conv2d(3, 6, 3, groups=3), 36 * 6 * 9),
    "1d": (Doing(lambda s, x: s.parts[0](x.flatten(2)), nn.Conv1d(3, 6, 3)), 62 * 6 * 9),
    "3d": (Doing(lambda s, x: s.parts[0](x[:, None]), nn.Conv3d(1, 2, 3)), 36 * 2 * 27),
    "unfolded": (Doing(lambda s, x: s.a @ F.unfold(x, 3), a=weight(5, 27)), 36 * 135),
    "cross attention": (Doing(attention_of_two), 4 * 6 * 4 * 12),
    "native": (Doing(native, nn.MultiheadAttention(3, 1, batch_first=True)), 64 * 36 + 24_576),
    "masked encoder": (Doing(masked, ENCODER), 2 * (64 * (9 * 4 + 42) + 24_576)),
    "autograd function": (Doing(lambda s, x: Manual.apply(x, s.a), a=weight(192, 5)), 960),
    "inference mode": (Doing(in_inference_mode, a=weight(3, 4), b=weight(8, 5)), 768 + 1280),
    "weight norm": (nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), 36 * 108),
    "spectral norm": (nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)),
                      36 * 108 + 108 + 4),  # the weight's norm, uᵀWv, once per pass
    "in place": (Doing(lambda s, x: s.parts[0](x.sub_(0.5)), nn.Conv2d(3, 4, 3)), 36 * 108),
    "complex": (Doing(lambda s, x: (tokens(x).cfloat() @ s.a.cfloat()).real, a=weight(3, 5)),
                4 * 960),
    "affine grid": (Doing(lambda s, x: F.grid_sample(
        x, F.affine_grid(s.a.expand(len(x), 2, 3), [*x.shape], False), align_corners=False),
        a=weight(1, 2, 3)), 64 * 2 * 3),
    "distances": (Doing(lambda s, x: torch.cdist(x.flatten(1), s.a), a=weight(5, 192)), 960),
    "distances of many": (Doing(lambda s, x: torch.cdist(tokens(x), s.a), a=weight(30, 3)), 5760),
    "distances without products": (Doing(lambda s, x: torch.cdist(x.flatten(1), s.a, p=1),
                                         a=weight(5, 192)), 0),
    "summed over the last": (Doing(lambda s, x: (x.flatten(1)[:, None] * s.a).sum(-1),
                                   a=weight(5, 192)), 960),
    "summed over several": (Doing(lambda s, x: torch.sum(x[:, None] * s.a, (2, 3, 4)),
                                  a=weight(5, 3, 8, 8)), 960),
    "summed in full": (Doing(lambda s, x: (x.flatten(1).mul_(s.a)).sum()[None],
                             a=weight(1, 192)), 192),
    "an involution": (Doing(lambda s, x: (F.unfold(x, 3, padding=1).view(-1, 3, 9, 8, 8)
                                          * s.parts[0](x)[:, None]).sum(2), nn.Conv2d(3, 9, 1)),
                      64 * 27 + 64 * 27),
    "cosines": (Doing(lambda s, x: F.cosine_similarity(x.flatten(1)[:, None], s.a, dim=-1),
                      a=weight(5, 192)), 960),
    "summed in complex numbers": (Doing(lambda s, x: (x.flatten(1).cfloat() * s.a).sum(1).real,
                                        a=weight(192).to(torch.cfloat)), 4 * 192),
    "summed after a view": (Doing(lambda s, x: (x.flatten(1)[:, None] * s.a).view(len(x), 5, 3, 64)
                                  .sum((2, 3)), a=weight(5, 192)), 960),
    "summed after a copy": (Doing(lambda s, x: (x.transpose(2, 3)[:, None] * s.a)
                                  .reshape(len(x), 5, -1).sum(2), a=weight(5, 3, 8, 8)), 960),
    "scaled before the sum": (Doing(lambda s, x: (x.flatten(1)[:, None] * s.a * s.b / 14).sum(2),
                                    a=weight(5, 192), b=weight(5, 1)), 960),
    "summed later": (Doing(lambda s, x: [x[:, None] * s.a, x.mul(2)][0].sum((2, 3, 4)),
                           a=weight(5, 3, 8, 8)), 960),
    "scaled, viewed and summed": (Doing(lambda s, x: (x * s.a).view(len(x), 3, 64).sum(2),
                                        a=weight(3, 1, 1)), 0),
    "scaled and summed": (Doing(lambda s, x: (x * s.a).sum((2, 3)), a=weight(3, 1, 1)), 0),
    "scaled and pooled": (Doing(lambda s, x: (x * x.sigmoid()).mean((2, 3))), 0),
    "squares": (Doing(lambda s, x: (x * x).sum((2, 3))), 0),
    "indices": (Doing(lambda s, x: (torch.ones_like(x).long() * torch.arange(8)).sum(3) * s.a,
                      a=weight(8)), 0),
    "added, then summed": (Doing(lambda s, x: (x * s.a + 1).sum((2, 3)), a=weight(3, 8, 8)), 0),
    "no product": (nn.LPPool2d(2, 2), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_counted_in_every_form(name: str) -> None:
    model, macs = PRODUCTS[name]
    assert counted(model).macs == macs


def even_only(net: Doing, x: Tensor) -> Tensor:
    first, second = x.flatten(1).view(2, -1, 192)
    return F.linear(torch.cat([first, second]), net.a @ net.b)


def test_operations_once_per_pass_are_not_divided_by_images() -> None:
    matrices = {"a": weight(3, 7), "b": weight(7, 192)}
    made = Doing(lambda net, x: F.linear(x.flatten(1), net.a @ net.b), **matrices)
    expected = 3 * 7 * 192 + 3 * 192
    assert [counted(made, images).macs for images in (1, 2, 3)] == [expected] * 3
    assert counted(Doing(even_only, **matrices)).macs == expected, "takes no single image"
    among = Doing(lambda net, x: x.flatten(1) @ x.flatten(1).T)
    assert counted(among, 4).macs == 192, "images interact"


@torch.library.custom_op("convcompare_tests::linear", mutates_args=())
def foreign(x: Tensor, matrix: Tensor) -> Tensor:
    return x @ matrix


UNCOUNTED: dict[str, tuple[nn.Module, str]] = {
    "fft": (Doing(lambda s, x: torch.fft.rfft2(x).abs()), "aten::_fft_r2c"),
    "custom": (Doing(lambda s, x: foreign(x.flatten(1), s.a), a=weight(192, 5)),
               "convcompare_tests::linear"),
    "numpy": (Doing(lambda s, x: torch.from_numpy(x.numpy() @ np.ones((8, 8), np.float32))),
              "Tensor.numpy"),
    "asarray": (Doing(lambda s, x: torch.as_tensor(np.asarray(x) * 2)), "Tensor.__array__"),
    "sparse": (Doing(lambda s, x: torch.mm(s.a.detach().to_sparse(), x.flatten(1).T),
                     a=weight(5, 192)), "aten::mm (sparse or nested)"),
    "exponential": (Doing(lambda s, x: torch.matrix_exp(x)), "aten::linalg_matrix_exp"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNCOUNTED)
def test_uncounted_operator_is_named_and_not_zero(name: str) -> None:
    model, operator = UNCOUNTED[name]
    found = counted(nn.Sequential(model, nn.Flatten()))
    assert found.macs is None
    assert found.uncounted == (operator,)


def test_multiplying_operators_have_a_rule_or_are_unknown() -> None:
    known = {name.split(".")[0] for name in torch._C._dispatch_get_all_op_names()}
    assert {"aten::mm", "aten::convolution", "aten::mkldnn_rnn_layer"} <= known
    for name in ("_pdist_forward", "_fft_c2c", "linalg_solve_triangular", "quantized_lstm",
                 "_weight_int4pack_mm", "_grouped_mm", "_sparse_mm_reduce_impl"):  # fmt: skip
        assert f"aten::{name}" in known and unknown(f"aten::{name}")
    for name in ("lgamma", "cummax", "upsample_bilinear2d", "native_layer_norm", "gelu", "cumprod",
                 "linalg_vector_norm", "_thnn_fused_lstm_cell", "hamming_window"):  # fmt: skip
        assert f"aten::{name}" in known and not unknown(f"aten::{name}")
    assert unknown("torchao::anything") and not unknown("torchvision::nms")


def test_count_agrees_with_torchs_counter_on_known_operators() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)).eval()
    x, q = torch.zeros(2, 3, 8, 8), torch.zeros(2, 4, 6, 8, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as theirs, MacCounter() as ours:
        model(x)
        torch.baddbmm(torch.zeros(2, 4, 6), torch.zeros(2, 4, 5), torch.zeros(2, 5, 6))
        torch.ops.aten._scaled_dot_product_efficient_attention(q, q, q, None, False)
    assert 2 * sum(tally.counted for tally in ours.tallies.values()) == theirs.get_total_flops()


@pytest.fixture
def shared() -> Iterator[nn.Module]:
    convolution = nn.Conv2d(3, 3, 3, padding=1)
    yield nn.Sequential(convolution, nn.ReLU(), convolution, nn.Flatten(), nn.Linear(192, 10))


def test_shared_layer_has_one_row_with_its_calls(shared: nn.Module) -> None:
    rows = layer_table(shared, torch.zeros(2, 3, 8, 8))
    assert [(row.name, row.calls, row.parameters, row.macs) for row in rows] == [
        ("0", 2, 84, 2 * 64 * 81), ("1", 1, 0, 0), ("3", 1, 0, 0), ("4", 1, 1930, 1920),
    ]  # fmt: skip


def test_unused_layer_is_in_the_table(shared: nn.Module) -> None:
    shared.spare = nn.Linear(2, 3)
    shared.forward = lambda x: x.flatten(1)[:, :10] + shared[4](x.flatten(1))  # type: ignore
    rows = {row.name: row for row in layer_table(shared, torch.zeros(2, 3, 8, 8))}
    assert (rows["spare"].calls, rows["spare"].parameters, rows["spare"].macs) == (0, 9, 0)
    assert rows["4"].calls == 1


FOURIER = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, in_channels, num_classes, width: int = 4):
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1)
        self.mix = Mix()
        self.head = nn.Linear(width, num_classes)
    def forward(self, x):
        return self.head(self.mix(self.stem(x)).mean((2, 3)))
class Mix(nn.Module):
    def forward(self, x):
        return torch.fft.fft2(x).real
"""


@pytest.mark.usefixtures("own_code_here")
def test_all_outputs_of_macs_name_uncounted_operators(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "mix.py").write_text(FOURIER, encoding="utf-8")
    data = ("-d", "shapes:train=64,test=16")
    shown = run("models", "mix.py:Net", *data)
    assert "MACs not counted: aten::_fft_c2c (111 k MACs in the layers without)" in " ".join(
        shown.out.replace("│", " ").split()
    ), shown.out
    record = run("models", "mix.py:Net", *data, "-f", "json").json()
    lines = run("models", "mix.py:Net", *data, "-f", "csv").out.splitlines()
    assert "mix,Mix,4×32×32,1,0,,,aten::_fft_c2c" in lines
    rows = {row["name"]: row for row in record["layers"]}
    assert (record["macs"], record["uncounted"]) == (None, ["aten::_fft_c2c"])
    assert (rows["mix"]["macs"], rows["mix"]["uncounted"]) == (None, ["aten::_fft_c2c"])
    assert rows["stem"]["macs"] == 32 * 32 * 4 * 27
    for names in (("mix.py:Net", "fcn"), ("fcn", "mix.py:Net")):
        refused = run("compare", *names, *data, "--match", "macs", "-n")
        assert refused.code == 2
        assert "`aten::_fft_c2c`" in refused.err and "--match parameters" in refused.err
    trained = run("compare", "mix.py:Net", "fcn:hidden=8", *data, "-e", "1", "--columns", "macs")
    assert trained.code == 0, trained.err
    assert "not counted" in trained.out
    assert "MACs of mix.py:Net not counted: aten::_fft_c2c" in trained.out
    models = run("runs", "latest", "-f", "json").json()["models"]
    assert [(m["macs"] is None, m["uncounted"]) for m in models] == [
        (True, ["aten::_fft_c2c"]), (False, []),
    ]  # fmt: skip
    assert run("plot", "accuracy-vs-cost").code == 0
