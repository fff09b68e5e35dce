"""Finding reports: by folder, tag and text, among those that a user can see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from reports.catalogue.models import FavoriteReport
from reports.models import ReportConfiguration
from reports.querysets import ReportQuerySet

_MAX_WORDS, _MAX_TEXT = 10, 200


@dataclass(frozen=True)
class CatalogueSearch:
    """What is searched for; an empty part matches every report. `favorites`: only those of the user.

    A folder includes those below it. Each word of the text must be in a name, description, folder or tag.
    """

    text: str = ""
    folder: str = ""
    tag: str = ""
    favorites: bool = False

    @classmethod
    def of(cls, data: Mapping[str, str]) -> CatalogueSearch:
        """Read a query string."""
        text, folder, tag = (data.get(name, "").strip().replace("\0", "") for name in ("q", "folder", "tag"))
        return cls(text[:_MAX_TEXT], folder, tag, favorites=data.get("favorites") == "1")

    @property
    def is_empty(self) -> bool:
        return self == CatalogueSearch()

    def query(self, **changes: object) -> str:
        """Return the query string, with changes; it starts with "?"."""
        fields = {"q": self.text, "folder": self.folder, "tag": self.tag, "favorites": "1" if self.favorites else ""}
        return "?" + urlencode({name: value for name, value in {**fields, **changes}.items() if value})

    def narrow(self, reports: ReportQuerySet, user: User) -> ReportQuerySet:
        if self.folder:
            reports = reports.filter(Q(folder=self.folder) | Q(folder__startswith=f"{self.folder}/"))
        if self.tag:
            reports = reports.filter(tag_lines__contains=f"\n{self.tag}\n")
        if self.favorites:
            reports = reports.filter(is_favorite(user))
        for word in self.text.split()[:_MAX_WORDS]:
            names = Q(current__name__icontains=word) | Q(current__description__icontains=word)
            reports = reports.filter(
                names | Q(slug__icontains=word) | Q(folder__icontains=word) | Q(tag_lines__icontains=word)
            )
        return reports


def is_favorite(user: User) -> Exists:
    """The condition that the user has marked the report with a star."""
    return Exists(FavoriteReport.objects.filter(user=user, report=OuterRef("pk")))


class Folder(NamedTuple):
    """A folder with the number of reports in it and below. `depth`: 0 for one that is in no other."""

    path: str
    name: str
    depth: int
    reports: int


class Contents(NamedTuple):
    """The folders and tags of the reports that a user can see, with how many reports they have."""

    folders: list[Folder]
    tags: list[tuple[str, int]]
    reports: int


def contents(user: User) -> Contents:
    """Return the folders, each followed by those below it, and the tags by name."""
    rows = ReportConfiguration.objects.visible_to(user).order_by().values_list("folder", "tag_lines")
    in_folders, tags, number = Counter[str](), Counter[str](), 0
    for folder, lines in rows:
        number += 1
        in_folders.update(_with_parents(folder))
        tags.update(lines.split("\n")[1:-1])
    folders = [
        Folder(path, path.rpartition("/")[2], path.count("/"), in_folders[path])
        for path in sorted(in_folders, key=lambda path: path.casefold().split("/"))
    ]
    return Contents(folders, sorted(tags.items(), key=lambda tag: tag[0].casefold()), number)


def _with_parents(folder: str) -> Iterable[str]:
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
