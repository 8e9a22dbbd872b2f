from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcompare.core.errors import UsageError
from convcompare.core.spec import Kernel, Probability, Spec, Widths, bind, format_value, options_of


def builder(
    in_channels: int,
    width: Widths = (32, 64),
    kernel: Kernel = 3,
    dropout: Probability = 0.25,
    bias: bool = True,
    block: Literal["basic", "bottleneck"] = "basic",
    depth: int | None = None,
    note: str = "x",
) -> None: ...


OPTIONS = options_of(builder, ("in_channels",))


def test_context_is_not_an_option() -> None:
    assert list(OPTIONS) == ["width", "kernel", "dropout", "bias", "block", "depth", "note"]


def test_values_are_cast_by_the_annotations() -> None:
    spec = Spec.parse("net:width=512x256x8,kernel=5,dropout=0,bias=false,block=bottleneck,depth=4")
    assert bind(spec, OPTIONS) == {
        "width": (512, 256, 8),
        "kernel": 5,
        "dropout": 0.0,
        "bias": False,
        "block": "bottleneck",
        "depth": 4,
        "note": "x",
    }


def test_options_separated_by_colons_get_a_hint_with_commas() -> None:
    with pytest.raises(UsageError) as error:
        Spec.parse("net.py:Net:width=8:depth=2,kernel=5")
    assert error.value.hint is not None
    assert error.value.hint.endswith("`net.py:Net:width=8,depth=2,kernel=5`")
    assert Spec.parse("folder:/data/a=b:size=32").name == "folder:/data/a=b"


def test_none_is_accepted_only_if_allowed() -> None:
    assert bind(Spec.parse("net:depth=none"), OPTIONS)["depth"] is None


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("kernel=4", "odd"),
        ("kernel=three", "a whole number"),
        ("width=32x0", "at least 1"),
        ("width=", "option=value"),
        ("dropout=1", "to below 1"),
        ("dropout=nan", "a number"),
        ("bias=maybe", "true or false"),
        ("block=wide", "basic, bottleneck"),
        ("kernal=3", "did you mean `kernel`?"),
        ("kernel=3,kernel=5", ""),
    ],
)
def test_invalid_value_lists_the_valid_ones(text: str, allowed: str) -> None:
    with pytest.raises(UsageError) as caught:
        bind(Spec.parse(f"net:{text}"), OPTIONS)
    assert allowed in (caught.value.hint or "")


def test_names_may_contain_colons() -> None:
    assert Spec.parse("net.py:Net") == Spec("net.py:Net")
    assert Spec.parse("net.py:Net:width=8") == Spec("net.py:Net", (("width", "8"),))
    assert Spec.parse("folder:/a/b:size=64,test=0.2").name == "folder:/a/b"
    assert Spec.parse("torchvision:resnet18:weights=none").name == "torchvision:resnet18"


names = st.from_regex(r"[a-z][a-z0-9_.-]{0,10}(:[A-Za-z]{1,6})?", fullmatch=True)
values = st.from_regex(r"[A-Za-z0-9_.x-]{1,12}", fullmatch=True)
options = st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), values)


@given(names, options)
def test_spec_round_trips(name: str, given_options: dict[str, str]) -> None:
    spec = Spec(name, tuple(given_options.items()))
    assert Spec.parse(str(spec)) == spec


@given(
    st.one_of(
        st.lists(st.integers(1, 4096), min_size=1, max_size=5).map(lambda v: ("width", tuple(v))),
        st.integers(0, 20).map(lambda v: ("kernel", 2 * v + 1)),
        st.floats(0, 0.999).map(lambda v: ("dropout", v)),
        st.booleans().map(lambda v: ("bias", v)),
    )
)
def test_formatted_value_casts_back_to_itself(pair: tuple[str, Any]) -> None:
    name, value = pair
    spec = Spec("net", ((name, format_value(value)),))
    assert bind(spec, OPTIONS)[name] == value


@given(st.text(max_size=40))
def test_any_text_is_a_spec_or_raises_a_usage_error(text: str) -> None:
    try:
        spec = Spec.parse(text)
    except UsageError as error:
        assert "\n" not in error.message
    else:
        assert spec.name


def test_options_of_library_networks_are_parsed_by_their_form() -> None:
    class Layer:
        pass

    def network(width, bias=None, sizes=(1, 2), layer: type = Layer, made=Layer()):  # type: ignore[no-untyped-def]  # noqa: B008
        return width

    options = options_of(network)
    read = [options["width"].cast(text) for text in ("16", "0.5", "relu", "true", "none")]
    assert read == [16, 0.5, "relu", True, None]
    assert options["bias"].cast("false") is False
    assert options["sizes"].cast("3x4") == (3, 4)
    for name in ("layer", "made"):
        with pytest.raises(UsageError) as error:
            bind(Spec("net.py:network", ((name, "relu"),)), options)
        assert "a function that makes" in (error.value.hint or "")
