"""Reading mails, also broken ones."""

from __future__ import annotations

import pytest

from notifications_project.inbox.reading import convert_html, read_body, read_mail


def test_encoded_subjects_and_bodies_are_decoded() -> None:
    mail = read_mail(
        b"Subject: =?utf-8?b?w4l0w6k=?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C9t=E9\r\n"
    )

    assert mail.subject == "Été"
    assert mail.parts[0].text == "Été"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: \xff\xfe\r\nTo: <<<>>>,@\r\n\r\nbody",
        b"Content-Type: text/plain; charset=no-such-charset\r\n\r\n\xe9",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnever begins",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b'Content-Type: text/plain; charset="\r\n\r\nbody',
        b"Date: never\r\nMessage-ID: <\r\nContent-Type: ;;;\r\n\r\nbody",
    ],
)
def test_a_broken_mail_is_shown_as_well_as_it_can_be(raw: bytes) -> None:
    mail = read_mail(raw)

    assert isinstance(mail.subject, str)
    assert all(isinstance(part.text, str) for part in mail.parts)


def test_an_attachment_is_named_not_shown() -> None:
    mail = read_mail(b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n\r\n1234')

    assert mail.parts[0].label == "Attachment a.pdf (application/pdf)"
    assert mail.parts[0].text == "4 bytes"


def test_html_becomes_lines_and_links_keep_their_address() -> None:
    html = (
        "<head><title>No</title><style>p{}</style></head><p>One <b>two</b></p><ul><li>a</li><li><a href='/x'>b</a></ul>"
    )

    assert convert_html(html) == "One two\n\na\n\nb </x>"


def test_json_is_indented_text_left_and_bytes_shown_in_hex() -> None:
    assert read_body(b'{"a":"\xc3\xa9"}') == ("JSON", '{\n  "a": "é"\n}')
    assert read_body(b"a=1&b=2") == ("Text", "a=1&b=2")
    assert read_body(b"\xff\x00") == ("Bytes", "ff 00")
