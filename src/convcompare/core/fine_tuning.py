"""What a network begins with, and what of it stays as it is: parts of a run's record."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import listed


@dataclass(frozen=True)
class InitialWeights:
    """Weights of a file that a network begins with.

    ``source`` is where the file is from: a repository of the hub with the name of the file, a URL
    or a path; ``sha256`` is that of its bytes. ``left_out`` names the parameters of the network
    that begin as a fresh network's do, ``adapted`` those that were converted to other channels,
    ``unused`` the entries of the file that have no place in the network.
    """

    source: str
    sha256: str
    left_out: tuple[str, ...] = ()
    adapted: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Where they are from, and what of the network they are not for."""
        said = [f"weights of {self.source} (SHA-256 {self.sha256[:12]})"]
        said += [f"new: {listed(self.left_out)}"] if self.left_out else []
        said += [f"converted to other channels: {listed(self.adapted)}"] if self.adapted else []
        said += [f"not used: {listed(self.unused)}"] if self.unused else []
        return "; ".join(said)


@dataclass(frozen=True)
class Frozen:
    """The part of a network that a training leaves as it is.

    ``tensors`` of all ``of_tensors`` named parameters are frozen, with ``parameters`` elements.
    ``updated_norms`` is the number of modules whose parameters are all frozen and whose running
    statistics a training still updates, as torch does.
    """

    tensors: int
    of_tensors: int
    parameters: int
    updated_norms: int = 0

    @property
    def words(self) -> str:
        """What is frozen, in words."""
        said = (
            f"{self.tensors} of {self.of_tensors} parameter tensors frozen "
            f"({self.parameters:,} parameters)"
        )
        if not self.updated_norms:
            return said
        layers = "layer" if self.updated_norms == 1 else "layers"
        return (
            f"{said}; the running statistics of {self.updated_norms} frozen {layers} still change"
        )
