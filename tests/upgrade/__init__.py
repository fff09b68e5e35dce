"""A database of an earlier version is upgraded, with its data."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
#: What the recorded rows were encrypted, signed, sealed and hashed with.
SECRETS = {
    **{
        f"REPORTSERVER_{name}": f"the {name} of the recorded databases"
        for name in ("SECRET_KEY", "JWT_KEY", "DATA_KEY", "AUDIT_KEY")
    },
    **{f"{name.upper()}_PASSWORD": f"{name}-password-1" for name in ("alice", "bob", "gina")},
    "CRM_URL": "postgresql://crm:secret@crm.example.com/crm",
}
