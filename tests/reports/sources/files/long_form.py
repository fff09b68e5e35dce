"""How much the tests try that write large files with values that deviate.

`make test` tries a few narrow files, the same in each run. `make fidelity` sets `LATE_FILES`, how many wide files of
each kind are tried, and `LATE_SEED`, which ones.
"""

from __future__ import annotations

import os

#: 0: the few of `make test`.
LATE_FILES = int(os.environ.get("LATE_FILES", "0"))
SEED = os.environ.get("LATE_SEED", "14")
