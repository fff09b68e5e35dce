"""This app's hand-written SQL. Every writer waits while another one has locked the head of the chain."""

from __future__ import annotations

READ_HEAD = "select sequence, hash from audit_audithead where id = 1"
#: Parameters: sequence, hash, seal.
ADVANCE_HEAD = "update audit_audithead set sequence = %s, hash = %s, seal = %s where id = 1"
#: Parameters: the first and the last sequence of an archive that was recorded in the same transaction.
DELETE_ARCHIVED = "delete from audit_auditlog where sequence between %s and %s"
