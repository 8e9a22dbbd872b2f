"""User networks: which arguments are filled in, and the message for each mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from convcompare.core.errors import ModelError, UsageError
from convcompare.models.build import origin_of, resolve
from convcompare.models.shape import Shape

SHAPE = Shape(1, 28, 10)
GOOD = """
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes, width=4, bias: bool = True):
        super().__init__()
        self.fc = nn.Linear(784, width, bias=bias)
        self.out = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.out(self.fc(x.flatten(1)).relu())

class Zoo:
    class Small(Net): pass
    @classmethod
    def small(cls, num_classes): return cls.Small(num_classes, width=2)

def make(in_channels: int, image_size: int, num_classes: int):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))
"""
BAD = {
    "broken = ": ("SyntaxError", "line 1"),
    "import no_such_thing\nNet = 1": ("No module named 'no_such_thing'", "line 1"),
    "import no_such_thing\nNet = 2": ("", "install the package of `no_such_thing`"),
    "from torch._six import inf\nNet = 1": (
        "No module named 'torch._six'",
        "the `torch` installed here has no such part: the file is for another version",
    ),
    "from collections import Iterable\nNet = 1": (
        "cannot import name 'Iterable'",
        "the `collections` installed here has no such part: the file is for another version",
    ),
    "import torch\nNet = torch.not_there": (
        "has no attribute 'not_there'",
        "the `torch` installed here has no such part: the file is for another version",
    ),
    "%matplotlib inline\nNet = 1": ("SyntaxError", "are the notebook's: remove them"),
    "get_ipython().system('pip list')": ("NameError", "are the notebook's: remove them"),
    "raise SystemExit(3)": ("SystemExit", ""),
    "Net = 3\nclass Nett: pass": ("has no network `Net`", "did you mean `Nett`?"),
    "def Net(): return 3": ("gives a int, not a network", "torch.nn.Module"),
    "def Net(): raise RuntimeError('no\\nway')": ("RuntimeError: no (net.py, line 1)", ""),
    "import torch\nclass Net(torch.nn.Module): pass": ("fails on 2 images of 1×28×28", ""),
    "from torch import nn\ndef Net(): return nn.Sequential(nn.Flatten(), nn.Linear(784, 5))": (
        "gives (2, 5) for 2 images of 1×28×28, not (2, 10)",
        "num_classes",
    ),
    "from torch import nn\ndef Net(): return nn.Linear(3, 10)": (
        "fails on 2 images",
        "a linear layer takes 3 numbers and gets 28: `.flatten(1)` in front of it",
    ),
    "from torch.nn import *\ndef Net(): return Sequential(Flatten(), AdaptiveAvgPool1d(10))": (
        "no parameters to train",
        "",
    ),
    "import torch\nclass Net(torch.nn.Linear):\n  def __init__(self): super().__init__(784, 10)\n"
    "  def forward(self, x): return 1 / 0 if self.training else super().forward(x.flatten(1))": (
        "fails in training on 2 images of 1×28×28: ZeroDivisionError: division by zero",
        "line 4",
    ),
    "def Net(width): pass": ("missing 1 required positional argument: 'width'", ""),
}


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = tmp_path / "net.py"
        path.write_text(text)
        return path

    return write


def test_builders_receive_the_arguments_that_they_declare(net: Callable[[str], Path]) -> None:
    net(GOOD)
    assert resolve("net.py:Net", SHAPE).description.parameters == 784 * 4 + 4 + 4 * 10 + 10
    assert resolve("net.py:Net:width=8,bias=no", SHAPE).description.parameters == 784 * 8 + 90
    assert resolve("net.py:make", SHAPE).description.parameters == 7850
    assert resolve("net.py:Zoo.Small", SHAPE).description.parameters == 784 * 4 + 54
    assert resolve("net.py:Zoo.small", SHAPE).description.parameters == 784 * 2 + 32
    assert resolve("net.py:make", Shape(3, 32, 7)).description.parameters == 3072 * 7 + 7


def test_number_of_classes_is_no_option(net: Callable[[str], Path]) -> None:
    net(GOOD)
    with pytest.raises(UsageError) as caught:
        resolve("net.py:Net:num_classes=10", SHAPE)
    assert caught.value.message == "`num_classes` of `net.py:Net` comes from the data set"
    assert caught.value.hint == "leave it out"


KEYWORDS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, classes=None, num_classes=1000):
        super().__init__()
        self.fc = nn.Linear(784, classes or num_classes)

    def forward(self, x):
        return self.fc(x.flatten(1))

def handed_on(pretrained=False, **kwargs): return Net(**kwargs)
def settings(**kwargs): return Net(**{"num_classes": 1000, **kwargs})
def swallowed(**kwargs): return Net(classes=7)
def given(**kwargs):
    nn.Linear(2, 2)
    return Net(num_classes=7, **kwargs)
def refused(**kwargs):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 7, **kwargs))
def plain():
    nn.Linear(2, 2)
    return Net(num_classes=7)
"""


@pytest.mark.parametrize("name", ["handed_on", "settings", "swallowed", "given", "refused"])
def test_keyword_arguments_pass_on_the_number_of_classes(
    net: Callable[[str], Path], name: str
) -> None:
    net(KEYWORDS)
    assert resolve(f"net.py:{name}", Shape(1, 28, 7)).description.parameters == 785 * 7


def test_refused_keyword_arguments_do_not_change_weights(net: Callable[[str], Path]) -> None:
    net(KEYWORDS)
    given, plain = (
        resolve(f"net.py:{name}", Shape(1, 28, 7)).build(3).fc for name in ("given", "plain")
    )
    assert given.weight.equal(plain.weight)


def test_keyword_arguments_are_no_options(net: Callable[[str], Path]) -> None:
    net(KEYWORDS)
    for option, message in (
        ("num_classes=7", "`num_classes` of `net.py:handed_on` comes from the data set"),
        ("classes=7", "`net.py:handed_on` has no option `classes`"),
    ):
        with pytest.raises(UsageError) as caught:
            resolve(f"net.py:handed_on:{option}", SHAPE)
        assert caught.value.message == message
    assert "name the class that it builds" in str(caught.value.hint)
    with pytest.raises(ModelError, match=r"gives \(2, 7\) for 2 images of 1×28×28, not \(2, 10\)"):
        assert resolve("net.py:given", SHAPE).description


def test_module_on_the_path_is_accepted(net: Callable[[str], Path], tmp_path: Path) -> None:
    net(GOOD)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "nets.py").write_text(GOOD)
    assert resolve("mine.nets:make", SHAPE).description.parameters == 7850


def test_builder_has_the_origin_of_its_network(net: Callable[[str], Path]) -> None:
    net(GOOD)
    assert resolve("fcn", SHAPE).origin == "registry"
    assert resolve("net.py:Net:width=8", SHAPE).origin == "file"
    assert origin_of("mine.nets:make") == "file"
    assert origin_of("timm:resnet18") == "library"


def test_file_does_not_set_the_precision_of_products(net: Callable[[str], Path]) -> None:
    setting = 'torch.set_float32_matmul_precision("medium")'
    within = GOOD.replace("super().__init__()", f"super().__init__(); {setting}")
    assert resolve(f"{net(f'import torch; {setting}{within}')}:Net", SHAPE).build(0)
    assert torch.get_float32_matmul_precision() == "highest"


def test_changed_file_changes_the_code_hash(net: Callable[[str], Path]) -> None:
    net(GOOD)
    first = resolve("net.py:Net", SHAPE).code
    net(GOOD + "\n# changed")
    assert first != resolve("net.py:Net", SHAPE).code


def test_modules_imported_by_computed_name_are_part_of_the_code(
    net: Callable[[str], Path],
) -> None:
    """As in registries of networks: otherwise runs would be reused after a change of the module."""
    path = net(
        "import importlib\n"
        "def Net(kind: str = 'plain'): return importlib.import_module(f'nets_{kind}').Net()\n"
    )
    module = path.with_name("nets_plain.py")
    codes = [resolve("net.py:Net", SHAPE).code]
    for width in (4, 8):
        module.write_text(f"WIDTH = {width}")
        codes.append(resolve("net.py:Net", SHAPE).code)
    assert len({*codes}) == 3
    path.write_text(path.read_text().replace("f'nets_{kind}'", "'nets_plain'"))
    known = resolve("net.py:Net", SHAPE).code
    path.with_name("notes.py").write_text("")
    assert resolve("net.py:Net", SHAPE).code == known, "a literal name imports only that module"
    module.write_text("WIDTH = 16")
    assert resolve("net.py:Net", SHAPE).code != known
    path.write_text(
        "from importlib import util\n"
        "def Net(): return util.spec_from_file_location('nets', 'nets_plain.py')"
    )
    known = resolve("net.py:Net", SHAPE).code
    module.write_text("WIDTH = 32")
    assert resolve("net.py:Net", SHAPE).code != known, "a file is imported by its path"


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text)[:40])
def test_each_mistake_is_reported_in_one_line(net: Callable[[str], Path], text: str) -> None:
    net(text)
    with pytest.raises(ModelError) as caught:
        _ = resolve("net.py:Net", SHAPE).description
    error, more = BAD[text]
    assert error in caught.value.message
    assert more in caught.value.message + (caught.value.hint or "")
    assert "\n" not in caught.value.message


def test_syntax_error_names_its_file(net: Callable[[str], Path], tmp_path: Path) -> None:
    net("import helper_with_a_mistake")
    (tmp_path / "helper_with_a_mistake.py").write_text("\nwrong = ")
    with pytest.raises(ModelError) as error:
        resolve("net.py:Net", SHAPE)
    assert "(helper_with_a_mistake.py, line 2)" in error.value.message


def test_file_named_without_its_ending_gets_a_hint(net: Callable[[str], Path]) -> None:
    net("def make(): return None")
    with pytest.raises(ModelError) as error:
        resolve("net:make", SHAPE)
    assert error.value.hint == "write `net.py:make`"


@pytest.mark.usefixtures("own_code_here")
def test_user_network_is_compared_with_the_zoo(
    net: Callable[[str], Path], run: Callable[..., Any]
) -> None:
    net(GOOD)
    result = run(
        "compare", "net.py:Net:width=16", "fcn", "-d", "mnist-mini", "-e", "1", "-f", "json"
    )
    assert result.code == 0, result.err
    own, zoo = result.json()["models"]
    assert own["parameters"] == 784 * 16 + 16 + 170
    assert 0.5 < own["test_accuracy"]["value"] < zoo["test_accuracy"]["value"]


@pytest.mark.usefixtures("own_code_here")
def test_failing_network_does_not_stop_the_others(
    net: Callable[[str], Path], run: Callable[..., Any]
) -> None:
    failing = "assert len(x) == 2, 'not today'\n        return self.out("
    net(GOOD.replace("return self.out(", failing))
    result = run("compare", "net.py:Net", "fcn", "-d", "mnist-mini", "-e", "1")
    assert result.code == 1
    assert "failed: AssertionError: not today (net.py, line 11)" in result.err
    assert "0.8" in result.out


@pytest.mark.usefixtures("own_code_here")
def test_parameters_without_gradient_are_named(
    net: Callable[[str], Path], run: Callable[..., Any]
) -> None:
    net(GOOD.replace("self.out = ", "self.spare = nn.Linear(3, 5)\n        self.out = "))
    result = run("train", "net.py:Net", "-d", "mnist-mini", "-e", "1")
    assert result.code == 0
    expected = (
        "has parameters that no gradient reaches (`spare.weight`, `spare.bias`): they are counted"
    )
    assert f"warning: `net.py:Net` {expected} and not trained" in result.err
    assert f"net.py:Net (seed 0) {expected.partition(' (`')[0]}" in result.err, "beside the table"


@pytest.mark.usefixtures("own_code_here")
def test_images_are_resized_for_networks_that_need_larger_ones(
    net: Callable[[str], Path], run: Callable[..., Any]
) -> None:
    net(GOOD.replace("784", "1024"))
    refused = run("train", "net.py:Net", "-d", "mnist-mini", "-e", "1")
    assert refused.code == 2
    assert " hint: it takes images of 32×32 pixels: `--image-size 32`" in refused.err
    command = ("train", "net.py:Net:width=16", "-d", "mnist-mini", "-e", "1")
    result = run(*command, "--image-size", "32", "-f", "json")
    assert result.code == 0, result.err
    assert "· 1×32×32 ·" in result.err
    assert result.json()["models"][0]["test_accuracy"]["value"] > 0.6
