"""The connections that the deliveries of a schedule name: by slug in definitions, by id where they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from accounts.models import User
from jobs.models import Connection
from reports.definitions.errors import FieldErrors
from schedules.definitions import ScheduleDefinition
from schedules.models import Schedule

_ID = "connection_id"


def named_connections(schedule: Schedule, definition: ScheduleDefinition) -> dict[str, Connection]:
    """Return the connections of the tenant that the deliveries name, by slug, locked until the transaction ends.

    So none is deleted before the schedule is seen to use it.
    """
    slugs = {slug for delivery in definition.deliveries if (slug := getattr(delivery, "connection", None))}
    if not slugs:
        return {}
    rows = Connection.objects.filter(tenant=schedule.tenant, slug__in=slugs).order_by("pk")
    return {connection.slug: connection for connection in rows.select_for_update(no_key=True)}


def errors(definition: ScheduleDefinition, owner: User | None, named: Mapping[str, Connection]) -> FieldErrors:
    """Return what is wrong with the connections, by path. Their owner must have the right to use each."""
    usable = (
        set(Connection.objects.usable_by(owner).filter(pk__in=[each.pk for each in named.values()])) if owner else ()
    )
    found: FieldErrors = {}
    for at, delivery in enumerate(definition.deliveries):
        slug = getattr(delivery, "connection", None)
        if slug is None:
            continue
        path, connection = f"deliveries[{at}].connection", named.get(slug)
        if connection is None:
            found[path] = [f"Connection {slug} does not exist in this tenant."]
        elif connection.kind != delivery.kind:
            found[path] = [f"Connection {slug} is of kind {connection.kind}."]
        elif connection not in usable:
            sentence = f"The owner has no right to use connection {slug}. An Administrator can grant it."
            found[path] = [sentence]
    return found


def with_ids(entries: Iterable[dict[str, Any]], named: Mapping[str, Connection]) -> list[dict[str, Any]]:
    """Return the entries as a version stores them: with the ids of connections, which outlive their slugs."""
    return [
        entry | {_ID: str(named[entry["connection"]].pk)} if entry.get("connection") in named else entry
        for entry in entries
    ]
