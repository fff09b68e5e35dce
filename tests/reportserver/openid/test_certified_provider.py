"""Signing in through a real provider, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.pages.browser import horizontal_overflow, responsive_accessibility_errors
from tests.reportserver.openid.conftest import Site


@pytest.fixture
def context(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=site.server.url)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(page: Page, subject: str, path: str = "/login", provider: str = "Corporate") -> None:
    page.goto(path)
    page.get_by_role("button", name=f"Continue with {provider}").click()
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


def roles(site: Site, name: str) -> list[str]:
    """The names of a user's roles."""
    rows = site.query(
        "select coalesce(role.name, auth_group.name) from accounts_user u "
        "join accounts_user_groups g on g.user_id = u.id join auth_group on auth_group.id = g.group_id "
        "left join accounts_role role on role.group_id = g.group_id where u.username = ? order by 1",
        name,
    )
    return [name for (name,) in rows]


def person(site: Site, name: str) -> list[tuple[object, ...]]:
    """The e-mail address and attributes of a user."""
    found = site.query("select email, attributes from accounts_user where username = ?", name)
    return [(email, json.loads(attributes)) for email, attributes in found]


def test_without_provisioning_nobody_gets_in_who_was_not_linked(site: Site, page: Page) -> None:
    site.certified.account("s-olga", preferred_username="olga", email="bob@example.com", groups=["bosses"])
    sign_in(page, "s-olga")
    expect(page.get_by_role("alert")).to_contain_text("linked to no user here")
    assert responsive_accessibility_errors(page, "refused") == []
    assert horizontal_overflow(page) <= 0
    assert person(site, "olga") == []
    reasons = site.query("select details from audit_audittally where action = 'Sign In Failed'")
    assert "The identity is linked to no user." in [json.loads(details).get("reason") for (details,) in reasons]


def test_provisioning_roles_attributes_and_sign_out(site: Site, context: BrowserContext, page: Page) -> None:
    site.certified.account(
        "s-pia", preferred_username="pia", email="pia@example.com", email_verified=True, groups=["staff", "others"],
        region="north",
    )  # fmt: skip
    sign_in(page, "s-pia", "/login?next=/reports", "Open house")
    page.wait_for_url("**/reports")
    expect(page.get_by_role("link", name="Sales by région").first).to_be_visible()
    assert person(site, "pia") == [("pia@example.com", {"region": ["north"]})] and roles(site, "pia") == ["readers"]
    page.goto("/account")
    expect(page.get_by_role("heading", name="Linked identities")).to_be_visible()
    page.get_by_role("button", name="Unlink Open house").click()
    expect(page.get_by_text("This is your only way to sign in")).to_be_visible()
    # Signed out here and there: the provider asks who it is again.
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url("**/login**")
    page.get_by_role("button", name="Continue with Open house").click()
    expect(page.get_by_placeholder("Enter any login")).to_be_visible()
    # The provider has withdrawn the role and the attribute, and given another role.
    site.certified.account("s-pia", preferred_username="bob", groups=["bosses"])
    enter(page, "s-pia")
    page.wait_for_url("**/")
    expect(page.get_by_role("link", name="People")).to_be_visible()
    assert roles(site, "pia") == ["Administrator"] and person(site, "pia") == [("pia@example.com", {})]
    site.certified.account("s-pia", preferred_username="pia")
    context.clear_cookies()
    sign_in(page, "s-pia", provider="Open house")
    page.wait_for_url("**/")
    assert roles(site, "pia") == []


def test_roles_and_attributes_that_are_not_mapped_stay(site: Site, page: Page) -> None:
    site.certified.account("s-quentin", preferred_username="other", region=["south", "west"])
    sign_in(page, "s-quentin")
    page.wait_for_url("**/")
    assert roles(site, "quentin") == ["analysts"]
    assert person(site, "quentin") == [("", {"level": 3, "region": ["south", "west"]})]


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


def test_a_deactivated_user_and_a_second_factor(site: Site, page: Page) -> None:
    """A deactivated user is refused; the tenant's second factor is asked of passwords only."""
    site.certified.account("s-rosa")
    site.query("update accounts_tenant set require_second_factor = 1 where slug = 'acme'")
    sign_in(page, "s-rosa", "/login?next=/reports")
    page.wait_for_url("**/reports")
    site.query("update accounts_tenant set require_second_factor = 0 where slug = 'acme'")
    site.query("update accounts_user set is_active = 0 where username = 'rosa'")
    page.goto("/reports")
    page.wait_for_url("**/login**")
    # The provider still knows the browser.
    page.get_by_role("button", name="Continue with Corporate").click()
    expect(page.get_by_role("alert")).to_contain_text("Your user is deactivated")


def test_new_keys_and_an_outage_of_the_provider(site: Site, page: Page) -> None:
    site.certified.account("s-sven")
    sign_in(page, "s-sven")
    page.wait_for_url("**/")
    page.context.clear_cookies()
    site.certified.stop()
    # Another issuer on the same port: the server knows this one's configuration for a minute.
    site.query("update accounts_identityprovider set issuer = issuer || '/' where slug = 'corporate'")
    page.goto("/login")
    page.get_by_role("button", name="Continue with Corporate").click()
    expect(page.get_by_role("alert")).to_contain_text("Corporate is not responding")
    # The emergency account has a password.
    sign_in_here(page, "judy", "/account")
    page.context.clear_cookies()
    # With a new key, which is trusted at once.
    site.certified.start()
    site.query("update accounts_identityprovider set issuer = rtrim(issuer, '/') where slug = 'corporate'")
    sign_in(page, "s-sven")
    page.wait_for_url("**/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_administrator_creates_and_tests_a_provider(site: Site, chromium: Browser, scheme: str) -> None:
    context = chromium.new_context(base_url=site.server.url, color_scheme=scheme)
    page = context.new_page()
    sign_in_here(page, "alice", "/people")
    page.get_by_role("link", name="Identity providers").click()
    page.get_by_label("URL name").fill(f"made-{scheme}")
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
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete identity provider").click()
    expect(page.get_by_text("was deleted")).to_be_visible()
    context.close()
    assert errors == []
