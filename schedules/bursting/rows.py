"""From the rows of a recipients' query to recipients: one for each key, and a sentence for what is wrong with a row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reports.definitions.field_types import check_email
from reports.dry_run.results import QueryRows
from reports.parameters.scalars import quoted
from schedules.bursting.definitions import Recipients
from schedules.exceptions import RecipientsUnreadable, RecipientsUnusable

MAX_KEY = 200
#: Of one text: it is stored with each job, and shown.
_MAX_TEXT = 2_000
_CONFLICT = "Its rows have different values of a parameter. Make the query return one value for each key."

Row = Mapping[str, str | None]


@dataclass
class Recipient:
    """A key with the addresses of its rows, and the texts of its parameters. `row`: texts by column of its first row.

    With `is_refused` it gets no job; without `has_key`, no row of a report can be for it. `reasons` say why, or why
    some addresses are left out. `values` are those of its parameters as generate takes them, once they are checked.
    """

    key: str
    row: dict[str, str]
    parameters: dict[str, str]
    values: dict[str, object] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    is_refused: bool = False
    has_key: bool = True

    def refuse(self, reason: str) -> None:
        self.is_refused = True
        if reason not in self.reasons:
            self.reasons.append(reason)

    def without_address(self, address: str, reason: str) -> None:
        """Leave out one address. Refuses the recipient if that was the last."""
        self.addresses.remove(address)
        self.reasons.append(reason)
        self.is_refused = self.is_refused or not self.addresses

    @property
    def reason(self) -> str:
        return " ".join(self.reasons)


def recipients_in(found: QueryRows, recipients: Recipients, used: Iterable[str] = ()) -> list[Recipient]:
    """Return the recipients in the order of their first rows. `used`: columns that texts of deliveries use.

    Raises RecipientsUnusable if the query failed, returned too many rows or lacks a column.
    """
    if found.fault:
        raise RecipientsUnreadable(f"The recipients' query failed. {found.fault}")
    if found.more:
        limit = f"{recipients.at_most:,} rows, which is what at_most allows"
        raise RecipientsUnusable(f"The recipients' query returns more than {limit}.")
    _check_columns(found.columns, recipients, used)
    by_key: dict[str, Recipient] = {}
    for texts in found.rows:
        row = dict(zip(found.columns, texts, strict=True))
        new = _recipient(row, recipients)
        recipient = by_key.setdefault(new.key, new)
        if recipient.key and recipient.parameters != new.parameters:
            recipient.refuse(_CONFLICT)
        if recipients.to is not None:
            _add_address(recipient, row[recipients.to])
    for recipient in by_key.values():
        recipient.is_refused = recipient.is_refused or (recipients.to is not None and not recipient.addresses)
    return list(by_key.values())


def _check_columns(columns: list[str], recipients: Recipients, used: Iterable[str]) -> None:
    wanted = [recipients.key, *recipients.parameters.values(), *used]
    wanted += [recipients.to] if recipients.to is not None else []
    missing = [name for name in dict.fromkeys(wanted) if name not in columns]
    if missing:
        raise RecipientsUnusable(
            f"The recipients' query has no column {', '.join(missing)}. Its columns are {', '.join(columns[:20])}."
        )


def _recipient(row: Row, recipients: Recipients) -> Recipient:
    texts = {name: (text or "").replace("\0", "")[:_MAX_TEXT] for name, text in row.items()}
    parameters = {name: row[column] or "" for name, column in recipients.parameters.items()}
    recipient = Recipient(row[recipients.key] or "", texts, parameters)
    if not recipient.key:
        recipient.has_key = False
        recipient.refuse("The key is NULL or empty.")
    elif "\0" in recipient.key or len(recipient.key) > MAX_KEY:
        digest = hashlib.sha256(recipient.key.encode()).hexdigest()[:16]
        recipient.key, recipient.has_key = f"{recipient.key[:100]}… {digest}".replace("\0", ""), False
        recipient.refuse(f"A key is a text of at most {MAX_KEY} characters without NUL.")
    # NULL could mean "everything" to the report's query.
    for name, text in parameters.items():
        if not text:
            recipient.refuse(f"{name}: The column {recipients.parameters[name]} is NULL or empty.")
    return recipient


def _add_address(recipient: Recipient, text: str | None) -> None:
    address = (text or "").strip()
    if address.lower() in (known.lower() for known in recipient.addresses):
        return
    try:
        check_email(address)
        if len(address) > 254:
            raise ValueError
    except ValueError:
        reason = f"{quoted(address)} is not an e-mail address." if address else "An address is missing."
        recipient.reasons.append(reason)
    else:
        recipient.addresses.append(address)
