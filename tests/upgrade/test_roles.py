"""Groups of an earlier version become roles of the tenants that use them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.postgres import postgres_server
from tests.server import RunningServer, environment
from tests.upgrade import SECRETS

_STORE = """
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

# The models of that time: those of today have columns that the database lacks.
state = MigrationExecutor(connection).loader.project_state(
    [("accounts", "0003_tenant_time_zone"), ("reports", "0007_wording")]
)
model = state.apps.get_model
Group, Permission, RoleGrant = model("auth", "Group"), model("auth", "Permission"), model("reports", "RoleGrant")

def grant(codename, name, report):
    permission = Permission.objects.get(codename=codename)
    RoleGrant.objects.create(permission=permission, group=groups[name], content_object=report)

names = ("solo", "both", "granted", "unused", "Administrator", "globex/both")
groups = {name: Group.objects.create(name=name) for name in names}
groups["both"].permissions.add(Permission.objects.get(codename="change_datasource"))
groups["globex/both"].permissions.add(Permission.objects.get(codename="delete_user"))
members = {"acme": ("solo", "both", "Administrator"), "globex": ("both", "Administrator"), "initech": ()}
for slug, roles in members.items():
    tenant = model("accounts", "Tenant").objects.create(slug=slug, name=slug)
    user = model("accounts", "User").objects.create(username=f"user-of-{slug}", tenant=tenant)
    user.groups.set([groups[name] for name in roles])
    report = model("reports", "ReportConfiguration").objects.create(tenant=tenant, slug="sales")
    grant("view_reportconfiguration", "both", report)
    if slug == "globex":
        grant("generate_reportconfiguration", "granted", report)
"""
_READ = """
import json
from django.contrib.auth.models import Group
from accounts.models import User
from accounts.roles import role_name
from reports.models import ReportConfiguration

def named(group):
    role = getattr(group, "role", None)
    return [role.tenant.slug if role else None, role_name(group)]

print(json.dumps({
    "groups": sorted(
        # Without what tells the names of groups apart.
        [*map(str, named(group)), group.name.partition("~")[0], group.permissions.count()]
        for group in Group.objects.all()
    ),
    "users": {user.username: sorted(map(str, map(named, user.groups.all()))) for user in User.objects.all()},
    "grants": sorted(
        [report.tenant.slug, grant.permission.codename, str(named(grant.group))]
        for report in ReportConfiguration.objects.all() for grant in report.rolegrant_set.all()
    ),
}))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_group_becomes_a_role_of_each_tenant_that_uses_it(tmp_path: Path, kind: str) -> None:
    with postgres_server() if kind == "postgresql" else nullcontext() as url:
        settings = SECRETS | ({"REPORTSERVER_DATABASE_URL": url} if url else {})
        server = RunningServer("", tmp_path, environment(tmp_path, 1, **settings), process=None)
        server.manage("migrate", "accounts", "0003_tenant_time_zone")
        server.manage("migrate", "reports", "0007_wording")
        server.manage("shell", "-v0", "-c", _STORE)
        server.manage("prepare")
        found = json.loads(server.manage("shell", "-v0", "-c", _READ).stdout)
    assert found["groups"] == [
        ["None", "Administrator", "Administrator", 0],
        # Somebody called it so. It has another right.
        ["None", "globex/both", "globex/both", 1],
        ["None", "unused", "unused", 0],
        ["acme", "both", "acme/both", 1],
        ["acme", "solo", "acme/solo", 0],
        ["globex", "both", "globex/both", 1],
        ["globex", "granted", "globex/granted", 0],
        ["initech", "both", "initech/both", 1],
    ]
    assert found["users"] == {
        "user-of-acme": ["['acme', 'both']", "['acme', 'solo']", "[None, 'Administrator']"],
        "user-of-globex": ["['globex', 'both']", "[None, 'Administrator']"],
        "user-of-initech": [],
    }
    assert found["grants"] == [
        ["acme", "view_reportconfiguration", "['acme', 'both']"],
        ["globex", "generate_reportconfiguration", "['globex', 'granted']"],
        ["globex", "view_reportconfiguration", "['globex', 'both']"],
        ["initech", "view_reportconfiguration", "['initech', 'both']"],
    ]
