"""Second factors: codes of authenticator apps (RFC 6238), and recovery codes for those who lose theirs."""

from __future__ import annotations

import base64
import hashlib
import secrets

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import transaction
from django.http import HttpRequest

from accounts.models import SecondFactor, User
from audit import actions as audit
from audit.models import Action
from jobs.clock import Now
from jobs.sql import now
from reports import crypto
from reportserver.auth.audit_entries import Channel, record_session

#: What every authenticator app supports: six digits of SHA-1, for half a minute.
_DIGITS, _STEP_SECONDS = 6, 30
_ISSUER = "Report server"
_RECOVERY_CODES = 10


def begin(user: User) -> SecondFactor:
    """Return the factor that the user is setting up, which is created if there is none. It asks nobody yet."""
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    factor, _ = SecondFactor.objects.get_or_create(
        user=user, defaults={"encrypted_secret": crypto.encrypt(secret, owner=_owner(user)), "created_at": Now()}
    )
    return factor


def secret_of(factor: SecondFactor) -> str:
    """The secret in base32, as people type it. Raises WrongKey."""
    return crypto.decrypt(factor.encrypted_secret, owner=_owner(factor.user))


def provisioning_uri(factor: SecondFactor) -> str:
    """What an authenticator app reads from a QR code."""
    return _totp(factor).get_provisioning_uri(factor.user.username, _ISSUER)


def confirm(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """Let sign-ins ask for the factor from now on. Returns recovery codes, of which digests are kept.

    None if the code is wrong, or the factor was confirmed already.
    """
    codes = [f"{secrets.token_hex(4)}-{secrets.token_hex(4)}" for _ in range(_RECOVERY_CODES)]
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at=None).first()
        step = _step_of(factor, code) if factor else None
        if factor is None or step is None:
            return None
        factor.last_step, factor.recovery = step, [_digest(recovery) for recovery in codes]
        factor.confirmed_at = Now()
        factor.save()
        record_session(Action.SECOND_FACTOR_ADD, user, request, "page")
    return codes


def reset(user: User, *, actor: User | str) -> bool:
    """Let sign-ins ask for no factor of this user any more. False if there is none."""
    with transaction.atomic():
        deleted, _ = SecondFactor.objects.filter(user=user).delete()
        if deleted:
            audit.record(
                Action.SECOND_FACTOR_REMOVE,
                actor=actor,
                tenant_id=user.tenant_id,
                target=("user", user.pk),
                details={"user": user.username},
            )
    return bool(deleted)


def has_factor(user: User) -> bool:
    """Whether a sign-in of this user needs a code."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists()


def is_missing(user: User) -> bool:
    """Whether the user's tenant requires a factor that the user doesn't have."""
    return user.tenant is not None and user.tenant.require_second_factor and not has_factor(user)


def use_code(request: HttpRequest, user: User, code: str, channel: Channel) -> bool:
    """Whether this is a code of the user's factor, or one of the recovery codes. It can't be used again."""
    code = "".join(code.split()).lower()
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at__isnull=False).first()
        if factor is None:
            return False
        if step := _step_of(factor, code):
            # Compared again by the database: on SQLite, two requests may have read the same row.
            return bool(SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step).update(last_step=step))
        return _use_recovery_code(request, factor, code, channel)


def _use_recovery_code(request: HttpRequest, factor: SecondFactor, code: str, channel: Channel) -> bool:
    left = [digest for digest in factor.recovery if digest != _digest(code)]
    if len(left) == len(factor.recovery):
        return False
    factor.recovery = left
    factor.save(update_fields=["recovery"])
    record_session(Action.RECOVERY_CODE_USED, factor.user, request, channel)
    return True


def _step_of(factor: SecondFactor, code: str) -> int | None:
    """The half minute whose code this is: the current one or one of its neighbours, since clocks differ.

    None if it is neither, or was used.
    """
    if not (len(code) == _DIGITS and code.isascii() and code.isdigit()):
        return None
    current = int(now().timestamp() // _STEP_SECONDS)
    for step in (current, current - 1, current + 1):
        try:
            _totp(factor).verify(code.encode(), step * _STEP_SECONDS)
        except InvalidToken:
            continue
        return step if step > factor.last_step else None
    return None


def _totp(factor: SecondFactor) -> TOTP:
    return TOTP(base64.b32decode(secret_of(factor)), _DIGITS, SHA1(), _STEP_SECONDS)  # noqa: S303 - what apps support


def _owner(user: User) -> str:
    return f"second factor of {user.pk}"


def _digest(code: str) -> str:
    # 64 random bits, which limits on failed sign-ins protect.
    return hashlib.sha256(code.encode()).hexdigest()
