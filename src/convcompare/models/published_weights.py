"""Weights that libraries publish, downloaded once into the cache folder of the library."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from convcompare.core.errors import DataError, ModelError, quote
from convcompare.core.failures import reason

from .weights_file import WeightsFile, sha256_of

REACH_SECONDS = 10.0
"""Timeout of the connection to the hub."""
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.")
_OFFLINE = "check the network connection, or give a file: `weights=FILE`"


def timm_weights(name: str, **how: Any) -> WeightsFile:
    """Return the published weights of a timm network.

    Args:
        name: timm's name of the network.
        how: fields of the `WeightsFile` that fit them to the network.

    Raises:
        ModelError: if timm publishes no weights for it.
        DataError: if they cannot be downloaded.
    """
    import timm

    found = timm.get_pretrained_cfg(name)
    hub = found.hf_hub_id if found else None
    if found and hub:
        files = (found.hf_hub_filename,) if found.hf_hub_filename else HUB_FILES
        return _of_hub(str(hub), files, how)
    if found and found.url:
        return _of_url(str(found.url), how)
    raise ModelError(f"timm has no published weights of {quote(name)}", "leave `pretrained` out")


def torchvision_weights(name: str, weights: str, models: Any) -> WeightsFile:
    """Return published weights of a torchvision network.

    Args:
        name: torchvision's name of the network.
        weights: torchvision's name of the weights, such as ``DEFAULT``.
        models: the module ``torchvision.models``.

    Raises:
        ModelError: if torchvision publishes no such weights for it.
        DataError: if they cannot be downloaded.
    """
    try:
        published = models.get_model_weights(name)
    except ValueError:
        raise ModelError(f"torchvision has no published weights of {quote(name)}") from None
    if weights not in published.__members__:
        known = ", ".join(published.__members__)
        raise ModelError(
            f"`torchvision:{name}` has no weights {quote(weights)}", f"DEFAULT, a file, or: {known}"
        )
    return _of_url(str(published[weights].url), {})


def _of_hub(hub: str, files: tuple[str, ...], how: dict[str, Any]) -> WeightsFile:
    """Return the first of `files` that exists in a repository of the Hugging Face hub."""
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    repository, _, revision = hub.partition("@")
    for cached in (True, False):
        if not cached:
            _check_reachable(hub, huggingface_hub.constants.ENDPOINT)
        for file in files:
            try:
                found = huggingface_hub.hf_hub_download(
                    repository, file, revision=revision or None, local_files_only=cached
                )
            except EntryNotFoundError:  # no such file in the repository or in the cache
                continue
            except Exception as error:  # the client raises errors of many libraries
                raise _unavailable(f"{hub}/{file}", reason(error)) from error
            return WeightsFile(f"{hub}/{file}", Path(found), sha256_of(Path(found)), **how)
    raise _unavailable(hub, f"it has no file {' or '.join(files)}")


def _check_reachable(hub: str, endpoint: str) -> None:
    """Raise DataError if the hub does not respond; its client would retry for a minute."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise _unavailable(hub, "they are not in the cache, and HF_HUB_OFFLINE is set")
    try:
        with urllib.request.urlopen(endpoint, timeout=REACH_SECONDS):
            pass
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError) as error:
        raise _unavailable(hub, f"no connection to {endpoint}") from error


def _of_url(url: str, how: dict[str, Any]) -> WeightsFile:
    """Return the file of a URL, verified by the digest in its name."""
    name = Path(urllib.parse.urlsplit(url).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    digest = found[1] if (found := _DIGEST.search(name)) else None
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch: Callable[..., None] = torch.hub.download_url_to_file
        try:
            fetch(url, str(path), digest, progress=False)
        except Exception as error:
            raise _unavailable(url, reason(error)) from error
    sha256 = sha256_of(path)
    if digest and not sha256.startswith(digest):
        raise DataError(
            f"SHA-256 mismatch of {quote(path)}: its name has {digest}, the file {sha256[:12]}",
            "delete it: the next call downloads it again",
        )
    return WeightsFile(url, path, sha256, **how)


def _unavailable(what: str, why: str) -> DataError:
    return DataError(f"the weights {quote(what)} are not available: {why}", _OFFLINE)
