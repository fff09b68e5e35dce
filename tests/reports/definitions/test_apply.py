"""Applying definitions: afterwards the database matches the file, or nothing has changed."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import RequestFactory

from accounts.models import RefreshSession, Tenant, User
from audit.models import Action, AuditLog
from reports import actions
from reports.definitions import parse_report
from reports.definitions.errors import errors_in
from reports.definitions.from_database import definition_of
from reports.exceptions import InvalidDefinition
from reports.models import DataSource, ReportConfiguration, ReportVersion
from reports.permissions import Right
from reports.targets.models import DeliveryTarget
from reportserver.auth.tokens import sign_in
from tests.reports.definitions.sample_file import ENV, SAMPLE, apply_definitions, sample

pytestmark = pytest.mark.django_db


def report(slug: str = "carrier-delays") -> ReportConfiguration:
    return ReportConfiguration.objects.get(slug=slug)


def apply_errors(folder, data, **options):
    with pytest.raises(InvalidDefinition) as caught:
        apply_definitions(folder, data, **options)
    return errors_in(caught.value)


def everything():
    models = (Tenant, User, Group, DataSource, ReportConfiguration, ReportVersion, DeliveryTarget, AuditLog)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_apply_creates_everything_in_an_empty_database(tmp_path):
    assert apply_definitions(tmp_path) == [
        "create tenant acme",
        "create user alice",
        "create user bob",
        "create data source flights in acme",
        "create data source crm in acme",
        "create report carrier-delays in acme",
        "create report customers in acme",
    ]
    alice, bob = User.objects.get(username="alice"), User.objects.get(username="bob")
    assert alice.is_administrator and not bob.is_administrator
    assert alice.check_password(ENV["ALICE_PASSWORD"])
    assert DataSource.objects.get(slug="flights").location == str(tmp_path / "data/flights.db")
    assert DataSource.objects.get(slug="crm").url == ENV["CRM_URL"]
    assert report().version.number == 1
    assert report().version.is_asynchronous
    assert [target.options for target in report().version.delivery_targets.all()] == [{}, {"to": ["ops@example.com"]}]


def test_a_role_has_rights_in_its_own_tenant_only(tmp_path):
    data = sample()
    apply_definitions(tmp_path, data)
    data["tenants"].append({"slug": "globex", "name": "Globex"})
    data["users"].append(
        {"username": "gina", "tenant": "globex", "roles": ["analysts"], "password_env": "BOB_PASSWORD"}
    )
    apply_definitions(tmp_path, data)
    assert apply_definitions(tmp_path, data) == []
    bob, gina = User.objects.get(username="bob"), User.objects.get(username="gina")
    assert not set(bob.groups.all()) & set(gina.groups.all())
    granted = report().rolegrant_set.filter(permission__codename=Right.GENERATE.codename)
    assert [grant.group for grant in granted] == list(bob.groups.all())
    assert definition_of(report()).grants.generate == ["analysts", "user:bob"]


def test_a_source_inside_the_servers_own_folder_is_refused(tmp_path, settings):
    (tmp_path / "here").symlink_to(settings.DATA_DIR)
    data = sample()
    data["data_sources"][0]["location"] = "here/reportserver.sqlite3"
    assert apply_errors(tmp_path, data) == {
        "data_sources[0].location": ["The data source's location belongs to the server itself."]
    }


def test_apply_takes_over_a_location_that_was_set_elsewhere(tmp_path):
    apply_definitions(tmp_path)
    DataSource.objects.update(is_operators=False)
    expected = [f"update data source {each}" for each in ("crm in acme: url", "flights in acme: location")]
    assert sorted(apply_definitions(tmp_path)) == expected
    assert DataSource.objects.get(slug="flights").is_operators
    assert apply_definitions(tmp_path) == []


def test_apply_takes_over_a_url_only_if_the_environment_has_it(tmp_path):
    apply_definitions(tmp_path)
    DataSource.objects.filter(slug="crm").update(is_operators=False)
    without = {name: value for name, value in ENV.items() if name != "CRM_URL"}
    assert apply_definitions(tmp_path, env=without) == []
    assert not DataSource.objects.get(slug="crm").is_operators
    assert apply_definitions(tmp_path) == ["update data source crm in acme: url"]
    assert DataSource.objects.get(slug="crm").is_operators
    assert apply_definitions(tmp_path) == []


def test_apply_sets_grants(tmp_path):
    apply_definitions(tmp_path)
    bob, reports = User.objects.get(username="bob"), ReportConfiguration.objects.all()
    assert reports.granted(bob, Right.GENERATE).get().slug == "carrier-delays"
    assert not reports.granted(bob, Right.VIEW).exists()
    bob.groups.add(Group.objects.get(name="acme/readers"))
    assert reports.granted(bob, Right.VIEW).get().slug == "carrier-delays"


def test_a_second_run_changes_nothing(tmp_path):
    apply_definitions(tmp_path)
    before = everything()
    assert apply_definitions(tmp_path) == []
    assert everything() == before


def test_a_report_read_back_equals_its_entry(tmp_path):
    apply_definitions(tmp_path)
    for entry in SAMPLE["reports"]:
        assert definition_of(report(entry["slug"])).entry() == parse_report(entry).entry()


def test_a_dry_run_returns_the_same_differences_and_changes_nothing(tmp_path):
    before = everything()
    planned = apply_definitions(tmp_path, dry_run=True)
    assert everything() == before
    assert planned == apply_definitions(tmp_path)


def test_a_change_creates_a_version_and_keeps_the_old_one(tmp_path):
    apply_definitions(tmp_path)
    changed = sample()
    changed["reports"][0] |= {"query": "select :start, :end", "formats": ["csv"]}
    assert apply_definitions(tmp_path, changed) == ["update report carrier-delays in acme: query, formats"]
    assert [version.number for version in report().versions.all()] == [2, 1]
    assert report().version.query == "select :start, :end"
    assert report().versions.get(number=1).query == SAMPLE["reports"][0]["query"]


def test_a_file_that_does_not_say_when_to_deliver_leaves_it_as_it_is(tmp_path):
    data = sample()
    apply_definitions(tmp_path, data)
    assert report().version.deliver == "on_request"
    data["reports"][0]["deliver"] = "always"
    assert apply_definitions(tmp_path, data) == ["update report carrier-delays in acme: deliver"]
    del data["reports"][0]["deliver"]
    assert apply_definitions(tmp_path, data) == []
    data["reports"][0]["name"] = "Delays"
    apply_definitions(tmp_path, data)
    assert (report().version.number, report().version.deliver) == (3, "always")


def test_changed_grants_create_no_version(tmp_path):
    apply_definitions(tmp_path)
    changed = sample()
    changed["reports"][0]["grants"] = {"view": ["analysts"]}
    assert apply_definitions(tmp_path, changed) == ["change grants of report carrier-delays in acme"]
    assert report().version.number == 1
    assert definition_of(report()).grants.model_dump() == {"generate": [], "view": ["analysts"]}


def test_the_order_of_grants_does_not_matter(tmp_path):
    apply_definitions(tmp_path)
    changed = sample()
    changed["reports"][0]["grants"]["generate"].reverse()
    assert apply_definitions(tmp_path, changed) == []


def test_names_roles_sources_and_passwords_are_updated(tmp_path):
    apply_definitions(tmp_path)
    changed = sample()
    changed["tenants"][0]["name"] = "Acme"
    changed["users"][1]["roles"] = ["readers", "board"]
    changed["data_sources"][0]["location"] = "/elsewhere"
    env = ENV | {"BOB_PASSWORD": "another long one", "CRM_URL": "postgresql://elsewhere/crm"}
    assert apply_definitions(tmp_path, changed, env=env) == [
        "update tenant acme: name",
        "change roles of user bob",
        "set password of user bob",
        "update data source flights in acme: location",
        "update data source crm in acme: url",
    ]
    assert User.objects.get(username="bob").check_password("another long one")
    assert DataSource.objects.get(slug="crm").url == "postgresql://elsewhere/crm"


def test_secrets_whose_variable_is_not_set_stay(tmp_path):
    apply_definitions(tmp_path)
    before = everything()
    assert apply_definitions(tmp_path, env={}) == []
    assert everything() == before


def test_a_new_password_ends_existing_sign_ins(tmp_path):
    apply_definitions(tmp_path)
    sign_in(User.objects.get(username="bob"), RequestFactory().post("/"))
    apply_definitions(tmp_path, env=ENV | {"BOB_PASSWORD": "another long one"})
    assert RefreshSession.objects.get().revoked_at is not None


def test_all_errors_that_only_the_database_shows_are_reported_at_once_and_nothing_changes(tmp_path):
    bad = sample()
    bad["users"].append({"username": "carol", "tenant": "nowhere"})
    bad["users"].append({"username": "dave", "tenant": "acme"})
    bad["data_sources"].append({"slug": "erp", "tenant": "acme", "kind": "postgresql", "url_env": "ERP_URL"})
    bad["reports"][0] |= {"data_source": "nothing", "grants": {"view": ["readers", "user:nobody"]}}
    bad["reports"][1]["query"] = "select :missing"
    before = everything()
    assert apply_errors(tmp_path, bad, env={"BOB_PASSWORD": "x" * 12, "CRM_URL": "mysql://u:hush@h/d"}) == {
        "users[0].password_env": [
            "The environment variable ALICE_PASSWORD is not set. Set it to the new user's password."
        ],
        "users[2].tenant": ["Tenant nowhere does not exist."],
        "users[3].password_env": ["Required for a new user."],
        "data_sources[1].url_env": ["The value of CRM_URL is not valid. Must start with postgresql://."],
        "data_sources[2].url_env": ["The environment variable ERP_URL is not set."],
        "reports[0].grants.view[1]": ["User nobody does not exist in this tenant."],
        "reports[0].data_source": ["Data source nothing does not exist in this tenant."],
        "reports[1].query": [":missing isn't defined. Add it as a parameter."],
    }
    assert everything() == before


@pytest.mark.parametrize(
    ("query", "path", "sentence"),
    [
        ("select :start, :end, :more", "query", ":more isn't defined. Add it as a parameter."),
        ("select :start -- :end", "parameters[1].name", "The query doesn't use :end."),
        ("select :start, ':end'", "parameters[1].name", "The query doesn't use :end."),
        (
            "select :start, :end; delete from flights",
            "query",
            "The query has more than one statement. A report must have exactly one.",
        ),
    ],
)
def test_query_and_parameters_must_match(tmp_path, query, path, sentence):
    bad = sample()
    bad["reports"][0]["query"] = query
    assert apply_errors(tmp_path, bad) == {f"reports[0].{path}": [sentence]}


def test_a_file_cannot_change_a_superuser(tmp_path):
    User.objects.create_superuser("alice", password="x")
    assert apply_errors(tmp_path, SAMPLE) == {"users[0].username": ["A definitions file can't change a superuser."]}


def test_a_user_name_of_another_tenant_is_refused(tmp_path):
    apply_definitions(tmp_path)
    other = {"tenants": [{"slug": "other", "name": "Other"}], "users": [SAMPLE["users"][1] | {"tenant": "other"}]}
    assert apply_errors(tmp_path, other) == {"users[0].username": ["This name isn't available."]}


def test_a_report_cannot_use_the_data_source_or_users_of_another_tenant(tmp_path):
    apply_definitions(tmp_path)
    stranger = SAMPLE["reports"][1] | {"tenant": "other", "grants": {"view": ["user:bob"]}}
    bad = {"tenants": [{"slug": "other", "name": "Other"}], "reports": [stranger]}
    assert apply_errors(tmp_path, bad) == {
        "reports[0].grants.view[0]": ["User bob does not exist in this tenant."],
        "reports[0].data_source": ["Data source crm does not exist in this tenant."],
    }


def test_a_file_may_refer_to_what_the_database_has(tmp_path):
    apply_definitions(tmp_path)
    more = {"reports": [SAMPLE["reports"][1] | {"slug": "more"}]}
    assert apply_definitions(tmp_path, more) == ["create report more in acme"]


def test_without_prune_nothing_is_deleted(tmp_path):
    apply_definitions(tmp_path)
    assert apply_definitions(tmp_path, {"tenants": SAMPLE["tenants"]}) == []


def test_prune_deletes_what_the_file_does_not_list_in_its_tenants_only(tmp_path):
    apply_definitions(tmp_path)
    other = Tenant.objects.create(slug="other", name="Other")
    User.objects.create_user("stranger", tenant=other)
    User.objects.create_superuser("root", tenant=Tenant.objects.get(slug="acme"))
    less = sample()
    del less["users"][1], less["data_sources"][1], less["reports"][1]
    less["reports"][0]["grants"] = {"generate": ["analysts"]}
    assert apply_definitions(tmp_path, less, prune=True, dry_run=True) == apply_definitions(tmp_path, less, prune=True)
    assert [user.username for user in User.objects.order_by("username")] == ["alice", "root", "stranger"]
    assert [source.slug for source in DataSource.objects.all()] == ["flights"]
    assert [report.slug for report in ReportConfiguration.objects.all()] == ["carrier-delays"]
    assert Tenant.objects.count() == 2
    assert apply_definitions(tmp_path, less, prune=True) == []


def test_prune_refuses_to_leave_a_report_without_its_source(tmp_path):
    apply_definitions(tmp_path)
    less = sample()
    del less["data_sources"][1]
    assert apply_errors(tmp_path, less, prune=True) == {
        "data_sources": ["Data source crm is used by: customers. Change these first."]
    }
    assert DataSource.objects.filter(slug="crm").exists()
    less["reports"][1]["data_source"] = "flights"
    assert "delete data source crm in acme" in apply_definitions(tmp_path, less, prune=True)


def test_prune_refuses_to_delete_a_source_of_choices(tmp_path):
    data = sample()
    query = {"query": "select 'x'", "data_source": "crm"}
    parameter = {"name": "x", "type": "string", "choices_query": query}
    data["reports"][1] |= {"data_source": "flights", "query": "select :x as x", "parameters": [parameter]}
    apply_definitions(tmp_path, data)
    del data["data_sources"][1]
    assert "customers (choices of x)" in apply_errors(tmp_path, data, prune=True)["data_sources"][0]
    del data["reports"][1]
    assert "delete data source crm in acme" in apply_definitions(tmp_path, data, prune=True)


def test_prune_ignores_tenants_that_the_file_does_not_list(tmp_path):
    apply_definitions(tmp_path)
    assert apply_definitions(tmp_path, {"reports": [SAMPLE["reports"][0]]}, prune=True) == []


def test_the_audit_log_lists_the_changes_without_secrets(tmp_path):
    apply_definitions(tmp_path)
    entries = list(AuditLog.objects.order_by("sequence"))
    assert [entry.action for entry in entries] == [Action.REPORT_CREATE, Action.REPORT_CREATE, Action.DEFINITIONS_APPLY]
    assert {entry.actor for entry in entries} == {"tester"}
    assert entries[0].details == {"report": "carrier-delays", "version": 1}
    assert "create user bob" in entries[2].details["changes"]
    assert "hush" not in str([entry.details for entry in entries])
    assert ENV["BOB_PASSWORD"] not in str([entry.details for entry in entries])


def test_updating_and_deleting_a_report_is_audited(tmp_path):
    apply_definitions(tmp_path)
    actions.patch_report(report=report(), patch={"name": "Delays"}, actor="tester")
    pk = report().pk
    actions.delete_report(report=report(), actor="tester")
    update, delete = AuditLog.objects.filter(target_id=str(pk)).order_by("sequence")[1:]
    assert (update.action, update.details) == (
        Action.REPORT_UPDATE,
        {"report": "carrier-delays", "version": 2, "changed": ["name"]},
    )
    assert delete.action == Action.REPORT_DELETE


def test_an_unchanged_url_is_not_encrypted_again(tmp_path):
    apply_definitions(tmp_path)
    before = DataSource.objects.get(slug="crm").encrypted_url
    apply_definitions(tmp_path, SAMPLE | {"tenants": [{"slug": "acme", "name": "New"}]})
    assert DataSource.objects.get(slug="crm").encrypted_url == before


@pytest.mark.parametrize(
    ("kind", "url", "sentence"),
    [
        ("sql", "mysql://u:hush@db/x", None),
        ("sql", "postgresql://u:hush@db/x", "This is the URL of a PostgreSQL server. Use kind postgresql."),
        ("sql", "hush", "Must be a URL like mysql://user:password@host/database."),
        ("postgresql", "mysql://u:hush@db/x", "Must start with postgresql://."),
        ("adbc", "adbc://snowflake?password=hush", None),
        ("adbc", "adbc://hush?uri=a&uri=b", "An option is given twice."),
    ],
)
def test_the_url_of_a_server_must_match_its_kind(tmp_path, kind, url, sentence):
    data = sample()
    data["data_sources"].append({"slug": "shop", "tenant": "acme", "kind": kind, "url_env": "SHOP_URL"})
    env = ENV | {"SHOP_URL": url}
    if sentence is None:
        apply_definitions(tmp_path, data, env=env)
        assert DataSource.objects.get(slug="shop").spec().location == url
    else:
        assert apply_errors(tmp_path, data, env=env) == {
            "data_sources[2].url_env": [f"The value of SHOP_URL is not valid. {sentence}"]
        }


def test_a_query_is_parsed_in_the_dialect_of_its_server(tmp_path):
    data = sample()
    data["data_sources"].append({"slug": "shop", "tenant": "acme", "kind": "sql", "url_env": "SHOP_URL"})
    data["reports"][1] |= {"data_source": "shop", "query": "select 'it\\'s :no' # :neither"}
    apply_definitions(tmp_path, data, env=ENV | {"SHOP_URL": "mariadb://u:hush@db/x"})
    assert report("customers").version.source().dialect == "mysql"
