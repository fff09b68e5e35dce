"""The form of a data source. The stored URL never leaves the server."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from reports.data_sources.body import SourceBody, parse_source
from reports.definitions.errors import errors_in
from reports.exceptions import InvalidDefinition
from reports.models import DataSource
from reports.sources.drivers.operators import OPERATORS_KINDS

#: Of kind files, but not from a path.
UPLOADS = "uploads"


class SourceForm(forms.Form):
    """What to store of a data source. Its rules are those of the API: see `body`."""

    slug = forms.CharField(label=_("URL name"), required=False)
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    location = forms.CharField(label=_("Path"), required=False)
    url = forms.CharField(label=_("Connection URL"), required=False, strip=True)

    def __init__(self, source: DataSource, data: Any = None) -> None:
        kind, location = (UPLOADS, "") if source.is_uploads or source._state.adding else (source.kind, source.location)
        super().__init__(data, initial={"slug": source.slug, "kind": kind, "location": location})
        self.source = source
        # Only for sources that an operator has set up.
        hidden = set(OPERATORS_KINDS) - {source.kind}
        offered = [(value, label) for value, label in DataSource.Kind.choices if value not in hidden]
        cast(forms.ChoiceField, self.fields["kind"]).choices = [(UPLOADS, _("Files that you upload")), *offered]

    def body(self) -> SourceBody:
        """What the form says. Raises InvalidDefinition."""
        self.full_clean()
        # A kind that isn't offered isn't cleaned; its error is that of the API.
        entered: dict[str, Any] = {name: self.data.get(name, "").strip() for name in ("slug", "kind")}
        optional = {name: self.cleaned_data.get(name) or None for name in ("location", "url")}
        if entered["kind"] == UPLOADS:
            entered |= {"kind": DataSource.Kind.FILES.value, "uploads": True}
        return parse_source({**entered, **optional, "tenant": self.source.tenant.slug})

    def show_errors(self, error: InvalidDefinition) -> None:
        """Put the sentences of the error beside the fields that they are about."""
        for path, sentences in errors_in(error).items():
            name = path if path in self.fields else None
            self.add_error(name, [gettext(sentence) for sentence in sentences])
