"""Print all texts of the source that users may see, with their places, for an editor.

python docs/messages.py > messages.txt

Errors, hints, warnings, help, notes, captions: all strings of two words or more except docstrings.
Inserted values are printed as {…}.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
WORDS = 2
"""Minimum number of words of a listed text; shorter ones are names, units and formats."""


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Iterate over line and text of every string of a module, without docstrings."""
    alone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    skipped = {id(value) for value in alone if isinstance(value, ast.Constant)}
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        text = _text(node)
        if text is None:
            nodes += [child for child in ast.iter_child_nodes(node) if id(child) not in skipped]
            continue
        yield getattr(node, "lineno", 0), text
        nodes += [part for part in ast.walk(node) if isinstance(part, ast.FormattedValue)]


def _text(node: ast.AST) -> str | None:
    """Return the text of a string or f-string, else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values
        )
    return None


def main() -> None:
    for path in sorted(SOURCE.rglob("*.py")):
        found = texts(ast.parse(path.read_text(encoding="utf-8")))
        for line, text in sorted(set(found)):
            if len(re.findall(r"(?<!\S)`?[A-Za-z]{2,}", text)) >= WORDS:
                print(f"{path.relative_to(SOURCE.parent)}:{line}: {' '.join(text.split())}")


if __name__ == "__main__":
    main()
