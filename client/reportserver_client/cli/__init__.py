"""The command `rs`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from reportserver_client import errors
from reportserver_client.cli import commands
from reportserver_client.cli.output import say
from reportserver_client.cli.parser import make_parser
from reportserver_client.cli.run_report import INTERRUPTED

#: The first that matches counts.
_EXIT_CODES: tuple[tuple[type[errors.ReportServerError], int], ...] = (
    (errors.ConfigurationError, 2),
    (errors.MissingPackageError, 2),
    (errors.NotAuthenticatedError, 3),
    (errors.PermissionDeniedError, 3),
    (errors.NotFoundError, 4),
    (errors.BadRequestError, 5),
    (errors.JobFailedError, 6),
    (errors.ConnectionFailedError, 7),
    (errors.UnavailableError, 7),
    (errors.ThrottledError, 7),
    (errors.WaitTimeoutError, 8),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    parsed = make_parser().parse_args(arguments)
    try:
        code = commands.COMMANDS[parsed.command](parsed)
        sys.stdout.flush()
        return code
    except errors.ReportServerError as error:
        say(f"rs: {error}")
        return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)
    except BrokenPipeError:
        # The reader has seen enough. Python would complain when it flushes the standard output at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        say(f"rs: {error}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
