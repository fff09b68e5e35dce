"""Stores the pieces of a job that has succeeded, and finds the one that a job renders."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from jobs.exceptions import RowsGone
from jobs.execution.protocol import FilePart, Result
from jobs.models import Artifact, JobExecutionLog, JobSplit, Piece
from jobs.results.kept_rows import ToConvert
from jobs.results.opening import name_of
from jobs.results.publishing import NamedFile, StoredFile
from reports.kept_rows.pieces import Split
from reports.rendering import RENDERERS


def wanted_split(job: JobExecutionLog) -> Split | None:
    """Return by what the result of a job is to be split; None if it isn't."""
    found = JobSplit.objects.filter(job=job.pk).first() if job.is_scheduled else None
    return Split(column=found.column, keys=tuple(found.keys)) if found else None


def format_of_whole(version_formats: list[str], formats: list[str], *, has_sections: bool) -> str:
    """Return the format of the result that has the rows of all pieces: one without a limit on rows, if there is one.

    It is one of the job's `formats`, or else of those that the report offers.
    """
    for name in (*formats, *version_formats):
        renderer = RENDERERS[name]
        if renderer.max_rows is None and (renderer.has_sections or not has_sections):
            return name
    return formats[0]


def store_pieces(job: JobExecutionLog, result: Result) -> None:
    """Record the pieces of a job that has just succeeded, in the caller's transaction."""
    if result.pieces is None or result.pieces_file is None:
        return
    split = JobSplit.objects.get(job=job)
    split.file, split.left_out = asdict(result.pieces_file), asdict(result.pieces.left_out)
    split.save(update_fields=["file", "left_out"])
    found = [Piece(split=split, **asdict(piece)) for piece in result.pieces.pieces]
    Piece.objects.bulk_create(found, batch_size=500)


def to_render(piece_id: UUID) -> tuple[ToConvert, FilePart]:
    """Return the file with the rows of a piece, and where they are in it. Raises RowsGone."""
    piece = Piece.objects.select_related("split").filter(pk=piece_id).first()
    if piece is None or piece.split.file is None:
        raise RowsGone
    artifact = Artifact.objects.select_related("job").filter(job=piece.split.job_id, purged_at=None).first()
    if artifact is None:
        raise RowsGone
    file = StoredFile(**piece.split.file)
    name = name_of(artifact.job, artifact, file)
    part = FilePart(offset=piece.offset, size=piece.size, sha256=piece.sha256)
    return ToConvert(NamedFile(name, file), artifact.truncated or None), part
