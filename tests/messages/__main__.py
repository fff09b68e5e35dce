"""Bring all translations up to date with the code, and say what is left to translate."""

from __future__ import annotations

import sys

import django

from tests.messages.catalogs import paths, problems, update


def main() -> int:
    """Update and compile every language. Returns 1 if a translation is missing or wrong."""
    left = 0
    for path in paths():
        update(path)
        for problem in problems(path):
            sys.stderr.write(f"{problem}\n")
            left += 1
    return 1 if left else 0


if __name__ == "__main__":
    django.setup()
    sys.exit(main())
