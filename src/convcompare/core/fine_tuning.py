"""Initial weights and frozen parameters of a network, as parts of a run's record."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import listed
from .formatting import several


@dataclass(frozen=True)
class InitialWeights:
    """Weights from a file with which a network starts.

    Attributes:
        source: Repository of the Hugging Face hub with the name of the file, URL or path.
        sha256: SHA-256 of the file.
        left_out: Parameters of the network that are initialised as in a new one.
        adapted: Parameters that were converted to another number of channels.
        unused: Entries of the file that do not belong to the network.
    """

    source: str
    sha256: str
    left_out: tuple[str, ...] = ()
    adapted: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Source of the weights, and the parameters that they do not cover."""
        parts = [f"weights of {self.source} (SHA-256 {self.sha256[:12]})"]
        parts += [f"new: {listed(self.left_out)}"] if self.left_out else []
        parts += [f"converted to other channels: {listed(self.adapted)}"] if self.adapted else []
        parts += [f"not used: {listed(self.unused)}"] if self.unused else []
        return "; ".join(parts)


@dataclass(frozen=True)
class Frozen:
    """The frozen part of a network.

    Attributes:
        tensors: Number of frozen parameter tensors.
        of_tensors: Number of all named parameter tensors.
        parameters: Number of elements of the frozen tensors.
        updated_norms: Number of modules whose parameters are all frozen and whose running
            statistics training still updates, as torch does.
    """

    tensors: int
    of_tensors: int
    parameters: int
    updated_norms: int = 0

    @property
    def words(self) -> str:
        """Description of what is frozen."""
        text = (
            f"{self.tensors} of {self.of_tensors} parameter tensors frozen "
            f"({self.parameters:,} parameters)"
        )
        if not self.updated_norms:
            return text
        layers = several(self.updated_norms, "frozen layer")
        return f"{text}; the running statistics of {layers} still change"
