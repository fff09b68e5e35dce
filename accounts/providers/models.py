"""Identity providers and linked identities. Django finds them through accounts.models."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.models import User


class IdentityProvider(models.Model):
    """A tenant's OpenID provider, through which its people sign in (OpenID Connect Core 1.0)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # PROTECT: deleting a tenant must not silently delete what it owns.
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.PROTECT, related_name="identity_providers")
    slug = models.SlugField(max_length=100)
    name = models.CharField(max_length=200)
    issuer = models.CharField(max_length=500)
    client_id = models.CharField(max_length=500)
    encrypted_client_secret = models.TextField(blank=True, default="", help_text="Empty for a public client.")
    groups_claim = models.CharField(max_length=200, blank=True, default="")
    attributes = models.JSONField(default=dict, help_text="Attributes of the tenant by claim.")
    provision = models.BooleanField(default=False, help_text="Whether a first sign-in creates a user.")
    enabled = models.BooleanField(default=True, help_text="Whether people can sign in through it.")

    class Meta:
        ordering = ["tenant", "name", "slug"]
        verbose_name = _("identity provider")
        verbose_name_plural = _("identity providers")
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="identity_provider_slug_in_tenant")]

    def __str__(self) -> str:
        return self.slug

    @property
    def secret_owner(self) -> str:
        """For whom its client secret is encrypted."""
        return f"identity provider {self.pk}"

    def can_be_used_by(self, user: User) -> bool:
        """Whether the user may sign in through it: whoever configures it could do so in the user's name.

        So never a superuser, who may do more than the tenant's Administrators.
        """
        return user.tenant_id == self.tenant_id and not user.is_superuser and not user.service


class ProviderRole(models.Model):
    """Members of a group at the provider have this role."""

    provider = models.ForeignKey(IdentityProvider, on_delete=models.CASCADE, related_name="roles")
    value = models.CharField(max_length=250, help_text="The group, as the claim has it.")
    group = models.ForeignKey("auth.Group", on_delete=models.CASCADE, related_name="+", help_text="The role.")

    class Meta:
        ordering = ["value"]
        constraints = [models.UniqueConstraint(fields=["provider", "value"], name="provider_role_of_group")]

    def __str__(self) -> str:
        return f"{self.value}: {self.group_id}"


class LinkedIdentity(models.Model):
    """Issuer and subject by which a provider knows a user. Neither changes, unlike names and e-mail addresses."""

    provider = models.ForeignKey(IdentityProvider, on_delete=models.CASCADE, related_name="identities")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="identities")
    # Kept beside the provider's: whoever changes that can't take over identities of the earlier issuer.
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "issuer", "subject"], name="linked_identity_of_one_user")
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.provider_id}"
