"""Counts and findings of a network before training, found by building and running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from convcompare.core.errors import ModelError, UsageError, listed, quote
from convcompare.core.failures import in_words, is_out_of_memory, reason
from convcompare.core.fine_tuning import Frozen, InitialWeights
from convcompare.core.spec import Spec

from . import examination, inspection, interface
from .construction import Construction
from .failure_hints import USUAL_BATCHES, batches_named, hint_of
from .findings import Found
from .freezing import frozen_part
from .image_setup import InitialisedFromImages
from .input_hints import channels_hint, size_hint, unfitting_hint
from .mac_counter import Tally
from .meta_device import building_on
from .output_hints import logits_hint, shape_hint
from .trained_weights import untrained_weights

FOR_A_NETWORK = "a smaller network, or a machine with more memory"


@dataclass(frozen=True)
class Description:
    """Counts and findings of a network.

    Attributes:
        parameters: number of trainable elements, without frozen ones.
        macs: multiply-accumulates of a forward pass of one image; None if some operators could not
            be counted.
        image_setup: whether the network sets its initial weights from training images.
        uncounted: names of the operators that could not be counted.
        found: findings that readers of the network's figures must know.
        other_draws: whether the initial weights depend on numpy's or Python's generator.
        initial_weights: weights of a file that the network starts from.
        frozen: counts of the part that is not trained.
    """

    parameters: int
    macs: int | None
    image_setup: bool
    uncounted: tuple[str, ...]
    found: tuple[Found, ...]
    other_draws: bool
    initial_weights: InitialWeights | None
    frozen: Frozen | None


def describe(network: Construction, examined: bool) -> Description:
    """Build a network, run two images through it, and return its counts and findings.

    Args:
        network: builds the network.
        examined: whether a user's network is also examined (`examination`).

    Raises:
        ModelError: if the network fails, or does not return num_classes numbers per image.
    """
    model, macs, output = _first_pass(network)
    if network.origin == "file":
        _check_new(network, model)
    _check_output(network, output)
    parameters = _trainable_elements(network, model)
    _check_state(network, model)
    image_setup = isinstance(model, InitialisedFromImages)
    found = _in_training(network, model)
    found += (Found("compiled"),) if network.compiles_itself() else ()
    if network.origin == "file" and examined:
        try:
            found += examination.examine(network.build, network.shape, macs.macs)
        except Exception as error:
            found += (Found("not examined", reason(error)),)
    return Description(
        parameters=parameters,
        macs=macs.macs,
        image_setup=image_setup,
        uncounted=macs.uncounted,
        found=found,
        other_draws=network.draws_elsewhere(),
        initial_weights=network.loaded(model),
        frozen=frozen_part(model, network.freeze) if network.freeze is not None else None,
    )


def _check_new(network: Construction, model: nn.Module) -> None:
    """Raise ModelError if another build has trainable parameters in common with `model`."""
    another = network.build(0)
    theirs = {id(p) for p in another.parameters()}
    common = [n for n, p in model.named_parameters() if id(p) in theirs and p.requires_grad]
    if another is model or common:
        what = "the same network" if another is model else f"the same {listed(common)}"
        raise ModelError(
            f"{quote(network.spec)} gives {what} in each call",
            "build it in the function: each seed needs weights of its own",
        )


def _first_pass(network: Construction) -> tuple[nn.Module, Tally, object]:
    """Return what `_counted` does; raise ModelError, with a hint, if the network fails."""
    # Registered networks are built without memory or arithmetic; a user's file may need both.
    needs_numbers = network.origin == "file" or network.weights is not None
    device = "cpu" if needs_numbers else "meta"
    try:
        return _counted(network, device)
    except UsageError as error:
        sized = network.origin != "file" or "image_size" in network.arguments
        hint = _size_hint(network) if sized and not error.hint else None
        if hint is None:
            raise
        raise ModelError(error.message, hint) from error
    except Exception as error:
        if is_out_of_memory(error):
            raise ModelError(f"{quote(network.spec)}: {in_words(error)}", FOR_A_NETWORK) from error
        hint = (
            hint_of(error)
            or channels_hint(error, network.shape)
            or _batch_hint(network, error)
            or _size_hint(network)
            or (unfitting_hint(error, 2, network.arguments) if network.origin == "file" else None)
        )
        raise ModelError(
            f"{quote(network.spec)} fails on 2 images of {network.shape}: {reason(error)}", hint
        ) from error


def _trainable_elements(network: Construction, model: nn.Module) -> int:
    """Return the number of trainable elements; raise ModelError if there are none."""
    trained, frozen = inspection.parameters(model), inspection.frozen_parameters(model)
    if not trained:
        hint = f"all of its {frozen:,} are frozen: leave `requires_grad` as it is"
        raise ModelError(
            f"{quote(network.spec)} has no parameters to train", hint if frozen else None
        )
    return trained


def _check_state(network: Construction, model: nn.Module) -> None:
    """Raise ModelError if the `state_dict` of a network contains what a run cannot save."""
    hint = "leave `state_dict` as nn.Module has it; `register_buffer` keeps what is not trained"
    try:
        state = model.state_dict()
    except Exception as error:
        raise ModelError(
            f"{quote(network.spec)} cannot be saved: its `state_dict` fails: {reason(error)}", hint
        ) from error
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise ModelError(
                f"{quote(network.spec)} cannot be saved: {quote(name)} in its `state_dict` is not "
                "a tensor",
                hint,
            )
        if value.layout != torch.strided:
            raise ModelError(
                f"{quote(network.spec)} cannot be saved: {quote(name)} in its `state_dict` is "
                "sparse",
                "`register_buffer(…, persistent=False)` if it is a constant, or a dense tensor",
            )


def _in_training(network: Construction, model: nn.Module) -> tuple[Found, ...]:
    """Return findings about weights that are not trained; none for registered networks.

    Raises ModelError if the network fails or returns no logits in training mode.
    """
    if network.origin == "registry":
        return ()
    try:
        replica = interface.copied(model)
    except Exception as error:
        raise ModelError(
            f"{quote(network.spec)} cannot be copied, as measuring it takes: {reason(error)}",
            "keep locks, files and generators out of its modules",
        ) from error
    frozen = inspection.frozen_parameters(model) if network.freeze is None else 0
    try:
        return (
            *([Found("frozen weights", f"{frozen:,}")] if frozen else []),
            *untrained_weights(
                replica, network.shape, lambda out: _check_output(network, out, " in training mode")
            ),
        )
    except ModelError:
        raise
    except Exception as error:
        what = f"2 images of {network.shape}: {reason(error)}"
        raise ModelError(
            f"{quote(network.spec)} fails in training on {what}", hint_of(error)
        ) from error


def _counted(network: Construction, device: str) -> tuple[nn.Module, Tally, object]:
    """Return what `_run_once` does, on the CPU if a library's network cannot be built on `meta`."""
    try:
        return _run_once(network, device)
    except Exception:
        if network.origin != "library":
            raise
        return _run_once(network, "cpu")


def _run_once(network: Construction, device: str) -> tuple[nn.Module, Tally, object]:
    """Build the network and run two images through it; return it, its MACs and its output.

    Raises ModelError if its own `__call__` bypasses its hooks, or if the pass creates parameters.
    """
    model, called = network.build(0, device), list[bool]()
    built = dict(model.named_parameters())
    hook = model.register_forward_hook(lambda *_: called.append(True))
    with torch.random.fork_rng([]):
        zoo = network.code is None  # its passes have no one-time work, as the tests assert
        macs, output = inspection.count_macs(model, network.zeros(device), all_alike=zoo)
    hook.remove()
    if not called:
        raise ModelError(f"{quote(network.spec)} has a `__call__` of its own", "name it `forward`")
    made = [name for name, _ in model.named_parameters() if name not in built]
    if made:
        raise ModelError(
            f"{quote(network.spec)} makes {listed(made)} in its first forward pass, too late for "
            "the optimizer",
            "make them in `__init__`; `nn.LazyLinear` and `nn.LazyConv2d` find their sizes",
        )
    return model, macs, output


def _size_hint(network: Construction) -> str | None:
    """Return a hint with the image size that the network accepts; None if it accepts this one."""
    if _takes_size(network, network.shape.image_size):
        return None
    return size_hint(
        Spec.parse(network.spec).name, network.shape, lambda side: _takes_size(network, side)
    )


def _batch_hint(network: Construction, error: Exception) -> str | None:
    """Return a hint with the only batch size that the network accepts; None without one."""
    named = batches_named(error)
    tries = [*((n, "meta") for n in (*named, *USUAL_BATCHES)), *((n, "cpu") for n in named)]
    size = next((n for n, device in tries if _takes_images(network, n, device)), None)
    if size is None or _takes_images(network, 2, "meta"):
        return None
    return f"it takes batches of {size} images alone: `len(x)` in place of {size}, or `.flatten(1)`"


def _takes_images(network: Construction, images: int, device: str) -> bool:
    """Return whether the network accepts batches of `images` images, tried on a device."""
    try:
        model = network.build(0, device)
        with building_on(device), torch.no_grad(), torch.random.fork_rng([]):
            zeros = torch.zeros(network.shape.size(images))
            output = interface.in_mode(model, False)(zeros)
    except Exception:
        return False
    return _has_rows(output, images)


def _takes_size(network: Construction, size: int) -> bool:
    """Return whether the network accepts images of side `size`.

    Tried on `meta`, without memory or arithmetic; on the CPU if the network has tensors there.
    """
    shape = replace(network.shape, image_size=size)
    arguments = {**network.arguments}
    if "image_size" in arguments:
        arguments["image_size"] = size
    try:
        sized = replace(network, shape=shape, arguments=arguments)
        try:
            _, _, output = _run_once(sized, "meta")
        except Exception as error:
            if "meta" not in str(error):
                raise
            _, _, output = _run_once(sized, "cpu")
    except Exception:
        return False
    return _has_rows(output, 2)


def _has_rows(output: object, images: int) -> bool:
    """Return whether an output has one row per image, with any number of classes."""
    return isinstance(output, Tensor) and output.ndim == 2 and len(output) == images


def _check_output(network: Construction, output: object, where: str = "") -> None:
    expected = (2, network.shape.num_classes)
    if not isinstance(output, Tensor):
        raise ModelError(
            f"{quote(network.spec)} gives {_kind(output)}{where}, not a tensor of logits",
            logits_hint(output, expected),
        )
    if tuple(output.shape) != expected:
        raise ModelError(
            f"{quote(network.spec)} gives {tuple(output.shape)} for 2 images of {network.shape}"
            f"{where}, not {expected}",
            "its library gives it no classifier: a file of your own adds one"
            if network.origin == "library"
            else shape_hint(tuple(output.shape), expected, network.function, network.arguments),
        )
    if not output.is_floating_point():
        kind = str(output.dtype).removeprefix("torch.")
        hint = "no `argmax` or comparison at its end, and `.abs()` or `.real` of complex numbers"
        raise ModelError(f"{quote(network.spec)} gives {kind} numbers{where}, not logits", hint)


def _kind(output: object) -> str:
    """Return a short description of an output that is not a tensor."""
    kind = type(output).__name__
    if isinstance(output, Mapping):
        return f"a {kind} of {', '.join(quote(key) for key in list(output)[:4]) or 'nothing'}"
    if isinstance(output, tuple | list):
        parts = [str(tuple(o.shape)) if isinstance(o, Tensor) else _kind(o) for o in output[:4]]
        return f"a {kind} of {', '.join(parts) or 'nothing'}"
    return f"a {kind}"
