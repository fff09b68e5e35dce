"""Where the rows of a run come from: its source, section by section from one snapshot, or the rows of another run."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from math import ceil
from typing import Protocol

from reports import sources
from reports.engine.spec import RunSpec
from reports.kept_rows import file as kept_rows
from reports.rendering.base import Section
from reports.sources.base import Limits, Rows, SchemaWidened, Source
from reports.sources.deadline import Deadline


class OpenRows(Protocol):
    """Opens the rows of a section, or of a report without sections. `is_cut`: none of them will be read."""

    def __call__(self, section: Section | None, *, is_cut: bool) -> AbstractContextManager[Rows]: ...


@contextmanager
def reading(spec: RunSpec, deadline: Deadline, learned: MutableMapping[str, Source]) -> Iterator[OpenRows]:
    """Open what the rows come from. Raises RunErrors, later SchemaWidened.

    `learned`, by section: which source reads it, with types that fit its values. Gets what is learned of them.
    """
    kept = spec.kept
    if kept:
        yield lambda section, *, is_cut: kept_rows.read_kept(kept, section.name if section else None)
    elif not spec.document.sections:
        yield _reader(spec, deadline, learned, None)
    else:
        with sources.snapshot(spec.source, _limits(spec, deadline)) as snapshot:
            yield _reader(spec, deadline, learned, snapshot)


def _reader(spec: RunSpec, deadline: Deadline, learned: MutableMapping[str, Source], snapshot: object) -> OpenRows:
    @contextmanager
    def read(section: Section | None, *, is_cut: bool) -> Iterator[Rows]:
        name, query = (section.name, spec.queries[section.name]) if section else ("", spec.query)
        # Where the limits have cut a section, its query may still be running in the snapshot. Of the following ones,
        # only the columns are needed.
        opened = sources.read(
            spec.source,
            query,
            spec.values,
            _limits(spec, deadline),
            source=learned.get(name),
            snapshot=None if is_cut else snapshot,
        )
        try:
            with opened as rows:
                yield rows
        except SchemaWidened as widened:
            learned[name] = widened.source
            raise

    return read


def _limits(spec: RunSpec, deadline: Deadline) -> Limits:
    return replace(spec.limits, timeout_seconds=max(1, ceil(deadline.remaining)))
