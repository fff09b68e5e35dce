"""Whether this installation is the one that its database belongs to.

A restored copy of a database has the schedules and the pending deliveries of the original, and must send nothing. So
the database knows the id of its installation (REPORTSERVER_DEPLOYMENT_ID). With another id, schedules and deliveries
are suspended until an operator adopts the database.
"""

from __future__ import annotations

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from audit import actions
from audit.models import Action
from jobs.models import Deployment

CACHE_KEY = "jobs.deployment.is-suspended"
#: Pages may show the state of some seconds ago.
_CACHE_SECONDS = 10


def record() -> None:
    """Let the database belong to this installation if it belongs to none yet."""
    Deployment.objects.get_or_create(pk=1, defaults={"identifier": settings.DEPLOYMENT_ID})


def is_suspended() -> bool:
    """True if the database belongs to another installation: nothing may be sent, and no schedule may run."""
    recorded = Deployment.objects.filter(pk=1).values_list("identifier", flat=True).first()
    return recorded is not None and recorded != settings.DEPLOYMENT_ID


def was_suspended() -> bool:
    """`is_suspended` as of some seconds ago, for pages."""
    return bool(cache.get_or_set(CACHE_KEY, is_suspended, _CACHE_SECONDS))


def adopt(*, actor: str) -> bool:
    """Let the database belong to this installation. False if it does already."""
    with transaction.atomic():
        Deployment.objects.select_for_update().filter(pk=1).first()
        if not is_suspended():
            record()
            return False
        Deployment.objects.filter(pk=1).update(identifier=settings.DEPLOYMENT_ID)
        actions.record(
            Action.DEPLOYMENT_ADOPT, actor=actor, tenant_id=None, target=("deployment", settings.DEPLOYMENT_ID)
        )
    cache.delete(CACHE_KEY)
    return True
