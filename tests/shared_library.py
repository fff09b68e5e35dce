"""Libraries in C that tests load into a process before all others (LD_PRELOAD)."""

from __future__ import annotations

import subprocess
from pathlib import Path


def compile_library(source: Path, folder: Path) -> Path:
    """Compile the library into the folder. Return its path."""
    path = folder / f"{source.stem}.so"
    # tests/install_programs installs the compiler.
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"], check=True)
    return path
