"""Checks values against the choices of a report's version, and lists choices. The queries run in a limited child."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from accounts.models import User
from common.children.messages import ChildLimits
from reports.choices.queries import ParameterChoices, ancestors
from reports.choices.results import ChoicesPage, Found
from reports.choices.tasks import SECONDS, Listing, find
from reports.dry_run.limited import run_in_child
from reports.exceptions import ChoicesNotFound, ChoicesUnavailable, DryRunBusy, InvalidParameters, RunError
from reports.models import ReportVersion
from reports.parameters.caller import caller_values
from reports.parameters.date_math import Moment
from reports.parameters.limits import text_of
from reports.parameters.scalars import InvalidValue, quoted
from reports.parameters.values import Labels, TypedValue, first_errors, typed_value

log = logging.getLogger(__name__)
#: The task stops by itself; a child that doesn't is killed a little later. 200 choices may have long values.
_LIMITS = ChildLimits(seconds=SECONDS + 1, result_bytes=8 << 20, wait_seconds=2)
MAX_TEXT = 200


def check_choices(version: ReportVersion, values: Mapping[str, TypedValue], *, actor: User | str) -> Labels:
    """Look up the values in the whole of their choices queries. Return their labels.

    Never within a transaction: it takes up to five seconds. `actor` is as whom the report runs. Raises
    InvalidParameters, ChoicesUnavailable, CallerAttributeMissing.
    """
    [outcome] = check_choices_of_each(version, [values], actor=actor)
    if isinstance(outcome, InvalidParameters):
        raise outcome
    return outcome


def check_choices_of_each(
    version: ReportVersion, several: Sequence[Mapping[str, TypedValue]], *, actor: User | str
) -> list[Labels | InvalidParameters]:
    """Do what `check_choices` does for each of several values, in one child and within the time for one.

    Values whose parents are equal are looked up together. Raises ChoicesUnavailable, CallerAttributeMissing.
    """
    choices = _choices(version) if version.has_choices_queries else []
    if not any(_is_given(values[each.name]) for each in choices for values in several):
        return [{} for _ in several]
    caller = caller_values(actor, version.caller_names)
    found = _find(choices, [{**values, **caller} for values in several], None, actor)
    return [_outcome(choices, values, labels) for values, labels in zip(several, found.labels, strict=True)]


def list_choices(
    version: ReportVersion,
    name: str,
    parents: Mapping[str, Sequence[str]],
    *,
    text: str,
    limit: int,
    moment: Moment,
    actor: User | str,
) -> ChoicesPage:
    """Return the choices of a parameter that contain the text, for these texts of its parents.

    Parents are checked against their own choices first. Other parameters among them are ignored. Raises
    CallerAttributeMissing, ChoicesNotFound, InvalidParameters, ChoicesUnavailable.
    """
    declared = {parameter.name: parameter for parameter in version.declared_parameters()}
    if name not in declared or declared[name].choices_query is None:
        raise ChoicesNotFound
    values = caller_values(actor, version.caller_names)
    by_name = {each.name: each for each in _choices(version)}
    errors = {each: [_NO_SUCH] for each in parents if each not in declared}
    before = ancestors(name, by_name)
    for parameter in before:
        try:
            value = typed_value(parameter, list(parents.get(parameter.name, ())), moment, from_text=True)
            values[parameter.name] = TypedValue(parameter.type, value)
        except InvalidValue as error:
            errors[parameter.name] = error.messages
    if errors:
        raise InvalidParameters(errors)
    choices = [by_name[parameter.name] for parameter in before if parameter.name in by_name]
    found = _find([*choices, by_name[name]], [values], Listing(name, text[:MAX_TEXT], limit), actor)
    if errors := _errors(choices, values, found.labels[0]):
        raise InvalidParameters(errors)
    return found.page or ChoicesPage()


_NO_SUCH = "This report has no such parameter."


def _choices(version: ReportVersion) -> list[ParameterChoices]:
    try:
        return version.choices()
    except RunError as error:
        raise ChoicesUnavailable(error.message) from error


def _find(
    choices: Sequence[ParameterChoices],
    several: Sequence[Mapping[str, TypedValue]],
    listing: Listing | None,
    actor: User | str,
) -> Found:
    try:
        found = run_in_child(find, choices, several, listing, float(SECONDS), actor=actor, limits=_LIMITS)
    except (RunError, DryRunBusy) as error:
        raise ChoicesUnavailable(f"The choices can't be read at the moment. {error.message}") from error
    if found.fault:
        # Not why: the sentence may quote values.
        log.warning("The choices of %s can't be read.", ", ".join(each.name for each in choices))
        raise ChoicesUnavailable(found.fault)
    return found


def _outcome(
    choices: Sequence[ParameterChoices], values: Mapping[str, TypedValue], found: Mapping[str, list[str | None]]
) -> Labels | InvalidParameters:
    given = [each for each in choices if _is_given(values[each.name])]
    if errors := _errors(given, values, found):
        return InvalidParameters(errors)
    return {name: _labels_of(values[name], labels) for name, labels in found.items()}


def _errors(
    choices: Sequence[ParameterChoices], values: Mapping[str, TypedValue], found: Mapping[str, list[str | None]]
) -> dict[str, list[str]]:
    errors = {}
    for each in choices:
        value, labels = values[each.name].value, found.get(each.name, [])
        items = value if isinstance(value, tuple) else (value,)
        missing = [text_of(item) for item, label in zip(items, labels, strict=False) if label is None]
        if missing:
            given = ", ".join(f"{parent.title} {_text(values[parent.name])}" for parent in each.parents)
            choices_of = f"the choices for {given}" if given else "the choices"
            errors[each.name] = first_errors([f"{quoted(text)} is not one of {choices_of}." for text in missing])
    return errors


def _is_given(value: TypedValue) -> bool:
    return value.value not in (None, ())


def _text(value: TypedValue) -> str:
    items = value.value if isinstance(value.value, tuple) else (value.value,)
    return ", ".join(quoted(text_of(item)) if item is not None else "(not given)" for item in items[:3])


def _labels_of(value: TypedValue, labels: Sequence[str | None]) -> str | list[str]:
    texts = [label or "" for label in labels]
    return texts if isinstance(value.value, tuple) else texts[0]
