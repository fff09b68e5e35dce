"""The command line."""

from __future__ import annotations

import argparse

from reportserver_client.config import DEFAULT_PROFILE

_EPILOG = """\
RS_URL and RS_KEY name the server and the API key; rs configure stores them in a file.

exit codes: 0 done · 1 any other error · 2 wrong arguments or configuration · 3 the key is refused or lacks the right ·
4 no such report or job · 5 wrong parameters · 6 the job failed · 7 the server can't be reached or is overloaded ·
8 --timeout is over, the job goes on · 130 interrupted by Ctrl-C
"""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rs",
        description="Run reports of a report server.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", default=DEFAULT_PROFILE, help="profile in the configuration file (default)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_get(commands)
    jobs = _add(commands, "jobs", "list jobs, newest first")
    jobs.add_argument("--status", choices=["Queued", "Running", "Succeeded", "Failed"])
    jobs.add_argument("--report", help="slug or id")
    jobs.add_argument("--by", help="user name of who requested them")
    jobs.add_argument("--since", help="a time in ISO 8601")
    jobs.add_argument("--until", help="a time in ISO 8601, excluded")
    jobs.add_argument("--search", help="text, as on the page of jobs")
    jobs.add_argument("--limit", type=int, default=20, help="how many (20)")
    reports = _add(commands, "reports", "list the reports, or describe one")
    reports.add_argument("report", nargs="?", help="slug or id")
    cancel = _add(commands, "cancel", "cancel a job")
    cancel.add_argument("job")
    configure = _add(commands, "configure", "store a URL and a key, which is asked for", has_json=False)
    configure.add_argument("--url", help="of the server, such as https://reports.example.com")
    mcp = _add(commands, "mcp", "serve AI agents over standard input and output (MCP)", has_json=False)
    mcp.add_argument("--max-rows", type=int, default=200, help="rows in an answer, at most 1000 (200)")
    return parser


def _add(commands: argparse._SubParsersAction, name: str, help: str, has_json: bool = True) -> argparse.ArgumentParser:  # type: ignore[type-arg]
    command: argparse.ArgumentParser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    if has_json:
        command.add_argument("--json", action="store_true", help="print JSON for programs")
    return command


def _add_run(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    run = _add(commands, "run", "run a report and download its result")
    run.add_argument("report", help="slug or id")
    run.add_argument(
        "-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="repeat it for several values of one"
    )
    run.add_argument("--section", help="the section of csv, ndjson or parquet")
    run.add_argument("--locale", help="how numbers and dates are written, such as de-DE")
    run.add_argument("--max-age", type=int, metavar="SECONDS", help="reuse a result of yours that is no older")
    run.add_argument("--deliver", action="store_true", help="also send the result to the report's targets")
    run.add_argument("--notify", action="store_true", help="mail you when the job has ended")
    run.add_argument("--no-wait", action="store_true", help="print the job's id and don't wait for it")
    _add_files(run)


def _add_get(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    get = _add(commands, "get", "download the result of a job, once it has ended")
    get.add_argument("job")
    _add_files(get)


def _add_files(command: argparse.ArgumentParser) -> None:
    command.add_argument("-f", "--format", action="append", metavar="FORMAT", help="repeat it for several files")
    command.add_argument("-o", "--output", metavar="FILE", help="a file, a folder, or - for the standard output")
    command.add_argument("--timeout", type=float, metavar="SECONDS", help="how long to wait for the job")
