"""The seams of the tool: one registry for each kind of thing that can be added.

    from convcompare import register

    @register.model("tiny")
    def tiny(in_channels: int, num_classes: int, width: int = 8) -> nn.Module:
        '''One line that says what it is, shown in every listing.'''

Adding a thing is adding one file to the folder of its kind; nothing else names it. A package adds
things by an entry point of the group ``convcompare.plugins`` that names a module to import.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .errors import UsageError, did_you_mean, quote
from .spec import Option, options_of

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """A registered thing: its name, the function behind it, what the listing says of it."""

    name: str
    function: Callable[..., Any]
    info: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].rstrip(".")

    def options(self, context: tuple[str, ...] = ()) -> dict[str, Option]:
        """The options of the function, but those parameters that the tool itself fills in."""
        return options_of(self.function, context)


class Registry:
    """Things of one kind by name; filled by importing the modules of `package` at first use.

    `listing` is the command that lists them.
    """

    def __init__(self, kind: str, package: str, listing: str = "") -> None:
        self.kind = kind
        self.listing = listing or f"convcompare {kind}s"
        self.package = package
        self._entries: dict[str, Entry] = {}
        self._loaded = False

    def __call__(self, name: str, **info: Any) -> Callable[[F], F]:
        """Decorator: register a function under `name`; a name that is taken raises ValueError."""

        def add(function: F) -> F:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = Entry(name, function, info)
            return function

        return add

    def family(self, pattern: str, **member: Iterable[Any]) -> Callable[[F], F]:
        """Decorator: register ``"resnet-{depth}", depth=(20, 32)`` as ``resnet-20`` and ``-32``.

        The function declares a parameter of that name. It is no option of the members, and what
        the docstring says of ``{depth}`` is said of each.
        """
        ((field, values),) = member.items()

        def add(function: F) -> F:
            for value in values:
                self(pattern.replace(f"{{{field}}}", str(value)))(_member(function, field, value))
            return function

        return add

    def __getitem__(self, name: str) -> Entry:
        self._load()
        if name not in self._entries:
            known = ", ".join(sorted(self._entries))
            listed = f"there are: {known}"
            if len(known) > 100:
                listed = f"`{self.listing}` lists them"
            raise UsageError(
                f"there is no {self.kind} {quote(name)}",
                did_you_mean(name, self._entries) or listed,
            )
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        self._load()
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))

    def names(self) -> list[str]:
        """All names, read from the sources without importing them: for completion and hints."""
        spec = importlib.util.find_spec(self.package)
        folders = list(spec.submodule_search_locations or []) if spec else []
        files = [file for folder in folders for file in sorted(Path(folder).glob("*.py"))]
        found = {name for file in files for name in self._declared(file)}
        return sorted(found | set(self._entries))

    def _declared(self, file: Path) -> Iterator[str]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for call in getattr(node, "decorator_list", []):
                if not isinstance(call, ast.Call):
                    continue
                decorator = ast.unparse(call.func)
                if decorator == f"register.{self.kind}":
                    yield ast.literal_eval(call.args[0])
                elif decorator == f"register.{self.kind}.family":
                    name, (member,) = ast.literal_eval(call.args[0]), call.keywords
                    for value in ast.literal_eval(member.value):
                        yield name.replace(f"{{{member.arg}}}", str(value))

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        folder = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(folder.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        _load_plugins()


def _member(function: Callable[..., Any], field: str, value: Any) -> Callable[..., Any]:
    """`function` with one parameter filled in, in its signature and in its docstring as well."""

    @functools.wraps(function)
    def member(**arguments: Any) -> Any:
        return function(**{field: value}, **arguments)

    signature = inspect.signature(function, eval_str=True)
    rest = [p for name, p in signature.parameters.items() if name != field]
    member.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
    member.__doc__ = (function.__doc__ or "").replace(f"{{{field}}}", str(value))
    return member


def _load_plugins() -> None:
    from importlib.metadata import entry_points

    for point in entry_points(group="convcompare.plugins"):
        point.load()


@dataclass(frozen=True)
class Registries:
    """One registry for each kind of thing that can be added."""

    model: Registry
    dataset: Registry
    study: Registry
    plot: Registry
    executor: Registry
    export: Registry
    metric: Registry


register = Registries(
    model=Registry("model", "convcompare.models.zoo"),
    dataset=Registry("dataset", "convcompare.data.datasets"),
    study=Registry("study", "convcompare.comparison.studies", "convcompare study"),
    plot=Registry("plot", "convcompare.output.plots.kinds", "convcompare plot list"),
    executor=Registry("executor", "convcompare.experiment.executors"),
    export=Registry("export", "convcompare.output.exports", "convcompare runs export --help"),
    metric=Registry("metric", "convcompare.comparison.metrics"),
)
