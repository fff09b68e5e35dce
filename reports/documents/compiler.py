"""Compile a template and its context to a document, in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reports.documents.diagnostics import Diagnostic, parse_diagnostics
from reports.exceptions import TemplateFailed

_HERE = Path(__file__).parent
#: The folder that templates can read.
_ROOT = _HERE / "library"
_FONTS = _HERE.parent / "rendering" / "fonts"
#: Environment variables that the process gets. Some installations of Python don't start without this one.
INHERITED_VARIABLES = ("LD_LIBRARY_PATH",)
_MAX_DRIVER_CHARACTERS = 4_000
#: Exit statuses of a process that the kernel killed, and of one that used up its processor time.
_SIGKILL, _SIGXCPU = -9, -24
#: Put before a template whose syntax is checked. Typst parses the whole template before it evaluates this panic.
_PANIC_MESSAGE = "the syntax is correct"
_PANIC = f'#panic("{_PANIC_MESSAGE}");'


class TemplateInvalid(TemplateFailed):
    """The report's template has errors."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__(f"Template error. {diagnostics[0]}")
        self.diagnostics = diagnostics


@dataclass(frozen=True, kw_only=True)
class CompileRequest:
    template: str
    #: From reports.documents.context.
    data: str
    timestamp: datetime
    seconds: int
    memory_bytes: int
    #: Size of the result, which the caller holds in memory.
    max_bytes: int = 256 * 2**20
    #: Requests a PNG picture of each page in this resolution, instead of a PDF.
    ppi: int | None = None


@dataclass(frozen=True)
class CompiledDocument:
    """A PDF, or a PNG file for each page."""

    files: list[bytes]
    #: Characters of the data that no font has. The document has their codes instead.
    missing_characters: str
    warnings: list[Diagnostic]


def compile_document(request: CompileRequest) -> CompiledDocument:
    """Raises TemplateInvalid, and TemplateFailed if a limit is reached."""
    head, body = _run(request)
    if output := head.get("diagnostic"):
        raise TemplateInvalid(list(parse_diagnostics(output)))
    if "too_large" in head:
        limit = request.max_bytes // 2**20
        raise TemplateFailed(f"The document is larger than the allowed {limit:,} MB. Show less in the template.")
    warnings = [diagnostic for output in head["warnings"] for diagnostic in parse_diagnostics(output)]
    files, start = [], 0
    for size in head["sizes"]:
        files.append(body[start : start + size])
        start += size
    return CompiledDocument(files, head["missing_characters"], warnings)


def syntax_errors(template: str) -> list[Diagnostic]:
    """The errors that can be found without data."""
    request = CompileRequest(
        template=_PANIC + template, data="{}", timestamp=datetime.now(UTC), seconds=10, memory_bytes=512 * 2**20
    )
    try:
        compile_document(request)
    except TemplateInvalid as invalid:
        errors = [diagnostic for diagnostic in invalid.diagnostics if _PANIC_MESSAGE not in diagnostic.message]
        # The panic stands on the first line, and has moved its columns.
        return [
            replace(error, column=error.column - len(_PANIC)) if error.line == 1 and error.column else error
            for error in errors
        ]
    return []


def _run(request: CompileRequest) -> tuple[dict[str, Any], bytes]:
    """The first line of the process's output as JSON, and the rest. Raises TemplateFailed."""
    command = [sys.executable, "-P", "-s", "-m", "reports.documents.compile_process"]
    # One thread: a document must not take the processors from other jobs, and each thread reserves memory.
    environment = {"PYTHONPATH": str(_HERE.parent.parent), "RAYON_NUM_THREADS": "1"}
    environment |= {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    message = {
        "template": request.template,
        "root": str(_ROOT),
        "fonts": [str(_FONTS)],
        "data": request.data,
        "timestamp": int(request.timestamp.timestamp()),
        "parent": os.getpid(),
        "seconds": request.seconds,
        "memory_bytes": request.memory_bytes,
        "max_bytes": request.max_bytes,
        "ppi": request.ppi,
    }
    try:
        process = subprocess.run(  # noqa: S603 -- this interpreter, and nothing from outside in the arguments
            command,
            input=json.dumps(message).encode(),
            capture_output=True,
            timeout=request.seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _timeout(request) from None
    if process.returncode:
        raise _failure(request, process.returncode, process.stderr.decode(errors="replace"))
    head, _, body = process.stdout.partition(b"\n")
    return json.loads(head), body


def _failure(request: CompileRequest, status: int, stderr: str) -> TemplateFailed:
    """The error of a process that ended without an answer."""
    driver = stderr[:_MAX_DRIVER_CHARACTERS]
    if "memory allocation of" in stderr or "MemoryError" in stderr:
        limit = request.memory_bytes // 2**20
        message = f"The document needs more memory than the allowed {limit:,} MB. Show less in the template."
        return TemplateFailed(message, driver=driver)
    if "SandboxUnavailableError" in stderr:
        return TemplateFailed(
            "The server's kernel can't isolate templates from the network, so documents can't be created."
        )
    if status in (_SIGKILL, _SIGXCPU):
        return _timeout(request)
    return TemplateFailed(f"The document compiler failed with exit status {status}.", driver=driver)


def _timeout(request: CompileRequest) -> TemplateFailed:
    return TemplateFailed(
        f"The document was not finished within {request.seconds} seconds. "
        "Its template may loop forever or be too large."
    )
