"""Links in mails that download a result without an account, until they expire or are revoked.

Only the digest of a link's token is stored. The token is made of the delivery's id and the server's key, so that a mail
that is sent again has the same link.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from accounts.models import User
from accounts.names import UNKNOWN
from audit import actions as audit
from audit.models import Action
from jobs.clock import Now
from jobs.delivery.models import Delivery, DownloadLink
from jobs.exceptions import LinkNotFound
from jobs.results.caller_binding import check_caller_unchanged
from jobs.sql import now
from reports.exceptions import CallerAttributesChanged

_SALT = "jobs.delivery.links"
_STATES = (Delivery.State.PENDING, Delivery.State.SENT)


def make(delivery_id: UUID, lifetime: timedelta) -> tuple[str, DownloadLink]:
    """Return the URL of the delivery's link, and its row, which the first attempt to send it writes."""
    digest = salted_hmac(_SALT, str(delivery_id), algorithm="sha256").digest()
    token = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    defaults = {"token_digest": _digest(token), "expires_at": now() + lifetime}
    link, created = DownloadLink.objects.get_or_create(delivery_id=delivery_id, defaults=defaults)
    if not created and link.token_digest != _digest(token):
        # The server has another key than at the first attempt, so only the new token can be told again.
        link.token_digest = _digest(token)
        link.save(update_fields=["token_digest"])
    return f"{settings.PUBLIC_URL}/d/{token}", link


def find(token: str) -> DownloadLink:
    """Return the link with its job. Raises LinkNotFound once it is expired or revoked, its result was deleted, or it
    may not be handed out any more: no reason tells a stranger what there was."""
    links = DownloadLink.objects.select_related("delivery__job__artifact", "delivery__job__delivery_plan__owner")
    valid = links.filter(revoked_at=None, expires_at__gt=Now(), delivery__state__in=_STATES)
    link = valid.filter(token_digest=_digest(token)).first()
    if link is None or link.delivery.job.result is None:
        raise LinkNotFound
    plan = getattr(link.delivery.job, "delivery_plan", None)
    if plan is None or plan.owner is None or not plan.owner.is_active:
        raise LinkNotFound
    try:
        check_caller_unchanged(link.delivery.job, None)
    except CallerAttributesChanged:
        raise LinkNotFound from None
    return link


def count_download(link: DownloadLink, *, format: str, address: str) -> None:
    """Record a download, before the first byte is sent."""
    with transaction.atomic():
        DownloadLink.objects.filter(pk=link.pk).update(downloads=F("downloads") + 1)
        _record(Action.LINK_DOWNLOAD, link.delivery, UNKNOWN, format=format, address=address)


def revoke(*, delivery: Delivery, actor: User) -> None:
    """Revoke the delivery's link; one that is revoked already stays so. Raises LinkNotFound if it has none."""
    with transaction.atomic():
        if DownloadLink.objects.filter(delivery=delivery, revoked_at=None).update(revoked_at=Now()):
            _record(Action.LINK_REVOKE, delivery, actor)
        elif not DownloadLink.objects.filter(delivery=delivery).exists():
            raise LinkNotFound


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(action: Action, delivery: Delivery, actor: User | str, **details: object) -> None:
    job = delivery.job
    known = {"delivery": str(delivery.pk), "recipient": delivery.target, **details}
    audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk), details=known)
