"""Mails about accounts are sent here at once, without workers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hooks.engine.account_mails import AccountMails
from hooks.engine.transport_circuits import KnownTransports


def send_account_mails() -> None:
    """Send the due mails, as a pump does."""
    with ThreadPoolExecutor(4) as pool:
        mails = AccountMails(pool, KnownTransports(), lambda: True)
        mails.start()
    mails.settle()
