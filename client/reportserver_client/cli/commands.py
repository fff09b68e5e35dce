"""The commands other than `rs run` and `rs get`, and the table of all."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from typing import Callable

from reportserver_client.cli import run_report
from reportserver_client.cli.output import local, plain, print_json, print_table, say
from reportserver_client.client import Client
from reportserver_client.config import Access, config_path, read_access, write_access
from reportserver_client.errors import ConfigurationError, MissingPackageError

Command = Callable[[argparse.Namespace], int]


def _with_client(command: Callable[[Client, argparse.Namespace], int]) -> Command:
    def run(arguments: argparse.Namespace) -> int:
        access = read_access(os.environ, arguments.profile)
        with Client(access.url, access.key) as client:
            return command(client, arguments)

    return run


def _jobs(client: Client, arguments: argparse.Namespace) -> int:
    jobs = client.jobs(
        status=arguments.status,
        report=arguments.report,
        requested_by=arguments.by,
        since=arguments.since,
        until=arguments.until,
        search=arguments.search,
        limit=arguments.limit,
    )
    if arguments.json:
        print_json([job.raw for job in jobs])
        return 0
    header = ("JOB", "STATUS", "REPORT", "FORMATS", "BY", "QUEUED", "ROWS", "ERROR")
    print_table(
        header,
        (
            (
                job.id,
                job.status,
                job.report,
                ", ".join(job.formats),
                job.created_by,
                local(job.queued_at),
                f"{job.rows:,}",
                job.error.message if job.error else "",
            )
            for job in jobs
        ),
    )
    return 0


def _reports(client: Client, arguments: argparse.Namespace) -> int:
    if arguments.report is None:
        reports = client.reports()
        if arguments.json:
            print_json([report.raw for report in reports])
        else:
            listed = ((report.slug, report.name, ", ".join(report.formats), report.description) for report in reports)
            print_table(("REPORT", "NAME", "FORMATS", "DESCRIPTION"), listed)
        return 0
    report = client.report(arguments.report)
    if arguments.json:
        print_json(report.raw)
        return 0
    lines = [f"{report.name} ({report.slug})", report.description, f"Formats: {', '.join(report.formats)}"]
    sys.stdout.writelines(f"{plain(line)}\n" for line in lines if line)
    required = report.parameters.get("required", ())
    rows = [
        (name, _type(schema), "yes" if name in required else "", schema.get("default"), schema.get("title"))
        for name, schema in report.parameters["properties"].items()
    ]
    if rows:
        sys.stdout.write("\n")
        print_table(("PARAMETER", "TYPE", "REQUIRED", "DEFAULT", "MEANING"), rows)
    return 0


def _type(schema: dict[str, object]) -> str:
    """The type of a parameter, or its choices."""
    item = schema.get("items") if schema.get("type") == "array" else schema
    if not isinstance(item, dict):
        return "array"
    if "enum" in item:
        return " | ".join(map(str, item["enum"]))
    formats = [option["format"] for option in item.get("anyOf", ()) if "format" in option]
    name = str(formats[0] if formats else item.get("format", item.get("type")))
    return f"{name}, several" if item is not schema else name


def _cancel(client: Client, arguments: argparse.Namespace) -> int:
    job = client.cancel(arguments.job)
    if arguments.json:
        print_json(job.raw)
    else:
        say("The job was cancelled." if job.ended else "The job will end within seconds.")
    return 0


def _configure(arguments: argparse.Namespace) -> int:
    """Ask for a key, check it, and store it."""
    url = arguments.url or _ask("URL of the server: ")
    # Not an argument: everybody on the machine can read those.
    key = getpass.getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    with Client(url, key) as client:
        caller = client.me()
    path = config_path(os.environ)
    write_access(path, arguments.profile, Access(url, key))
    expiry = f" until {local(caller.key.expires)}" if caller.key else ""
    say(f"Calls are made as {caller.username}{expiry}. Stored in {path}.")
    return 0


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError("Name the server: rs configure --url URL.")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _mcp(arguments: argparse.Namespace) -> int:
    access = read_access(os.environ, arguments.profile)
    try:
        from reportserver_client import mcp_server
    except ImportError as error:
        sentence = "rs mcp needs Python 3.10 or newer and the package mcp: pip install 'reportserver-client[mcp]'"
        raise MissingPackageError(sentence) from error
    mcp_server.serve(access.url, access.key, arguments.max_rows)
    return 0


COMMANDS: dict[str, Command] = {
    "run": _with_client(run_report.run),
    "get": _with_client(run_report.get),
    "jobs": _with_client(_jobs),
    "reports": _with_client(_reports),
    "cancel": _with_client(_cancel),
    "configure": _configure,
    "mcp": _mcp,
}
