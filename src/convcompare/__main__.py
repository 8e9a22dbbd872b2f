"""``python -m convcompare``."""

from .cli import main

main()
