"""Templates that try to read files, reach the network, use all memory, or never end."""

from __future__ import annotations

import datetime as dt
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from reports.documents import compiler
from reports.documents.compiler import CompileRequest, TemplateInvalid, compile_document
from reports.exceptions import TemplateFailed

NO_FILES = "A template can't read files; it gets its data from “report.typ”."
NO_PACKAGES = "A template can't import packages, only “report.typ”."


def request_for(template: str, seconds: int = 20, megabytes: int = 400) -> CompileRequest:
    timestamp = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return CompileRequest(
        template=template, data="{}", timestamp=timestamp, seconds=seconds, memory_bytes=megabytes * 2**20
    )


@pytest.fixture
def secret(tmp_path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text("a secret of this server")
    return path


READS = [
    '#read("{}")', '#read("../../../../../../../..{}")', '#include "{}"', '#import "{}": x', '#csv("{}")',
    '#json("{}")', '#xml("{}")', '#image("{}")', '#plugin("{}")', '#bibliography("{}")', '#pdf.attach("{}")',
    '#eval("read(\\"{}\\")")', '#read("../compiler.py")#"{}"', '#read("../../models.py")#"{}"',
]  # fmt: skip


@pytest.mark.parametrize("template", READS)
def test_no_file_can_be_read(secret, template):
    with pytest.raises(TemplateInvalid) as caught:
        compile_document(request_for("\n\n" + template.replace("{}", str(secret))))
    (error,) = caught.value.diagnostics
    assert error.message == NO_FILES
    assert "secret" not in caught.value.message
    assert error.line == 3 or "eval" in template


def test_a_picture_within_a_picture_reads_no_file_either(secret):
    names = "xmlns='http://www.w3.org/2000/svg' xmlns:x='http://www.w3.org/1999/xlink'"
    svg = f"<svg {names}><image x:href='{secret}'/></svg>"
    with pytest.raises(TemplateInvalid, match="not allowed"):
        compile_document(request_for(f'#image(bytes("{svg}"))'))


@pytest.mark.parametrize("template", ['#import "@preview/cetz:0.3.0"', '#import "@local/letter:1.0.0": *'])
def test_no_package_can_be_imported(template):
    with pytest.raises(TemplateInvalid) as caught:
        compile_document(request_for(template))
    assert caught.value.diagnostics[0].message == NO_PACKAGES


def test_nothing_is_downloaded():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0.5)
        with pytest.raises(TemplateInvalid):
            compile_document(request_for(f'#image("http://127.0.0.1:{listening.getsockname()[1]}/x.png")'))
        with pytest.raises(TimeoutError):
            listening.accept()


def test_environment_variables_are_not_passed_on(monkeypatch):
    monkeypatch.setenv("REPORTSERVER_SECRET_KEY", "hush")
    document = compile_document(request_for('#assert(sys.inputs.keys() == ("data",), message: repr(sys.inputs))'))
    assert document.files[0].startswith(b"%PDF")


#: Enters the sandbox, and tries what a template has no functions for.
ATTEMPTS = """
import errno, os, socket, subprocess, sys
from reports.documents import sandbox
sandbox.limit_resources(2**30, 10)
sandbox.restrict([sys.argv[1]])
def denied(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EFBIG)
    return False
assert open(sys.argv[1] + "/secret.txt").read()
assert denied(lambda: socket.socket())
assert denied(lambda: socket.socket(socket.AF_UNIX))
assert denied(lambda: os.execv("/bin/true", ["true"]))
assert denied(lambda: open("/etc/passwd")) or sys.argv[2] == "0"
assert denied(lambda: open(sys.argv[1] + "/new", "w").write("x")) or sys.argv[2] == "0"
print("denied")
"""


def has_landlock() -> bool:
    import ctypes

    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) > 0


def test_the_kernel_denies_sockets_programs_and_files(secret):
    command = [sys.executable, "-c", ATTEMPTS, str(secret.parent), str(int(has_landlock()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "denied\n", done.stderr


ENDLESS = [
    "#for a in range(100000) { for b in range(100000) {} }",
    "#let f(n) = { let i = 0; while i < 100000 { i += 1; let j = 0; while j < 9000 { j += 1 } } }\n#f(1)",
    '#let s = state("s", 0)\n#for i in range(3000) [#s.update(n => n + 1) #context s.final()#pagebreak()]' * 40,
]


@pytest.mark.parametrize("template", ENDLESS)
def test_a_template_that_does_not_end_is_stopped(template):
    with pytest.raises(TemplateFailed) as caught:
        compile_document(request_for(template, seconds=1))
    assert caught.value.retryable is False
    assert caught.value.message.startswith(
        "The document was not finished within 1 seconds. Its template may loop forever"
    )
    assert not [child for child in psutil.Process().children() if "process" in " ".join(child.cmdline())]


DETECTED_BY_TYPST = [
    ("#while true {}", "Condition is always true."),
    ("#let i = 1\n#while i > 0 { i += 1 }", "Loop seems to be infinite."),
    ("#let f(x) = f(x + 1)\n#f(1)", "Maximum function call depth exceeded."),
]


@pytest.mark.parametrize(("template", "sentence"), DETECTED_BY_TYPST)
def test_typst_itself_detects_most_endless_loops(template, sentence):
    with pytest.raises(TemplateInvalid) as caught:
        compile_document(request_for(template))
    assert caught.value.diagnostics[0].message == sentence


@pytest.mark.parametrize(
    "template", ['#let x = "aaaaaaaaaa" * 1000000000', "#range(900000000)", "#let x = (1,) * 900000000"]
)
def test_too_much_memory_fails_with_a_clear_sentence(template):
    with pytest.raises(TemplateFailed) as caught:
        compile_document(request_for(template, megabytes=200))
    assert caught.value.message == (
        "The document needs more memory than the allowed 200 MB. Show less in the template."
    )
    assert caught.value.retryable is False


def test_the_pictures_of_a_page_are_within_the_memory_limit():
    huge = replace(request_for("#set page(width: 4000cm, height: 4000cm)\nx", megabytes=400), ppi=110)
    with pytest.raises(TemplateFailed, match="needs more memory than the allowed 400 MB"):
        compile_document(huge)


def test_a_document_that_is_too_large_is_refused():
    large = replace(request_for("#for i in range(20) [page #pagebreak()]"), max_bytes=5_000)
    with pytest.raises(TemplateFailed, match="larger than the allowed 0 MB"):
        compile_document(large)


def test_without_a_sandbox_no_document_is_made(monkeypatch, tmp_path):
    # In the process of the document, the machine has an architecture without a list of system calls.
    (tmp_path / "sitecustomize.py").write_text("import platform\nplatform.machine = lambda: 'pdp11'\n")
    monkeypatch.setattr(compiler, "INHERITED_VARIABLES", ("PYTHONPATH",))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(compiler.__file__).parents[2]}")
    with pytest.raises(TemplateFailed, match="kernel can't isolate templates from the network"):
        compile_document(request_for("text"))


def test_documents_are_compiled_concurrently():
    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(lambda number: compile_document(request_for(f"text {number}")).files[0][:4], range(4)))
    assert files == [b"%PDF"] * 4
