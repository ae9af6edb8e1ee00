"""The mail sink runs as a process of its own that speaks SMTP and keeps every mail."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from django.conf import settings

from notifications_project.inbox.models import Message
from notifications_project.runtime.start import find_free_port

COMMAND = [sys.executable, "-m", "django", "mail_sink", "--port"]


@pytest.fixture
def sink(transactional_db: None, database_url: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [*COMMAND, str(find_free_port())],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = process.stdout.readline()
    found = re.search(r":(\d+)$", told)
    assert found, told
    yield process, int(found[1])
    process.kill()
    process.wait()
    process.stdout.close()


def a_mail(subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "console@example.com", "alice@people.example", subject
    mail.set_content("Hello.\n.\n..dots\n")
    return mail


def test_a_mail_is_kept_as_it_was_sent(sink: tuple[subprocess.Popen[str], int]) -> None:
    with smtplib.SMTP("127.0.0.1", sink[1], timeout=60) as client:
        client.send_message(a_mail("Grüße"), to_addrs=["alice@people.example", "hidden@people.example"])
        client.send_message(a_mail("Second"))

    second, first = Message.objects.order_by("-pk")
    assert (first.title, second.title) == ("Grüße", "Second")
    assert first.recipients == ["alice@people.example", "hidden@people.example"]
    assert first.sender == "console@example.com"
    assert b"\r\n.\r\n..dots\r\n" in bytes(first.body)


def test_a_mail_that_cannot_be_kept_is_not_acknowledged(sink: tuple[subprocess.Popen[str], int]) -> None:
    with smtplib.SMTP("127.0.0.1", sink[1], timeout=60) as client:
        client.ehlo()
        client.mail("console@example.com")
        client.rcpt("alice@people.example")
        code, _ = client.data(b"Subject: too much\r\n\r\n" + b"x" * 70 + b"\r\n" * 2_000_000)

    assert code == 552
    assert not Message.objects.exists()


def test_it_ends_at_once_when_told_to(sink: tuple[subprocess.Popen[str], int]) -> None:
    process, port = sink
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=60) == 0
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*COMMAND, str(port)], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
        )

    assert ended.returncode == 1
    assert (
        ended.stderr.strip().splitlines()[-1]
        == f"CommandError: Cannot listen on 127.0.0.1:{port}: Address already in use"
    )
