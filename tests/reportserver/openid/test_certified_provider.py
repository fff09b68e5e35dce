"""Signing in through a real provider, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.pages.browser import horizontal_overflow, responsive_accessibility_errors
from tests.reportserver.openid.conftest import Site
from tests.server import Client


@pytest.fixture
def context(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=site.server.url)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(page: Page, subject: str, path: str = "/login") -> None:
    """Sign in at the provider, which may know the browser already."""
    page.goto(path)
    page.get_by_role("button", name="Continue with Corporate").click()
    enter(page, subject)


def enter(page: Page, subject: str) -> None:
    page.get_by_placeholder("Enter any login").fill(subject)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()


def sign_in_here(page: Page, name: str, path: str) -> None:
    page.goto(path)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(f"{name}-password-1")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{path}")


def person(site: Site, name: str) -> dict[str, object]:
    """What the definitions file says about a user."""
    users = yaml.safe_load(site.server.manage("export").stdout)["users"]
    return next((user for user in users if user["username"] == name), {})


def test_without_provisioning_nobody_gets_in_who_was_not_linked(site: Site, page: Page, administrator: Client) -> None:
    site.certified.account("s-olga", preferred_username="olga", email="bob@example.com", groups=["bosses"])
    sign_in(page, "s-olga")
    expect(page.get_by_role("alert")).to_contain_text("linked to no user here")
    assert responsive_accessibility_errors(page, "refused") == []
    assert horizontal_overflow(page) <= 0
    assert person(site, "olga") == {}
    # Counted, and written to the log a little later: see audit.tallies.


def test_provisioning_roles_attributes_and_sign_out(site: Site, context: BrowserContext, page: Page) -> None:
    site.apply(identity_providers=[site.corporate(provision=True), site.wrong()])
    site.certified.account(
        "s-pia", preferred_username="pia", email="pia@example.com", email_verified=True, groups=["staff", "others"],
        region="north",
    )  # fmt: skip
    sign_in(page, "s-pia", "/login?next=/reports")
    page.wait_for_url("**/reports")
    expect(page.get_by_role("link", name="Sales by région").first).to_be_visible()
    expected = {"roles": ["readers"], "email": "pia@example.com", "attributes": {"region": ["north"]}}
    found = person(site, "pia")
    assert {name: found[name] for name in expected} == expected
    assert found["identities"] == [{"provider": "corporate", "sub": "s-pia"}] and "password_env" not in found
    page.goto("/account")
    expect(page.get_by_role("heading", name="Linked identities")).to_be_visible()
    page.get_by_role("button", name="Unlink Corporate").click()
    expect(page.get_by_text("This is your only way to sign in")).to_be_visible()
    # Signed out here and there: the provider asks who it is again.
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url("**/login**")
    page.get_by_role("button", name="Continue with Corporate").click()
    expect(page.get_by_placeholder("Enter any login")).to_be_visible()
    # The provider has withdrawn the role and the attribute, and given another role.
    site.certified.account("s-pia", preferred_username="bob", groups=["bosses"])
    enter(page, "s-pia")
    page.wait_for_url("**/")
    expect(page.get_by_role("link", name="People")).to_be_visible()
    assert (person(site, "pia")["roles"], person(site, "pia").get("attributes")) == (["Administrator"], None)
    site.certified.account("s-pia", preferred_username="pia")
    context.clear_cookies()
    sign_in(page, "s-pia")
    page.wait_for_url("**/")
    assert person(site, "pia")["roles"] == []


def test_roles_and_attributes_that_are_not_mapped_stay(site: Site, page: Page) -> None:
    user = {
        "username": "quentin", "tenant": "acme", "roles": ["analysts", "readers"], "attributes": {"level": 3},
        "identities": [{"provider": "corporate", "sub": "s-quentin"}],
    }  # fmt: skip
    assert "create user quentin" in site.apply(
        identity_providers=[site.corporate(provision=False), site.wrong()], users=[user]
    )
    site.certified.account("s-quentin", preferred_username="other", region=["south", "west"])
    sign_in(page, "s-quentin")
    page.wait_for_url("**/")
    found = person(site, "quentin")
    assert (found["roles"], found["attributes"]) == (["analysts"], {"level": 3, "region": ["south", "west"]})


def test_somebody_links_an_identity_with_the_password_and_unlinks_it(
    site: Site, context: BrowserContext, page: Page
) -> None:
    site.certified.account("s-ivan", preferred_username="whoever")
    sign_in_here(page, "ivan", "/account")
    page.get_by_label("Identity provider").select_option(label="Corporate")
    panel = page.locator("#identities")
    panel.get_by_label("Your password").fill("wrong")
    panel.get_by_role("button", name="Link").click()
    expect(panel.get_by_text("The current password is wrong.")).to_be_visible()
    errors = responsive_accessibility_errors(page, "linking")
    page.set_viewport_size({"width": 1280, "height": 800})
    panel.get_by_label("Your password").fill("ivan-password-1")
    page.get_by_label("Identity provider").select_option(label="Corporate")
    panel.get_by_role("button", name="Link").click()
    enter(page, "s-ivan")
    expect(page.get_by_text("Linked to Corporate.")).to_be_visible()
    errors += responsive_accessibility_errors(page, "linked")
    context.clear_cookies()
    sign_in(page, "s-ivan", "/login?next=/account")
    expect(page.get_by_role("heading", name="ivan")).to_be_visible()
    page.get_by_role("button", name="Unlink Corporate").click()
    expect(page.get_by_text("Unlinked from Corporate.")).to_be_visible()
    context.clear_cookies()
    sign_in(page, "s-ivan")
    expect(page.get_by_role("alert")).to_contain_text("linked to no user here")
    assert errors == []


def test_a_deactivated_user_and_a_second_factor(site: Site, page: Page, administrator: Client) -> None:
    """A deactivated user is refused; the tenant's second factor is asked of passwords only."""
    user = {"username": "rosa", "tenant": "acme", "identities": [{"provider": "corporate", "sub": "s-rosa"}]}
    strict = {"slug": "acme", "name": "Acme Inc.", "require_second_factor": True}
    site.certified.account("s-rosa")
    site.apply(users=[user], identity_providers=[site.corporate()], tenants=[strict])
    sign_in(page, "s-rosa", "/login?next=/reports")
    page.wait_for_url("**/reports")
    site.apply()
    site.server.manage(
        "shell", "-c", "from accounts.models import User; User.objects.filter(username='rosa').update(is_active=False)"
    )
    page.goto("/reports")
    page.wait_for_url("**/login**")
    # The provider still knows the browser.
    page.get_by_role("button", name="Continue with Corporate").click()
    expect(page.get_by_role("alert")).to_contain_text("Your user is deactivated")


def test_new_keys_and_an_outage_of_the_provider(site: Site, page: Page) -> None:
    user = {"username": "sven", "tenant": "acme", "identities": [{"provider": "corporate", "sub": "s-sven"}]}
    site.certified.account("s-sven")
    site.apply(users=[user], identity_providers=[site.corporate()])
    sign_in(page, "s-sven")
    page.wait_for_url("**/")
    site.certified.stop()
    page.context.clear_cookies()
    # The configuration of a minute ago is good enough to begin; a server that has none says so.
    site.apply(identity_providers=[site.corporate(issuer=f"{site.certified.issuer}/")])
    page.goto("/login")
    page.get_by_role("button", name="Continue with Corporate").click()
    expect(page.get_by_role("alert")).to_contain_text("Corporate is not responding")
    # The emergency account.
    sign_in_here(page, "judy", "/account")
    page.context.clear_cookies()
    site.apply(identity_providers=[site.corporate()])
    site.certified.start()
    sign_in(page, "s-sven")
    page.wait_for_url("**/")


def test_the_file_is_refused_where_it_is_wrong(site: Site) -> None:
    wrong = site.corporate(
        issuer="http://idp.example.com", roles={"staff": "readers"}, groups_claim=None, client_secret_env="NOT_SET"
    )
    said = site.apply(identity_providers=[wrong])
    assert "identity_providers[0].issuer: Must start with https://" in said
    said = site.apply(identity_providers=[site.corporate(attributes={"dept": "department"})])
    assert "identity_providers[0].attributes.dept: The tenant has no such attribute." in said
    said = site.apply(identity_providers=[site.corporate(slug="new", client_secret_env="NOT_SET")])
    assert "The environment variable NOT_SET is not set." in said
    users = [
        {"username": "bob", "tenant": "acme", "identities": [{"provider": "none", "sub": "x"}]},
        {"username": "carol", "tenant": "acme", "identities": [{"provider": "corporate", "sub": "y"}]},
        {"username": "dave", "tenant": "acme", "identities": [{"provider": "corporate", "sub": "y"}]},
    ]
    said = site.apply(users=users)
    assert "users[0].identities[0].provider: Identity provider none does not exist." in said
    assert "users[2].identities[0].sub: Another user has this identity." in said
    assert site.apply(identity_providers=[site.corporate(), site.wrong()]).strip() in ("Nothing to change.", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_administrator_creates_and_tests_a_provider(site: Site, chromium: Browser, scheme: str) -> None:
    context = chromium.new_context(base_url=site.server.url, color_scheme=scheme)
    page = context.new_page()
    sign_in_here(page, "alice", "/people")
    page.get_by_role("link", name="Identity providers").click()
    page.get_by_label("Short name").fill(f"made-{scheme}")
    page.get_by_label("Name on the sign-in page").fill(f"Made {scheme}")
    page.get_by_label("Issuer").fill("http://idp.example.com")
    page.get_by_label("Client ID").fill("reports")
    page.get_by_label("Claim with groups").fill("groups")
    page.get_by_label("Roles by group").fill("staff = readers")
    page.get_by_role("button", name="Create identity provider").click()
    expect(page.get_by_text("Must start with https://")).to_be_visible()
    errors = responsive_accessibility_errors(page, "identity providers")
    assert horizontal_overflow(page) <= 0
    page.get_by_label("Issuer").fill(site.certified.issuer)
    page.get_by_role("button", name="Create identity provider").click()
    expect(page.get_by_text("/callback")).to_be_visible()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("valid configuration and keys")).to_be_visible()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("was changed")).to_be_visible()
    errors += responsive_accessibility_errors(page, "an identity provider")
    assert horizontal_overflow(page) <= 0
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("was deleted")).to_be_visible()
    context.close()
    assert errors == []
