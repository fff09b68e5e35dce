"""Gives each group to the tenant whose users have it, or whose reports it has rights on.

A group that several tenants use is split: the first tenant keeps it, the others get copies with their users, their grants and
the group's permissions. A group that nobody uses, and Administrator, which every tenant has, stay as they are.
"""

from django.db import migrations

from accounts.querysets import ADMINISTRATOR
from accounts.roles import group_name, new_group_name


def split(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    for group in Group.objects.exclude(name=ADMINISTRATOR).order_by("pk"):
        for number, tenant in enumerate(_tenants_of(apps, group)):
            _give(apps, group, tenant, keep=number == 0)


def _tenants_of(apps, group):
    users = apps.get_model("accounts", "User").objects.filter(groups=group).exclude(tenant=None)
    grants = apps.get_model("reports", "RoleGrant").objects.filter(group=group)
    ids = {*users.values_list("tenant", flat=True), *grants.values_list("content_object__tenant", flat=True)}
    return list(apps.get_model("accounts", "Tenant").objects.filter(pk__in=ids).order_by("pk"))


def _give(apps, group, tenant, *, keep):
    Role = apps.get_model("accounts", "Role")
    name = Role.objects.filter(group=group).values_list("name", flat=True).first() or group.name
    own_name = group_name(tenant.slug, name)
    if keep:
        # The name may be taken by another group that somebody called like this.
        if not type(group).objects.filter(name=own_name).exists():
            group.name = own_name
            group.save()
        Role.objects.create(group=group, tenant=tenant, name=name)
        return
    own = type(group).objects.create(name=new_group_name(type(group).objects.all(), tenant.slug, name))
    own.permissions.add(*group.permissions.all())
    Role.objects.create(group=own, tenant=tenant, name=name)
    for user in apps.get_model("accounts", "User").objects.filter(groups=group, tenant=tenant):
        user.groups.add(own)
        user.groups.remove(group)
    apps.get_model("reports", "RoleGrant").objects.filter(group=group, content_object__tenant=tenant).update(group=own)


class Migration(migrations.Migration):
    dependencies = [("reports", "0007_wording"), ("accounts", "0004_roles")]
    operations = [migrations.RunPython(split, migrations.RunPython.noop)]
