"""What can be added to the tool: one registry per kind.

    from convcompare import register

    @register.model("tiny")
    def tiny(in_channels: int, num_classes: int, width: int = 8) -> nn.Module:
        '''One line that says what it is, shown in every listing.'''

In the tree, one file in the folder of its kind adds an entry; nothing else names it. A package
adds entries through the entry points of the group ``convcompare.plugins``, each of which names a
module to import.
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
from .plugins import code_sha256, leave_out_broken, load_plugins
from .spec import Option, options_of

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """A registered function with its name and the keywords of its registration."""

    name: str
    function: Callable[..., Any]
    info: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].rstrip(".")

    def options(self, context: tuple[str, ...] = ()) -> dict[str, Option]:
        """Return the parameters of the function, except those in `context`, set by the tool."""
        return options_of(self.function, context)

    @property
    def code(self) -> str | None:
        """SHA-256 of the file that defines a plugin's function; None for a built-in entry.

        Raises:
            UsageError: if no file defines the function.
        """
        try:
            return code_sha256(self.function)
        except (OSError, TypeError):
            raise UsageError(
                f"{quote(self.name)} is registered by an object that no file defines",
                "register a function or a class of a file: its content identifies the runs",
            ) from None


NOUNS = {"dataset": "data set"}
"""Nouns for kinds in messages, if different from the name."""


class Registry:
    """The entries of one kind by name, built-in ones and those of plugins.

    The first look-up imports the modules of `package` and all plugins; it raises UsageError if a
    plugin does not load.

    Args:
        kind: Name of the kind.
        package: Package with the built-in entries.
        listing: Command that lists the entries, for hints.
    """

    def __init__(self, kind: str, package: str, listing: str = "") -> None:
        self.kind = kind
        self.listing = listing or f"convcompare {kind}s"
        self.package = package
        self._entries: dict[str, Entry] = {}
        self._loaded = False

    def __call__(self, name: str, **info: Any) -> Callable[[F], F]:
        """Decorator: register a function under `name`.

        A function that is defined again, as by a notebook cell, replaces the one before. Raises
        UsageError if another function has the name.
        """

        def add(function: F) -> F:
            other = self._entries.get(name)
            if other and _origin(other.function) != _origin(function):
                modules = {_origin(one)[0] for one in (other.function, function)}
                both = " and ".join(map(quote, sorted(modules)))
                raise UsageError(
                    f"{self.kind} {quote(name)} is registered twice: by {both}",
                    "give one of them another name",
                )
            self._entries[name] = Entry(name, function, info)
            return function

        return add

    def family(self, pattern: str, **member: Iterable[Any]) -> Callable[[F], F]:
        """Decorator: register ``"resnet-{depth}", depth=(20, 32)`` as ``resnet-20`` and ``-32``.

        The function declares a parameter of that name, which is no option of the members. In its
        docstring, ``{depth}`` becomes the value of each member.
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
                f"there is no {NOUNS.get(self.kind, self.kind)} {quote(name)}",
                "names are separated by spaces, without commas or quotes"
                if "," in name or " " in name
                else did_you_mean(name, self._entries) or listed,
            )
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        self._load()
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))

    def names(self) -> list[str]:
        """Return all names, for completion and hints, read from the sources without importing them.

        Names of plugins are included only after a look-up has imported the plugins.
        """
        return sorted({name for name, _ in self._found()} | set(self._entries))

    def _found(self) -> Iterator[tuple[str, list[str]]]:
        spec = importlib.util.find_spec(self.package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for file in sorted(Path(folder).glob("*.py")):
                yield from self._declared(file)

    def parameters(self, name: str) -> list[str]:
        """Return the parameters of a built-in entry's function, for completion; empty if unknown.

        They are read from the sources without importing them.
        """
        return next((found for known, found in self._found() if known == name), [])

    def _declared(self, file: Path) -> Iterator[tuple[str, list[str]]]:
        """Yield the names that a file registers, each with the parameters of its function."""
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for call in getattr(node, "decorator_list", []):
                if not isinstance(call, ast.Call) or not isinstance(node, ast.FunctionDef):
                    continue
                decorator = ast.unparse(call.func)
                given = [one.arg for one in (*node.args.args, *node.args.kwonlyargs)]
                if decorator == f"register.{self.kind}":
                    yield ast.literal_eval(call.args[0]), given
                elif decorator == f"register.{self.kind}.family":
                    name, (member,) = ast.literal_eval(call.args[0]), call.keywords
                    rest = [one for one in given if one != member.arg]
                    for value in ast.literal_eval(member.value):
                        yield name.replace(f"{{{member.arg}}}", str(value)), rest

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # before the imports: one of them may look up an entry
        try:
            self.load_own()
            load_plugins()
        except BaseException:
            self._loaded = False
            raise

    def load_own(self) -> None:
        """Import the built-in entries."""
        folder = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(folder.__path__):
            importlib.import_module(f"{self.package}.{module.name}")


def _member(function: Callable[..., Any], field: str, value: Any) -> Callable[..., Any]:
    """Return `function` with one parameter filled in, also in its signature and docstring."""

    @functools.wraps(function)
    def member(**arguments: Any) -> Any:
        return function(**{field: value}, **arguments)

    signature = inspect.signature(function, eval_str=True)
    rest = [p for name, p in signature.parameters.items() if name != field]
    member.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
    member.__doc__ = (function.__doc__ or "").replace(f"{{{field}}}", str(value))
    return member


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    """Return module and qualified name, which stay the same when a function is redefined."""
    module = str(getattr(function, "__module__", ""))
    return module, str(getattr(function, "__qualname__", id(function)))


@dataclass(frozen=True)
class Registries:
    """The decorators that register a function: ``@register.model("tiny")``, one per kind.

    - ``model``: (in_channels, image_size, num_classes, options) → ``torch.nn.Module``; the
      function declares which of these it takes. ``family`` registers several sizes of a design.
    - ``dataset``: (`Sources`, options) → `Dataset`. Keywords ``channels``, ``image_size``,
      ``classes``, ``train``, ``test`` and ``source`` are what `convcompare datasets` lists.
    - ``metric``: (`Logits`, `Labels`) → float. Keywords ``best``: ``"high"`` or ``"low"``;
      ``unit`` of verdicts: ``"points"`` for a share, which is shown times 100; ``no_verdict``: why
      differences of it mislead, so that no verdict is given on it; ``undefined``: of which data
      it is nan, in words such as "of five classes or fewer".
    - ``plot``: (`PlotSource`) → list of `Drawing`.
    - ``corruption``: (uint8 images (n, c, h, w), severity from 1 on, seed) → images of that kind,
      the same for the same arguments. Keywords ``levels``: what each severity is, as numbers in
      ``unit``.

    ``study``, ``executor`` and ``export`` are for the tool itself and may change in any version.

    The first line of a function's docstring is its line in the listings. Registering raises
    `UsageError` if another function has the name.
    """

    model: Registry
    dataset: Registry
    study: Registry
    plot: Registry
    executor: Registry
    export: Registry
    metric: Registry
    corruption: Registry


register = Registries(
    model=Registry("model", "convcompare.models.zoo"),
    dataset=Registry("dataset", "convcompare.data.datasets"),
    study=Registry("study", "convcompare.comparison.studies", "convcompare study"),
    plot=Registry("plot", "convcompare.output.plots.kinds", "convcompare plot list"),
    executor=Registry("executor", "convcompare.experiment.executors"),
    export=Registry("export", "convcompare.output.exports", "convcompare runs export --help"),
    metric=Registry("metric", "convcompare.comparison.metrics"),
    corruption=Registry("corruption", "convcompare.data.corruptions"),
)


def check_plugins() -> dict[str, UsageError | None]:
    """Import all plugins, and return for each module its error or None.

    Those with an error are skipped from then on, so that the rest remains usable.
    """
    for registry in vars(register).values():
        registry.load_own()  # first, so that a duplicate name is reported for the plugin
    return leave_out_broken()
