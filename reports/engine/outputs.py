"""The files of a run while they are written: the writer of each format, the kept rows, the pieces and the digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

import pyarrow as pa

from reports.documents.template_renderer import renderer_for
from reports.engine.content_digest import ContentDigest, SectionsDigest
from reports.engine.spec import RunSpec
from reports.kept_rows import file as kept_rows
from reports.kept_rows import pieces
from reports.kept_rows.file import KeptRowsWriter, KeptSectionsWriter
from reports.kept_rows.pieces import Pieces, PiecesWriter
from reports.rendering.base import Document, Renderer, Section, SectionsWriter, Writer


class Outputs:
    """All that is written, section by section. A report without sections has one that is None."""

    def __init__(self, spec: RunSpec, outs: Mapping[str, BinaryIO]) -> None:
        self.renderers = {format: renderer_for(format, spec.document.template) for format in spec.formats}
        self._spec = spec
        self._outs = outs
        self._plain_digest: ContentDigest | None = None
        self._plain_kept: KeptRowsWriter | None = None
        self._sections: list[SectionsWriter] = []
        self._digest = SectionsDigest() if spec.digests_content and spec.document.sections else None
        self._kept: KeptSectionsWriter | None = None
        self._pieces = spec.split and PiecesWriter(outs[pieces.NAME], spec.split, outs[pieces.SPOOL])
        if spec.document.sections:
            self._sections = [_sections_writer(self.renderers[name], outs[name], spec) for name in spec.formats]
            if self._digest:
                self._sections.append(self._digest)
            if spec.keep_rows:
                self._kept = KeptSectionsWriter(outs[kept_rows.NAME], spec.keep_rows)
                self._sections.append(self._kept)

    def begin(self, section: Section | None, schema: pa.Schema) -> list[Writer]:
        """Return the writers of the section's rows. Raises FormatCannotHold and DesignMismatch."""
        # First, because it needs no time to find out that a column is missing.
        writers = [self._pieces.begin(section, schema)] if self._pieces else []
        if section is not None:
            return writers + [writer.begin(section, schema) for writer in self._sections]
        spec = self._spec
        writers += [
            renderer.open(self._outs[format], schema, spec.document) for format, renderer in self.renderers.items()
        ]
        if spec.digests_content:
            self._plain_digest = ContentDigest(schema)
            writers.append(self._plain_digest)
        if spec.keep_rows:
            self._plain_kept = KeptRowsWriter(self._outs[kept_rows.NAME], schema, spec.keep_rows)
            writers.append(self._plain_kept)
        return writers

    def close(self, *, rows: int, truncated: str | None) -> None:
        """Finish the files that have all sections, and that of the pieces."""
        for writer in [*self._sections, *([self._pieces] if self._pieces else [])]:
            writer.close(rows=rows, truncated=truncated)

    @property
    def has_all_sections(self) -> bool:
        """Whether one of the files has all rows of the run."""
        renderers = self.renderers.values()
        return not self._spec.document.sections or any(renderer.has_sections for renderer in renderers)

    @property
    def is_kept(self) -> bool:
        kept = self._kept or self._plain_kept
        return bool(kept and kept.is_kept)

    @property
    def pieces(self) -> Pieces | None:
        return self._pieces.pieces if self._pieces else None

    @property
    def content_digest(self) -> str:
        digest = self._digest or self._plain_digest
        return digest.hexdigest() if digest else ""


def _sections_writer(renderer: Renderer, out: BinaryIO, spec: RunSpec) -> SectionsWriter:
    if renderer.has_sections:
        return renderer.open_sections(out, spec.document)
    return _OneSection(renderer, out, spec.document, spec.section or spec.document.sections[0].name)


class _OneSection(SectionsWriter):
    """A file with the rows of one section, in a format that has no sections."""

    def __init__(self, renderer: Renderer, out: BinaryIO, document: Document, name: str) -> None:
        self._renderer = renderer
        self._out = out
        self._document = document
        self._name = name

    def begin(self, section: Section, schema: pa.Schema) -> Writer:
        if section.name != self._name:
            return _Nowhere()
        return self._renderer.open(self._out, schema, self._document.of_section(section))

    def close(self, *, rows: int, truncated: str | None) -> None:
        """Its writer has done it."""


class _Nowhere(Writer):
    """Takes the rows of sections that a file doesn't have."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self, *, rows: int, truncated: str | None) -> None: ...
