"""The names of result files, and the folder in which attempts work. Names never contain user input.

The claim is in a name as the job's `file_stem`: two attempts never write one file. Where results are in a folder,
attempts work in the same one; beside an object store, in one of this host.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings

from jobs.results.stores.base import job_prefix


def file_stem(fence: int, claim_token: str) -> str:
    """Return the name of an attempt's files, without the extension."""
    # Without a token: claimed by a version of the server that had none.
    return f"{fence}-{claim_token}" if claim_token else str(fence)


def result_name(job_id: UUID, stem: str, extension: str) -> str:
    """Return the name that an attempt's result has in the store once it is complete."""
    return f"{job_prefix(job_id)}/{stem}.{extension}"


def job_folder(job_id: UUID) -> Path:
    """Return the folder in which a job's attempts work."""
    return Path(settings.ARTIFACTS_DIR) / job_prefix(job_id)


def job_folders() -> Iterator[tuple[UUID, Path]]:
    """Yield each job that has files, with its folder. Folders that aren't named by a job id are skipped."""
    for path in Path(settings.ARTIFACTS_DIR).glob("??/*"):
        with contextlib.suppress(ValueError):
            yield UUID(path.name), path


def draft_path(job_id: UUID, stem: str) -> Path:
    """Return the path at which an attempt writes its result. The process that writes it creates the folder."""
    return job_folder(job_id) / f"{stem}.part"


def spill_folder(job_id: UUID, stem: str) -> Path:
    """Return the folder for temporary data of an attempt that doesn't fit into memory."""
    return job_folder(job_id) / f"{stem}.spill"


def delete_attempt_files(job_id: UUID, stem: str) -> None:
    """Delete the files of one attempt. Files of other attempts stay: one of them may be the result."""
    for path in job_folder(job_id).glob(f"{stem}.*"):
        # Errors are ignored because a process that lost the job may still be writing. The reconciler deletes the rest.
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
