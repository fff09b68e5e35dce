"""Tenants, users, and the API sessions and API keys of users."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractUser, Group
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.api_keys import KeyRight, KeyScope
from accounts.attributes import validate_attributes, validate_declarations
from accounts.domains import NO_DOMAIN, is_domain
from accounts.exceptions import ADMINISTRATORS_ONLY
from accounts.localization import NO_SUCH_LANGUAGE, NO_SUCH_LOCALE, NO_SUCH_ZONE, is_locale, is_time_zone
from accounts.names import NOT_AVAILABLE, is_reserved
from accounts.providers.models import IdentityProvider, LinkedIdentity, ProviderRole
from accounts.querysets import ADMINISTRATOR, ApiKeys, Users

__all__ = [
    "ApiKey",
    "IdentityProvider",
    "LinkedIdentity",
    "PageSession",
    "ProviderRole",
    "RefreshSession",
    "Role",
    "SecondFactor",
    "SessionOrigin",
    "Tenant",
    "User",
]


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless there is such a time zone."""
    if not is_time_zone(name):
        raise ValidationError(_(NO_SUCH_ZONE))


def validate_domains(text: str) -> None:
    """Raise ValidationError unless the text consists of domains."""
    for name in text.split():
        if not is_domain(name):
            raise ValidationError(_(NO_DOMAIN))


def validate_language(code: str) -> None:
    """Raise ValidationError unless the pages exist in this language."""
    if code not in dict(settings.LANGUAGES):
        raise ValidationError(_(NO_SUCH_LANGUAGE))


def validate_locale(name: str) -> None:
    """Raise ValidationError unless there is such a locale."""
    if not is_locale(name):
        raise ValidationError(_(NO_SUCH_LOCALE))


class Tenant(models.Model):
    """An organization. Owns users, data sources, reports, jobs and audit entries; nothing crosses tenants."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        default="",
        validators=[validate_time_zone],
        help_text=_("For relative dates such as today, unless a report has its own, for example Europe/Berlin."),
    )
    recipient_domains = models.TextField(
        blank=True,
        db_default="",
        default="",
        validators=[validate_domains],
        help_text=_("To whose addresses schedules of users may send e-mail, separated by spaces: example.com"),
    )
    locale = models.CharField(
        max_length=35,
        blank=True,
        db_default="",
        default="",
        validators=[validate_locale],
        help_text=_("How reports write numbers and dates, unless a report has its own, for example de-DE."),
    )

    require_second_factor = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Its people sign in with a password and a second factor."),
    )
    attributes = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        validators=[validate_declarations],
        help_text=_("What queries can know of a user, by name: type, and whether there can be several values."),
    )

    def __str__(self) -> str:
        return self.name

    def is_recipient_domain(self, address: str) -> bool:
        """Whether schedules of users may send to this e-mail address."""
        return address.rpartition("@")[2].lower() in self.recipient_domains.lower().split()


class User(AbstractUser):
    """A person or a program that signs in. Roles are Django groups."""

    username = models.CharField(
        _("username"),
        max_length=150,
        unique=True,
        help_text=_("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."),
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": _(NOT_AVAILABLE)},
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="users")
    session_generation = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Sessions of earlier generations have ended. A trigger adds 1 when is_active changes.",
    )

    service = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("A program. It has no password and can't sign in; it calls the API with keys."),
    )

    attributes = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        validators=[validate_attributes],
        help_text=_("Values of the organization's attributes. Reports can depend on them."),
    )
    # How the pages look to this user. Empty: as the browser says, or the organization.
    language = models.CharField(max_length=10, blank=True, db_default="", default="", validators=[validate_language])
    time_zone = models.CharField(max_length=64, blank=True, db_default="", default="", validators=[validate_time_zone])
    locale = models.CharField(max_length=35, blank=True, db_default="", default="", validators=[validate_locale])

    objects = Users()  # type: ignore[misc]
    #: The API key that the call is made with. None for pages, and for calls with an access token.
    key: KeyScope | None = None

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(tenant__isnull=False) | Q(is_superuser=True), name="user_has_tenant_or_is_superuser"
            )
        ]

    def clean(self) -> None:
        """Raise ValidationError for a reserved name, unless the user has had it since before it was reserved."""
        # Django's form leaves out a name that another user has in another case.
        if not self.username:
            return
        super().clean()
        if not User.objects.filter(pk=self.pk, username=self.username).exists():
            _validate_name(self.username)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            _validate_name(self.username)
        super().save(*args, **kwargs)

    def get_session_auth_hash(self) -> str:
        """What every session of this user depends on: the password, and that nobody has deactivated the user since.

        Pages keep it in the session, API sessions a digest of it in their tokens.
        """
        of_password = super().get_session_auth_hash()
        # Without a deactivation it is Django's own, so sessions of earlier versions stay valid.
        if not self.session_generation:
            return of_password
        value = f"{of_password} {self.session_generation}"
        return salted_hmac("accounts.User.session_generation", value, algorithm="sha256").hexdigest()

    @property
    def zone(self) -> ZoneInfo:
        """In which pages show times: the user's time zone, else the organization's, else UTC."""
        return ZoneInfo(self.time_zone or (self.tenant.time_zone if self.tenant else "") or "UTC")

    @property
    def is_administrator(self) -> bool:
        """True if this user may do everything in its own tenant or, as a superuser, everywhere.

        Not with a key that doesn't say so.
        """
        return self.is_administrator_without_key and (self.key is None or self.key.allows(KeyRight.ADMINISTER))

    @cached_property
    def is_administrator_without_key(self) -> bool:
        """True if this user would be an Administrator on a page. Decides nothing but what a key narrows."""
        if not self.is_active:
            return False
        if self.is_superuser:
            return True
        # Set by Users.get_signed_in, which saves a query with every call of the API.
        if hasattr(self, "has_administrator_role"):
            return bool(self.has_administrator_role)
        return self.groups.filter(name=ADMINISTRATOR).exists()

    def key_allows(self, right: str) -> bool:
        """False if this call is made with a key that lacks the right. Says nothing about the user's own rights."""
        return self.key is None or self.key.allows(right)

    def key_covers(self, report_id: uuid.UUID | None) -> bool:
        """False if this call is made with a key that can't be used for the report."""
        return self.key is None or self.key.covers(report_id)

    def administers(self, tenant_id: int | None) -> bool:
        """True if this user is an Administrator of that tenant."""
        return self.is_administrator and (self.is_superuser or self.tenant_id == tenant_id)

    def check_administers(self, tenant_id: int | None) -> None:
        """Raises PermissionDenied unless this user is an Administrator of that tenant."""
        if not self.administers(tenant_id):
            raise PermissionDenied(ADMINISTRATORS_ONLY)


def _validate_name(name: str) -> None:
    if is_reserved(name):
        raise ValidationError({"username": _(NOT_AVAILABLE)})


class Role(models.Model):
    """What belongs to a tenant of a Django group: see accounts.roles."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="role")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="roles")
    name = models.CharField(max_length=150)

    class Meta:
        ordering = ["tenant", "name"]
        verbose_name = _("role of an organization")
        verbose_name_plural = _("roles of organizations")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="role_name_in_tenant")]

    def __str__(self) -> str:
        return self.name


class SecondFactor(models.Model):
    """A user's authenticator app: codes by RFC 6238. Without `confirmed_at` it is being set up, and asks nobody yet."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="second_factor")
    encrypted_secret = models.TextField()
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0, help_text="Of the last code that was used: none works twice.")
    recovery = models.JSONField(default=list, help_text="Digests of the recovery codes that are left.")

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"


class SessionOrigin(models.Model):
    """Where and when a session began, for the list of its user. Unknown for sessions of earlier versions."""

    created_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=45, blank=True, db_default="", default="")
    agent = models.CharField(max_length=200, blank=True, db_default="", default="", help_text="The User-Agent header.")

    class Meta:
        abstract = True


class PageSession(SessionOrigin):
    """Whose a session of the pages is, which Django's own row hides. Ends with that row.

    Its id is shown on pages; the session's key never is.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No database constraint: processes of an earlier version delete sessions and know nothing of this table.
    session = models.OneToOneField(Session, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="page_sessions")

    def __str__(self) -> str:
        return f"{self.user_id} from {self.address}"


class RefreshSession(SessionOrigin):
    """One sign-in through the API. Only its newest refresh token is valid, and only that token's digest is stored.

    A token that is used twice revokes the session: one of its two users must have stolen it (RFC 9700, section 4.14.2).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_sessions")
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user_id} until {self.expires_at:%Y-%m-%d}"


class ApiKey(models.Model):
    """Lets a program call the API as its user, within limits. Only a digest of it is stored (accounts.api_keys)."""

    id = models.CharField(primary_key=True, max_length=16, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    rights = models.JSONField(help_text="A list of accounts.api_keys.KeyRight.")
    # No relation: without its last report, a limited key would turn into one for all of them.
    reports = models.JSONField(null=True, help_text="A list of ids; null: all reports.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True, help_text="To the minute.")
    generation = models.PositiveIntegerField(
        help_text="The user's session_generation: a key isn't valid again when its user is activated again."
    )

    objects = ApiKeys.as_manager()
    #: Set for lists: the slugs of `reports`.
    report_slugs: list[str] | None = None

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.name
