"""Pages and mails that the walk of `test_translations` does not reach are in the user's language too.

They need a link from a mail, a secret that is shown once, a device, or something that went wrong.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from hooks import mail_links
from hooks.channels import services
from hooks.endpoints import devices, lookup
from hooks.manage import rules
from hooks.models import Channel, Device, Hook
from hooks.preferences.notification_settings import Choice, choose
from hooks.remarks import Remark, RemarkCode
from notifications_project.accounts import email_addresses, invitations
from notifications_project.accounts.models import AccountMail, AuditEntry, Organization, User
from tests.hooks.pages import add_webhook
from tests.hooks.people import with_hipchat, with_webhook
from tests.hooks.pushing import TOKEN
from tests.project.test_translations import DATA, known_names, name_of
from tests.project.untranslated import find_untranslated, find_untranslated_lines, wrap_translations

pytestmark = pytest.mark.django_db
NEW = "nina@people.example"
ClientOf = Callable[[User], Client]


class Reader:
    """Opens pages in the pseudo-language, and keeps what is neither translated nor data."""

    def __init__(self) -> None:
        self.found: dict[str, set[str]] = defaultdict(set)
        self.opened: set[str] = set()

    def open(self, client: Client, path: str, sent: dict[str, Any] | None = None, **headers: Any) -> str:
        """Open a page, or send a form and follow where it leads; return the page."""
        answer = client.get(path, **headers) if sent is None else client.post(path, sent, follow=True, **headers)
        assert answer.status_code < 500
        page = name_of(answer.request["PATH_INFO"])
        self.opened.add(page)
        self.found[page] |= set(find_untranslated(answer.text, DATA | known_names()))
        return answer.text

    def read_mails(self) -> int:
        """Read the mails that wait to be sent; return how many there are."""
        mails = [mail.content for mail in AccountMail.objects.all()]
        data = DATA | known_names()
        for mail in mails:
            self.found["mails"] |= set(find_untranslated_lines(mail["subject"], data))
            self.found["mails"] |= set(find_untranslated_lines(mail["text"], data))
            self.found["mails"] |= set(find_untranslated(mail["html"], data))
        return len(mails)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Iterator[Reader]:
    settings.MAIL_CONFIGURED = settings.PUSH_CONFIGURED = True
    cache.clear()
    wrap_translations(monkeypatch)
    reading = Reader()
    yield reading
    assert not {page: sorted(texts) for page, texts in reading.found.items() if texts}


def link_in_mail(pattern: str) -> str:
    found = re.findall(rf"http://localhost:8000({pattern})", AccountMail.objects.latest("pk").content["text"])
    return str(found[-1])


def test_invitations(reader: Reader, acme: Organization, alice: User, mary: User, client_of: ClientOf) -> None:
    invited = invitations.invite(organization=acme, email=NEW, role="developer", actor=alice)
    page = link_in_mail(r"/invitations/[\w-]+/")
    reader.open(Client(), page)
    reader.open(Client(), page, {"name": ""})
    reader.open(client_of(mary), page)  # it is for another
    reader.open(client_of(alice), reverse("accounts:resend_invitation", args=[acme.public_id, invited.public_id]), {})
    page = link_in_mail(r"/invitations/[\w-]+/")
    reader.open(Client(), page, {"decline": "1"})
    reader.open(Client(), page)
    reader.open(Client(), "/invitations/nonsense/")

    invitations.invite(organization=acme, email="olga@people.example", role="developer", actor=alice)
    olga = User.objects.create_user(email="olga@people.example", password="correct horse", name="Olga")
    page = link_in_mail(r"/invitations/[\w-]+/")
    reader.open(Client(), page)  # sign in first
    reader.open(client_of(olga), reverse("accounts:my_invitations"))
    reader.open(client_of(olga), page, {})
    reader.open(client_of(olga), page)  # accepted already
    assert reader.read_mails() == 2


def test_mails_about_accounts(
    reader: Reader, acme: Organization, alice: User, client_of: ClientOf, settings: LazySettings
) -> None:
    settings.SIGN_UP_OPEN, settings.ACCOUNT_EMAIL_VERIFICATION = True, "mandatory"
    anybody = Client()
    signup = {"email": NEW, "password1": "correct horse battery", "password2": "correct horse battery"}
    reader.open(anybody, reverse("account_signup"), signup)
    reader.open(anybody, link_in_mail(r"/accounts/confirm-email/[\w:-]+/"))
    reader.open(Client(), reverse("account_signup"), {**signup, "email": alice.email})
    reader.open(Client(), reverse("account_reset_password"), {"email": alice.email})
    reader.open(Client(), link_in_mail(r"/accounts/password/reset/key/[\w-]+/"))

    browser = client_of(alice)
    reader.open(browser, reverse("accounts:change_email"), {"email": NEW, "password": "wrong"})
    email_addresses.request_change(user=alice, email="alice@new.example")
    page = link_in_mail(r"/account/email/[\w-]+/")
    reader.open(browser, page)
    reader.open(browser, page, {})
    reader.open(browser, page)
    assert reader.read_mails() >= 4


def test_links_in_mails_of_hooks(reader: Reader, acme: Organization, alice: User) -> None:
    anybody = Client()
    hook = Hook.objects.get(organization=acme)
    own = lookup.get_or_create_mail_endpoint(acme, alice.email)

    def link(event_type: str = "", *hooks: Hook) -> str:
        url = mail_links.unsubscribe_url(own.pk, [each.public_id for each in hooks], event_type)
        return url.removeprefix("http://localhost:8000")

    second = rules.create_email_hook(
        organization=acme, actor=alice, name="Second", notify=rules.Notify(members=True), events=["git.push"]
    )
    for page in (link("job.fail"), link("", hook), link("job.fail", hook), link("job.fail", hook, second), link()):
        for action in ("stop", "resume"):
            reader.open(anybody, page)
            reader.open(anybody, f"{page}change/", {"action": action})
    reader.open(anybody, f"{link('job.fail', hook, second)}change/", {"action": "stop", "hook": hook.public_id})
    reader.open(anybody, "/unsubscribe/nonsense/")

    stranger = rules.create_email_hook(
        organization=acme,
        actor=alice,
        name="Outside",
        notify=rules.Notify(addresses=["ops@people.example"]),
        events=None,
    )
    confirming = lookup.get_or_create_mail_endpoint(acme, "ops@people.example")
    page = mail_links.confirm_url(confirming.pk).removeprefix("http://localhost:8000")
    reader.open(anybody, page)
    reader.open(anybody, page, {})
    rules.delete_hook(stranger, alice)
    confirming.refresh_from_db()
    type(confirming).objects.filter(pk=confirming.pk).update(confirmed_at=None)
    reader.open(anybody, page)
    assert {"hooks:unsubscribe", "hooks:confirm"} <= reader.opened


def test_devices(reader: Reader, acme: Organization, alice: User, client_of: ClientOf, settings: LazySettings) -> None:
    browser = client_of(alice)
    device = devices.register(alice, TOKEN, "Alice's iPhone")[0]
    ios = reverse("hooks:channel-set-up", args=["ios"])
    reader.open(browser, f"{ios}?type=job.fail")
    reader.open(browser, f"{ios}?type=job.fail", {})
    reader.open(browser, reverse("hooks:channels"))
    rename = reverse("hooks:device-rename", args=[device.public_id])
    reader.open(browser, rename)
    reader.open(browser, rename, {"name": ""})
    reader.open(browser, rename, {"name": "Alice's iPad"})
    reader.open(browser, reverse("hooks:channel-test", args=["ios"]), {})
    reader.open(browser, reverse("hooks:device-remove", args=[device.public_id]))
    settings.PUSH_CONFIGURED = False
    reader.open(browser, f"{ios}?type=job.fail")
    reader.open(browser, f"{ios}?type=job.fail", {})
    reader.open(browser, reverse("hooks:channel-test", args=["ios"]))
    reader.open(browser, reverse("hooks:device-remove", args=[device.public_id]), {})
    assert not Device.objects.exists()
    assert {"hooks:device-rename", "hooks:device-remove"} <= reader.opened


def test_secrets_that_are_shown_once(reader: Reader, acme: Organization, alice: User, client_of: ClientOf) -> None:
    browser, hook = client_of(alice), add_webhook(acme)
    with_webhook(alice)
    reader.open(browser, reverse("accounts:add_token"), {"name": "script", "organization": "all", "lifetime": "90"})
    reader.open(browser, reverse("hooks:rotate-secret", args=[acme.public_id, hook.public_id]), {})
    reader.open(browser, reverse("hooks:secret", args=[acme.public_id, hook.public_id]))
    reader.open(browser, reverse("hooks:channel-rotate-secret", args=["webhook"]), {})
    reader.open(browser, reverse("hooks:channel-secret", args=["webhook"]))
    services.remove(Channel.objects.get(user=alice, kind="webhook"))
    form = {"form": "1", "url": "http://127.0.0.1:9/", "format": "raw", "test": "1"}
    reader.open(browser, f"{reverse('hooks:channel-set-up', args=['webhook'])}?type=job.fail", form)
    assert {"accounts:token_made", "hooks:secret", "hooks:channel-secret"} <= reader.opened


def test_channels_with_trouble(reader: Reader, acme: Organization, alice: User, client_of: ClientOf) -> None:
    browser = client_of(alice)
    hipchat, webhook = with_hipchat(alice), with_webhook(alice)[0]
    assert hipchat.endpoint
    assert webhook.endpoint
    type(hipchat.endpoint).objects.filter(pk=hipchat.endpoint.pk).update(
        failing_since=timezone.now() - timedelta(hours=3), last_answer=Remark(RemarkCode.CONNECTION_REFUSED)
    )
    type(webhook.endpoint).objects.filter(pk=webhook.endpoint.pk).update(
        disabled_at=timezone.now(), disabled_reason=Remark(RemarkCode.FAILED_TOO_LONG, days=5)
    )
    services.snooze(alice, ["email", "webhook"], timezone.now() + timedelta(days=2))
    services.set_quiet_hours(alice, "hipchat", (time(0), time(23, 59)))
    for page in ("channels", "my-notifications", "snooze"):
        reader.open(browser, reverse(f"hooks:{page}"))
    for page in ("channel-test", "channel-set-up", "channel-remove"):
        reader.open(browser, reverse(f"hooks:{page}", args=["webhook"]))
    snooze = reverse("hooks:snooze")
    reader.open(browser, snooze, {"do": "snooze", "length": "until"})
    reader.open(browser, snooze, {"do": "snooze", "channels": ["email", "hipchat"], "length": "tomorrow"})
    reader.open(browser, snooze, {"do": "wake"})
    reader.open(browser, snooze, {"do": "hours", "email-begin": "22:00"})
    reader.open(browser, snooze, {"do": "hours", "email-begin": "22:00", "email-end": "07:00"})
    bad = {"form": "1", "url": "ftp://a", "format": "raw"}
    reader.open(browser, reverse("hooks:channel-set-up", args=["webhook"]), bad)
    reader.open(browser, reverse("hooks:channel-set-up", args=["hipchat"]), {"form": "1", "url": "http://\\"})
    reader.open(browser, reverse("hooks:channel-enable", args=["webhook"]), {})
    reader.open(browser, reverse("hooks:channel-remove", args=["webhook"]), {})


def test_buttons_of_my_notifications(reader: Reader, acme: Organization, alice: User, client_of: ClientOf) -> None:
    browser = client_of(alice)
    with_hipchat(alice)
    change = reverse("hooks:my-notifications-set")
    for scope in ("everything", acme.public_id):
        for name, channel in (("*", "*"), ("*", "hipchat"), ("job.fail", "*"), ("hook.failing", "email")):
            for state in ("on", "off", "default"):
                wish = {"set": f"{name} {channel} {state}", "scope": scope}
                html = reader.open(browser, change, wish, HTTP_HX_REQUEST="true")
        undo = re.search(r'name="undo"\s+value="([^"]+)"', html)
        assert undo
        reader.open(browser, reverse("hooks:my-notifications-undo"), {"undo": undo[1]})
    reader.open(browser, change, {"set": "nonsense"})
    for state in ("on", "off"):
        reader.open(browser, reverse("hooks:my-notifications-always"), {"always": f"job.fail {state}"})
    reader.open(browser, reverse("hooks:my-notifications-always"), {"always": "git.push on"})
    reader.open(browser, reverse("hooks:my-notifications-undo"), {"undo": "nonsense"})
    reader.open(browser, f"{reverse('hooks:my-notifications-scopes')}?q=nothing")


def test_what_is_stored_of_channels_does_not_depend_on_the_language(
    acme: Organization, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrap_unless_english(text: str) -> str:
        return text if translation.get_language() == "en" else f"⟦{text}⟧"

    monkeypatch.setattr(vars(translation)["_trans"], "gettext", wrap_unless_english)
    with translation.override("fr"):
        assert str(Channel.Kind.EMAIL.label) == "⟦E-mail⟧"
        with_webhook(alice)
        services.snooze(alice, ["email", "webhook"], timezone.now() + timedelta(hours=1))
        choose(alice, [Choice("job.fail", "email", False)])
    entries = AuditEntry.objects.filter(organization_id=alice.pk)
    assert {entry.target for entry in entries} >= {"E-mail", "Webhook", "everything"}
    assert not [entry for entry in entries if "⟦" in f"{entry.target}{entry.detail}"]
