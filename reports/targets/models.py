"""Delivery targets and the keys that sign webhooks. Django finds them through reports.models."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from reports import crypto

if TYPE_CHECKING:
    from reports.models import ReportConfiguration


class DeliveryTarget(models.Model):
    """Where results of a version go."""

    class Kind(models.TextChoices):
        API_RESPONSE = "api_response", _("API response")
        EMAIL = "email", _("E-mail")
        WEBHOOK = "webhook", _("Webhook")
        FILE_SHARE = "file_share", _("File share")

    class Mode(models.TextChoices):
        ASYNCHRONOUS = "asynchronous", _("Asynchronous")
        SYNCHRONOUS = "synchronous", _("Synchronous")

    version = models.ForeignKey("reports.ReportVersion", on_delete=models.CASCADE, related_name="delivery_targets")
    kind = models.CharField(max_length=20, choices=Kind)
    mode = models.CharField(max_length=20, choices=Mode, blank=True)
    options = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="api_response") & ~Q(mode="")) | (~Q(kind="api_response") & Q(mode="")),
                name="delivery_mode_of_api_response_only",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.mode}".strip()

    @property
    def is_outbound(self) -> bool:
        """True if the result is sent somewhere; False if clients fetch it."""
        return self.kind != self.Kind.API_RESPONSE

    @property
    def recipients(self) -> int:
        """How many deliveries a result makes."""
        return len(set(self.options["to"])) if self.kind == self.Kind.EMAIL else 1


class WebhookSecret(models.Model):
    """The key that signs a report's webhooks to one URL. Generated when it is first needed."""

    report = models.ForeignKey("reports.ReportConfiguration", on_delete=models.CASCADE, related_name="webhook_secrets")
    # The URL itself is too long for an index.
    url_digest = models.CharField(max_length=64, help_text=_("SHA-256 of the URL."))
    encrypted_secret = models.TextField(editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["report", "url_digest"], name="webhook_secret_of_address")]

    def __str__(self) -> str:
        return f"{self.report_id}"

    @classmethod
    def secret_for(cls, report: ReportConfiguration, url: str) -> str:
        """Return the decrypted secret as the receiver needs it: "whsec_" and base64."""
        owner = f"{report.pk} {url}"
        new_secret = crypto.encrypt(f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}", owner=owner)
        stored, _created = cls.objects.get_or_create(
            report=report,
            url_digest=hashlib.sha256(url.encode()).hexdigest(),
            defaults={"encrypted_secret": new_secret},
        )
        return crypto.decrypt(stored.encrypted_secret, owner=owner)
