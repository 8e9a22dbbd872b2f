"""Write src/convcompare/cli/completion_table.json: the completions of a shell, from the code.

python docs/completion_table.py    writes it; a test checks that it is current
"""

from __future__ import annotations

import json
from pathlib import Path

from convcompare.cli import completions
from convcompare.cli.completion_table import table

if __name__ == "__main__":
    path = Path(completions.__file__).with_name("completion_table.json")
    path.write_text(json.dumps(table(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
