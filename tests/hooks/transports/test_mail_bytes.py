"""Mails on the wire: any data of an event gives one mail with exactly the headers that we set."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

from django.core.mail import get_connection
from hypothesis import example, given, settings
from hypothesis import strategies as some

from hooks.formats import FORMATS
from hooks.messages import Notification
from hooks.transports import smtp
from tests.hooks.formats.anything import TEXTS, notifications
from tests.hooks.notifications import notification

ADDRESS = "ann@people.example"
NAMED = {"name": "😀" * 200}
LONGEST_LINE = 998  # characters, without the line's end (RFC 5322, 2.1.1)
OURS = {
    *("Subject", "From", "To", "Date", "MIME-Version", "Content-Type", "Message-ID", "In-Reply-To", "References"),
    *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted", "X-Auto-Response-Suppress"),
}
REASONS = some.lists(
    some.builds(lambda name, of: {"rule": "hook", "id": f"hook_{of}", "name": name}, TEXTS, some.uuids())
    | some.sampled_from([{"rule": "default"}, {"rule": "setting", "name": "resource"}, {"rule": "role"}]),
    max_size=30,
).map(tuple)


@settings(deadline=None)
@given(about=notifications(reasons=REASONS, address=some.just(ADDRESS)))
@example(about=notification("x\r\nBcc: eve@evil.example", {}, organization="A\nSubject: b\r\n\r\nbody"))
@example(about=notification("job.fail", organization="é" * 2000, resource="😀" * 2000))
@example(
    about=notification("git.push", reasons=tuple({"rule": "hook", "id": f"hook_{uuid4()}"} | NAMED for _ in range(90)))
)
def test_any_data_is_one_mail_with_our_headers(about: Notification) -> None:
    written = FORMATS["mail"].write(about)
    connection = get_connection("django.core.mail.backends.locmem.EmailBackend")
    mail: Any = smtp._make_mail(connection, ADDRESS, written).message()
    wire = mail.as_bytes(linesep="\r\n")

    head, _, _ = wire.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= LONGEST_LINE
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|[^\x20-\x7e\t\r\n]", head)
    read = message_from_bytes(wire, policy=policy.default)
    assert isinstance(read, EmailMessage)
    names = [name.lower() for name in read.keys()]  # noqa: SIM118  (a header may stand twice)
    assert len(names) == len(set(names))
    assert set(names) <= {name.lower() for name in OURS}
    assert read["To"] == ADDRESS
    assert not read["Subject"].defects
    assert read["Subject"].startswith("[Test] [" if about.is_test else "[")
    assert str(read["Subject"]).split() == written.subject.split()
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
