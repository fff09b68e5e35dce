"""`rs run` and `rs get`: wait for a job and download its files."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reportserver_client.cli.output import DownloadProgress, JobProgress, plain, print_json, say
from reportserver_client.client import Client, Result
from reportserver_client.errors import (
    ConfigurationError,
    JobAlreadyEndedError,
    ReportServerError,
    WaitTimeoutError,
)
from reportserver_client.models import Job

INTERRUPTED = 130
#: Seconds in which a cancelled job ends.
_CANCEL_SECONDS = 30.0


def run(client: Client, arguments: argparse.Namespace) -> int:
    """Run a report. Ctrl-C cancels its job."""
    _check_output(arguments)
    options: dict[str, Any] = {
        "formats": arguments.format,
        "section": arguments.section,
        "locale": arguments.locale,
        "max_age": arguments.max_age,
        "deliver": arguments.deliver,
        "notify": arguments.notify,
        "idempotency_key": str(uuid.uuid4()),
    }
    parameters = _parameters(arguments.param, client.report(arguments.report).parameters)
    try:
        job = client.generate(arguments.report, parameters, **options)
    except KeyboardInterrupt:
        # The job may be queued, though its answer was lost. The same key finds it.
        return _cancel(client, client.generate(arguments.report, parameters, **options))
    if arguments.no_wait:
        print_json(job.raw) if arguments.json else sys.stdout.write(f"{job.id}\n")
        return 0
    try:
        result = _wait(client, job, arguments.timeout)
    except KeyboardInterrupt:
        return _cancel(client, job)
    return _download(result, arguments)


def get(client: Client, arguments: argparse.Namespace) -> int:
    """Download the result of a job. Formats that it doesn't have are made of its kept rows."""
    _check_output(arguments)
    return _download(_wait(client, client.status(arguments.job), arguments.timeout), arguments)


def _check_output(arguments: argparse.Namespace) -> None:
    several = len(arguments.format or ()) > 1
    if several and arguments.output is not None and not Path(arguments.output).is_dir():
        raise ConfigurationError("Several files need a folder: -o FOLDER.")
    if arguments.output == "-" and arguments.json:
        raise ConfigurationError("Use either -o - or --json: both write to the standard output.")


def _parameters(given: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as values of the types that the report declares. What has another type is left to the server."""
    texts: dict[str, list[str]] = {}
    for each in given:
        name, separator, text = each.partition("=")
        if not separator:
            raise ConfigurationError(f"-p needs NAME=VALUE, not {each}.")
        texts.setdefault(name, []).append(text)
    return {name: _value(values, schema.get("properties", {}).get(name, {})) for name, values in texts.items()}


def _value(texts: Sequence[str], schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "array":
        return [_scalar(text, schema.get("items", {}).get("type")) for text in texts]
    values = [_scalar(text, schema.get("type")) for text in texts]
    return values[0] if len(values) == 1 else values


def _scalar(text: str, type_name: Any) -> Any:
    if type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        if type_name == "integer":
            return int(text)
        if type_name == "number":
            return float(text)
    except ValueError:
        pass
    return text


def _wait(client: Client, job: Job, timeout: float | None) -> Result:
    with JobProgress() as progress:
        return client.result(job, timeout=timeout, on_progress=progress.show)


def _cancel(client: Client, job: Job) -> int:
    """Cancel the job and wait for its end. A second Ctrl-C leaves it alone."""
    say(f"Cancelling job {job.id}. Press Ctrl-C again to leave it running.")
    try:
        client.cancel(job)
        ended = client.wait(job, timeout=_CANCEL_SECONDS)
        say("The job was cancelled." if ended.status == "Failed" else f"The job had ended: rs get {job.id}")
    except JobAlreadyEndedError:
        say(f"The job had ended: rs get {job.id}")
    except WaitTimeoutError:
        say("The job will end soon.")
    except (KeyboardInterrupt, ReportServerError) as error:
        reason = f" {error}" if isinstance(error, ReportServerError) else ""
        say(f"The job may go on.{reason} Cancel it: rs cancel {job.id}")
    return INTERRUPTED


def _download(result: Result, arguments: argparse.Namespace) -> int:
    """Save the files in the formats that were asked for, by default all of them."""
    if result.job.truncated:
        say(result.job.truncated)
    saved = []
    for format in arguments.format or [file.format for file in result.files]:
        has_file = result.job.file(format)
        holder = result if has_file else result.convert(format, timeout=arguments.timeout)
        if arguments.output == "-":
            _print_file(holder, format)
        else:
            saved.append(_save(holder, format, Path(arguments.output or "")))
    if arguments.json:
        print_json({"job": result.job.raw, "files": [str(path) for path in saved]})
    else:
        sys.stdout.writelines(f"{plain(path)}\n" for path in saved)
    return 0


def _save(result: Result, format: str, target: Path) -> Path:
    with DownloadProgress(format) as progress:
        return result.save(target, format, on_bytes=progress.show)


def _print_file(result: Result, format: str) -> None:
    """Write the file to the standard output, once all of it is there and verified."""
    with tempfile.TemporaryFile() as file:
        result.write(file, format)
        file.seek(0)
        shutil.copyfileobj(file, sys.stdout.buffer)
