"""Checks of the whole project that no linter has: `python -m tests.check_project`, part of `make lint`."""

from __future__ import annotations

import sys

from tests.check_project import architecture, client, commands, cycles, sizes, template_layers, template_text


def main() -> int:
    """Print what is wrong. Returns the exit code. `--no-commands` leaves out manage.py's checks, which take seconds."""
    checks = [architecture, sizes, cycles, template_layers, template_text, client]
    if "--no-commands" not in sys.argv:
        checks.append(commands)
    failed = False
    for check in checks:
        for error in check.errors():
            failed = True
            sys.stderr.write(f"{error}\n")
    sys.stdout.write(f"{sizes.summary()}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
