"""Reads PDF files back with poppler, a program that shares nothing with the one that writes them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

needs_poppler = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="pdftotext is not installed (Debian: apt-get install poppler-utils)"
)


def tool(*command: str, data: bytes) -> str:
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()


def pages(data: bytes) -> list[str]:
    return tool("pdftotext", "-layout", "-", "-", data=data).split("\f")[:-1]


def words(data: bytes) -> str:
    """All text in the order it was drawn, every run of blanks as one space."""
    return " ".join(tool("pdftotext", "-raw", "-", "-", data=data).split())
