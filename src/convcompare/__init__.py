"""Compare convolutional networks under the same conditions.

    import convcompare as cc

    c = cc.compare(["fcn", "simple"], dataset="mnist-mini", epochs=1)
    c.to_dataframe()
    c.plot("learning-curves")

`compare` does what `convcompare compare` does, with the same options and the same store; `read`
reads stored runs. Errors of a request are `ConvcompareError`.

The names of this module and their documented members follow semantic versioning. Other modules of
the package may change in any version.
"""

TYPE_CHECKING = False  # nothing is imported here: the command must first install signal handlers
if TYPE_CHECKING:
    from .api import compare, read, robustness
    from .comparison.predictions import Labels, Logits
    from .comparison.predictions import check as check_predictions
    from .core.errors import ConvcompareError, DataError, ModelError, UsageError
    from .core.registry import register
    from .core.spec import (
        Above,
        AtLeast,
        Between,
        Count,
        Factor,
        Kernel,
        Odd,
        Probability,
        Spec,
        Widths,
    )
    from .core.version import __version__
    from .data.data_notes import DataNote
    from .data.dataset import Dataset, Sources, Split
    from .output.plots.figure import Drawing, model_rows, panels
    from .output.plots.source import Source as PlotSource
    from .output.result import Result

__all__ = [
    "Above",
    "AtLeast",
    "Between",
    "ConvcompareError",
    "Count",
    "DataError",
    "DataNote",
    "Dataset",
    "Drawing",
    "Factor",
    "Kernel",
    "Labels",
    "Logits",
    "ModelError",
    "Odd",
    "PlotSource",
    "Probability",
    "Result",
    "Sources",
    "Spec",
    "Split",
    "UsageError",
    "Widths",
    "__version__",
    "check_predictions",
    "compare",
    "model_rows",
    "panels",
    "read",
    "register",
    "robustness",
]

_HOMES = {
    "Above": "core.spec",
    "AtLeast": "core.spec",
    "Between": "core.spec",
    "ConvcompareError": "core.errors",
    "Count": "core.spec",
    "DataError": "core.errors",
    "DataNote": "data.data_notes",
    "Dataset": "data.dataset",
    "Drawing": "output.plots.figure",
    "Factor": "core.spec",
    "Kernel": "core.spec",
    "Labels": "comparison.predictions",
    "Logits": "comparison.predictions",
    "ModelError": "core.errors",
    "Odd": "core.spec",
    "PlotSource": "output.plots.source:Source",
    "Probability": "core.spec",
    "Result": "output.result",
    "Sources": "data.dataset",
    "Spec": "core.spec",
    "Split": "data.dataset",
    "UsageError": "core.errors",
    "Widths": "core.spec",
    "__version__": "core.version",
    "check_predictions": "comparison.predictions:check",
    "compare": "api",
    "model_rows": "output.plots.figure",
    "panels": "output.plots.figure",
    "read": "api",
    "register": "core.registry",
    "robustness": "api",
}
"""Modules of the public names, imported when a name is first used (PEP 562).

A name that differs in its module is written ``module:name``."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    home, _, inner = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{home}"), inner or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
