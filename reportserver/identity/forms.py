"""Forms of the account, people and roles pages."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.api_keys import MAX_DAYS, KeyRight
from accounts.localization import NO_SUCH_LANGUAGE
from accounts.models import Tenant, User, validate_locale, validate_time_zone
from accounts.roles import roles_to_hand_out
from reports.models import ReportConfiguration
from reportserver.identity.api_keys import DEFAULT_RIGHTS, KeyRequest, owner_named

_DEFAULT_DAYS = 90
_RIGHTS = {
    KeyRight.VIEW: _("View reports, jobs and results"),
    KeyRight.GENERATE: _("Run reports"),
    KeyRight.ADMINISTER: _("Administer: everything that you can do"),
}


class CurrentPasswordForm(forms.Form):
    """The user's own password. Whether it is right is checked by the view, which limits guesses."""

    current = forms.CharField(label=_("Current password"), strip=False, max_length=1000)


class PasswordForm(CurrentPasswordForm):
    """A new password of the user."""

    new = forms.CharField(label=_("New password"), strip=False, max_length=1000)
    repeated = forms.CharField(label=_("New password again"), strip=False, max_length=1000)

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data)
        self.user = user

    def clean_new(self) -> str:
        password: str = self.cleaned_data["new"]
        validate_password(password, self.user)
        return password

    def clean(self) -> None:
        new, repeated = self.cleaned_data.get("new"), self.cleaned_data.get("repeated")
        if new and repeated and new != repeated:
            self.add_error("repeated", _("The two passwords are not the same."))


class LocalizationForm(forms.Form):
    """How pages look to the user. An empty field leaves it to the browser or the organization."""

    language = forms.ChoiceField(label=_("Language"), required=False)
    time_zone = forms.CharField(label=_("Time zone"), required=False, max_length=64, validators=[validate_time_zone])
    locale = forms.CharField(
        label=_("Numbers and dates as in"), required=False, max_length=35, validators=[validate_locale]
    )

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data, initial={name: getattr(user, name) for name in self.base_fields})
        choices = [("", gettext("As in the browser")), *settings.LANGUAGES]
        self.fields["language"].choices = choices  # type: ignore[attr-defined]
        self.fields["language"].error_messages["invalid_choice"] = _(NO_SUCH_LANGUAGE)


class KeyForm(forms.Form):
    """A new API key, for the user or, on request of an Administrator, for a service account."""

    name = forms.CharField(label=_("Name"), max_length=100)
    expires = forms.DateField(label=_("Last day"))
    owner = forms.ModelChoiceField(User.objects.none(), label=_("For"), to_field_name="username")
    rights = forms.MultipleChoiceField(label=_("Rights"))
    reports = forms.ModelMultipleChoiceField(ReportConfiguration.objects.none(), label=_("Reports"), required=False)

    def __init__(self, user: User, data: Any = None) -> None:
        self.today = timezone.now().astimezone(user.zone).date()
        super().__init__(data, initial=self._defaults(user))
        self.user = user
        owners = User.objects.filter(pk=user.pk)
        if user.is_administrator and user.tenant_id:
            owners |= User.objects.filter(tenant=user.tenant_id, service=True, is_active=True)
        self.fields["owner"].queryset = owners.order_by("username")  # type: ignore[attr-defined]
        choices = _RIGHTS if user.is_administrator else {right: _RIGHTS[right] for right in DEFAULT_RIGHTS}
        self.fields["rights"].choices = [(str(right), label) for right, label in choices.items()]  # type: ignore[attr-defined]
        visible = ReportConfiguration.objects.visible_to(user).filter(current__isnull=False)
        self.fields["reports"].queryset = visible.select_related("current").order_by("slug")  # type: ignore[attr-defined]

    def clean_expires(self) -> date:
        day: date = self.cleaned_data["expires"]
        if not self.today <= day < self.today + timedelta(days=MAX_DAYS):
            raise forms.ValidationError(_("Must be from today to a year from now."))
        return day

    @property
    def has_choice_of_owners(self) -> bool:
        return len(self.fields["owner"].queryset) > 1  # type: ignore[attr-defined]

    @property
    def last_possible_day(self) -> str:
        return (self.today + timedelta(days=MAX_DAYS - 1)).isoformat()

    def key_request(self) -> KeyRequest:
        """What the form asks for, if it is valid. Raises InvalidParameters."""
        asked = self.cleaned_data
        # The day is the last on which the key can be used, in the user's time zone.
        end = datetime.combine(asked["expires"] + timedelta(days=1), time(), self.user.zone)
        reports = [str(report.pk) for report in asked["reports"]] or None
        owner = owner_named(self.user, asked["owner"].username)
        return KeyRequest(owner, asked["name"], end, asked["rights"], reports)

    def _defaults(self, user: User) -> dict[str, Any]:
        return {
            "expires": self.today + timedelta(days=_DEFAULT_DAYS),
            "owner": user.username,
            "rights": list(map(str, DEFAULT_RIGHTS)),
        }


class PersonForm(forms.Form):
    """A new user or service account of a tenant. The name is checked when the user is created."""

    tenant = forms.ModelChoiceField(Tenant.objects.none(), label=_("Organization"), to_field_name="slug")
    username = forms.CharField(label=_("User name"), max_length=150)
    email = forms.EmailField(label=_("E-mail"), required=False)
    roles = forms.ModelMultipleChoiceField(Group.objects.none(), label=_("Roles"), required=False)
    service = forms.BooleanField(required=False)

    def __init__(self, actor: User, data: Any = None) -> None:
        super().__init__(data, initial={"roles": []})
        self.fields["tenant"].queryset = _tenants_of(actor)  # type: ignore[attr-defined]
        self.fields["roles"].queryset = roles_to_hand_out(actor)  # type: ignore[attr-defined]


class RoleForm(forms.Form):
    """A new role of a tenant."""

    tenant = forms.ModelChoiceField(Tenant.objects.none(), label=_("Organization"), to_field_name="slug")
    name = forms.CharField(label=_("Name"), max_length=100)

    def __init__(self, actor: User, data: Any = None) -> None:
        super().__init__(data)
        self.fields["tenant"].queryset = _tenants_of(actor)  # type: ignore[attr-defined]


class RoleNameForm(forms.Form):
    """Another name of a role."""

    name = forms.CharField(label=_("Name"), max_length=100)


def _tenants_of(actor: User) -> QuerySet[Tenant]:
    """The tenants in which the Administrator can create something."""
    return Tenant.objects.order_by("name") if actor.is_superuser else Tenant.objects.filter(users=actor)
