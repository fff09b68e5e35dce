"""Connections. Django finds them through jobs.models."""

from __future__ import annotations

import json
import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from common.outbound.connecting import AddressRules
from jobs.connections.channels import urls
from jobs.connections.channels.base import Access
from jobs.connections.querysets import ConnectionQuerySet
from reports import crypto
from reports.exceptions import WrongKey


class Connection(models.Model):
    """A place outside to which schedules send results, with what is needed to get in, encrypted."""

    class Kind(models.TextChoices):
        S3 = "s3", _("S3 bucket")
        SFTP = "sftp", _("SFTP server")
        SLACK = "slack", _("Slack channel")
        TEAMS = "teams", _("Teams channel")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="connections")
    slug = models.SlugField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind)
    encrypted_secret = models.TextField(editable=False, help_text=_("URL and private key."))
    host_key = models.CharField(
        max_length=2000, blank=True, default="", help_text=_("Of the only SSH server that it talks to.")
    )
    is_operators = models.BooleanField(
        default=False, editable=False, help_text=_("A definitions file has set the URL, so any address is allowed.")
    )
    users = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", help_text=_("Who may use it."))
    roles = models.ManyToManyField(Group, related_name="+", help_text=_("Whose members may use it."))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        verbose_name = _("connection")
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="connection_slug_in_tenant")]

    def __str__(self) -> str:
        return self.slug

    @property
    def secret(self) -> dict[str, str]:
        """The URL and the private key, for channels only. Reading it raises WrongKey."""
        stored: dict[str, str] = json.loads(crypto.decrypt(self.encrypted_secret, owner=str(self.pk)))
        return stored

    @secret.setter
    def secret(self, secret: dict[str, str]) -> None:
        self.encrypted_secret = crypto.encrypt(json.dumps(secret), owner=str(self.pk))

    @property
    def readable_secret(self) -> dict[str, str] | None:
        """The secret; None if this server no longer has its key."""
        try:
            return self.secret if self.encrypted_secret else None
        except WrongKey:
            return None

    @property
    def shown_url(self) -> str:
        """The URL without its secrets; "" if it can't be decrypted."""
        secret = self.readable_secret
        return urls.shown(self.kind, secret["url"]) if secret else ""

    def access(self) -> Access:
        """Return what a channel needs. Raises WrongKey."""
        secret = self.secret
        rules = AddressRules(tuple(settings.WEBHOOK_ALLOW), anywhere=self.is_operators)
        return Access(secret["url"], rules, secret.get("private_key", ""), self.host_key)
