"""Links in mails are taken only for what they were made for."""

from __future__ import annotations

import uuid

import pytest
from django.core import signing

from hooks import mail_links
from hooks.mail_links import BadLink, Mailed


@pytest.mark.parametrize("payload", [{}, {"endpoint": None}, {"endpoint": 7}, {"endpoint": "no id"}, [], "text", None])
def test_a_link_to_confirm_that_names_no_endpoint_is_bad(payload: object) -> None:
    token = signing.dumps(payload, salt="hooks.confirm", compress=True)
    with pytest.raises(BadLink):
        mail_links.read_confirm(token)


@pytest.mark.parametrize("payload", [{}, {"endpoint": "x", "type": "git.push"}, {"before": []}, [], None])
def test_an_undo_that_names_no_settings_is_bad(payload: object) -> None:
    token = signing.dumps(payload, salt="hooks.undo", compress=True)
    with pytest.raises(BadLink):
        mail_links.read_undo(token, Mailed(uuid.uuid4(), (), "git.push"))
