"""From a template and a context to a document, in a process of its own; and from Typst's words to faults by line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reports.exceptions import TemplateFailed

#: Letters of templates, and of the values in them: an error quotes some of either.
_MOST_WORDS = 500
_HERE = Path(__file__).parent
#: All that a template can read.
_ROOT = _HERE / "library"
_FONTS = _HERE.parent / "rendering" / "fonts"
_ERROR = re.compile(r"^(?:error|warning|help): (.*)$", re.MULTILINE)
#: How Typst calls a template that is in no file.
_PLACE = re.compile(r"┌─ .*__typst_py_bytes__\.typ:(\d+):(\d+)")
_HINT = re.compile(r"^ *= hint: (.*)$", re.MULTILINE)
#: Typst's words about what templates may not do here, and ours.
_FORBIDDEN = (
    ("failed to download package", "A template can't import packages, only “report.typ”."),
    ("package not found", "A template can't import packages, only “report.typ”."),
    ("file not found", "A template can't read files; it gets its data from “report.typ”."),
    ("would escape the project root", "A template can't read files; it gets its data from “report.typ”."),
    ("failed to load file", "A template can't read files; it gets its data from “report.typ”."),
)
_NO_GLYPH = re.compile(r"the text `\"([^`]+)\"` could not be displayed with font")
_STOPPED = "the template was read"
_STOP = f'#panic("{_STOPPED}");'
_SYNTAX_BYTES = 512 * 2**20
#: Without it, some installations of Python do not start.
_LOADER = ("LD_LIBRARY_PATH",)
_NO_MEMORY = "memory allocation of"


@dataclass(frozen=True)
class Diagnostic:
    """What is wrong in a template, and where: counted from 1; None where Typst does not say."""

    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return self.message if self.line is None else f"Line {self.line}, column {self.column}: {self.message}"

    @classmethod
    def parse(cls, sentence: str) -> Diagnostic:
        """The fault whose text that is."""
        found = re.fullmatch(r"Line (\d+), column (\d+): (.*)", sentence, re.DOTALL)
        return cls(found[3], int(found[1]), int(found[2])) if found else cls(sentence)


class TemplateInvalid(TemplateFailed):
    """The report's template has a fault."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__(f"The template has a fault. {diagnostics[0]}")
        self.diagnostics = diagnostics


@dataclass(frozen=True, kw_only=True)
class CompileRequest:
    """One document to make. `data` is the text of reports.documents.context; `ppi` asks for pictures of the pages.

    `most_bytes` bounds what is made, which whoever asked for it holds in memory.
    """

    template: str
    data: str
    moment: datetime
    seconds: int
    memory_bytes: int
    most_bytes: int = 256 * 2**20
    ppi: int | None = None


@dataclass(frozen=True)
class CompiledDocument:
    """A pdf, or a PNG file for each page; the characters that no font has, which are shown by their codes; and what
    Typst has to say without refusing the template."""

    files: list[bytes]
    missing_characters: str
    warnings: list[Diagnostic]


def compile_document(task: CompileRequest) -> CompiledDocument:
    """Compile the template. Raises TemplateInvalid, and TemplateFailed when it takes more than it may."""
    head, body = _run(task)
    if diagnostic := head.get("diagnostic"):
        raise TemplateInvalid(list(parse_diagnostics(diagnostic)))
    if "too_large" in head:
        most = task.most_bytes // 2**20
        raise TemplateFailed(f"The document is larger than the {most:,} MB it may be. Have the template show less.")
    warnings = [fault for told in head["warnings"] for fault in parse_diagnostics(told)]
    return CompiledDocument(list(_split(body, head["sizes"])), head["lacking"], warnings)


def syntax_errors(template: str) -> list[Diagnostic]:
    """What can be seen without any data: a template is read as a whole before its first line is run."""
    moment = datetime.now(UTC)
    task = CompileRequest(template=_STOP + template, data="{}", moment=moment, seconds=10, memory_bytes=_SYNTAX_BYTES)
    try:
        compile_document(task)
    except TemplateInvalid as error:
        return [_shifted(fault) for fault in error.diagnostics if _STOPPED not in fault.message]
    return []


def _shifted(fault: Diagnostic) -> Diagnostic:
    shift = len(_STOP) if fault.line == 1 and fault.column else 0
    return replace(fault, column=(fault.column or 0) - shift) if shift else fault


def parse_diagnostics(diagnostic: str) -> Iterator[Diagnostic]:
    """The errors that Typst found, in its order."""
    starts = [match.start() for match in re.finditer(r"^(?:error|warning): ", diagnostic, re.MULTILINE)] or [0]
    for start, end in zip(starts, [*starts[1:], len(diagnostic)], strict=True):
        yield _fault(diagnostic[start:end])


def _fault(told: str) -> Diagnostic:
    first = _ERROR.search(told)
    words = (first[1] if first else told.strip())[:_MOST_WORDS]
    sentence = _own_words(words) or _sentence([words, *_HINT.findall(told)])
    # What fails inside of report.typ is told with the places that led there; the last is the author's own.
    place = _PLACE.findall(told)
    # Typst counts lines from 1 and columns from 0.
    return Diagnostic(sentence, int(place[-1][0]), int(place[-1][1]) + 1) if place else Diagnostic(sentence)


def _own_words(words: str) -> str | None:
    if lacking := _NO_GLYPH.search(words):
        return f"No font of the server has “{lacking[1]}”."
    return next((sentence for fragment, sentence in _FORBIDDEN if fragment in words), None)


def _sentence(parts: list[str]) -> str:
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in (part.strip().rstrip(".") for part in parts) if part)


def _request(task: CompileRequest) -> bytes:
    asked = {
        "template": task.template,
        "root": str(_ROOT),
        "fonts": [str(_FONTS)],
        "data": task.data,
        "timestamp": int(task.moment.timestamp()),
        "parent": os.getpid(),
        "seconds": task.seconds,
        "memory_bytes": task.memory_bytes,
        "most_bytes": task.most_bytes,
        "ppi": task.ppi,
    }
    return json.dumps(asked).encode()


def _run(task: CompileRequest) -> tuple[dict[str, Any], bytes]:
    command = [sys.executable, "-P", "-s", "-m", "reports.documents.process"]
    # One thread: a document must not take the processors from other jobs, and each thread would reserve memory.
    environment = {"PYTHONPATH": str(_HERE.parent.parent), "RAYON_NUM_THREADS": "1"}
    environment |= {name: os.environ[name] for name in _LOADER if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 -- this interpreter, and nothing from outside in the arguments
            command,
            input=_request(task),
            capture_output=True,
            timeout=task.seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(task) from None
    if done.returncode == 0:
        head, _, body = done.stdout.partition(b"\n")
        return json.loads(head), body
    raise _died(task, done.returncode, done.stderr.decode(errors="replace"))


def _died(task: CompileRequest, status: int, said: str) -> TemplateFailed:
    if _NO_MEMORY in said or "MemoryError" in said:
        most = task.memory_bytes // 2**20
        message = f"The document needs more memory than the {most:,} MB it may use. Have the template show less."
        return TemplateFailed(message, driver=said[:4_000])
    if "NoSandboxError" in said:
        return TemplateFailed("The server's kernel can't keep templates from the network, so it makes no documents.")
    if status == -9 or status == -24:
        return _too_slow(task)
    return TemplateFailed(f"The program that makes documents failed (exit status {status}).", driver=said[:4_000])


def _too_slow(task: CompileRequest) -> TemplateFailed:
    return TemplateFailed(
        f"The document was not made within {task.seconds} seconds. "
        "Its template may go round in circles, or show too much."
    )


def _split(body: bytes, sizes: list[int]) -> Iterator[bytes]:
    start = 0
    for size in sizes:
        yield body[start : start + size]
        start += size
