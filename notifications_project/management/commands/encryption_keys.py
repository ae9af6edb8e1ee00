"""`manage.py encryption_keys` shows which keys of ENCRYPTION_KEYS are still needed."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from notifications_project.encryption_use import Use, count_use, rewrite

_DERIVED = "from the secret key: "


def _name(number: int) -> str:
    """Return the setting in which the operator gave a key; secret keys serve as encryption keys too."""
    key = settings.ENCRYPTION_KEYS[number - 1]
    if not key.startswith(_DERIVED):
        return f"number {number} of ENCRYPTION_KEYS"
    secret = key.removeprefix(_DERIVED)
    if secret == settings.SECRET_KEY:
        return "SECRET_KEY"
    fallbacks = list(settings.SECRET_KEY_FALLBACKS)
    if secret in fallbacks:
        return f"number {fallbacks.index(secret) + 1} of SECRET_KEY_FALLBACKS"
    return f"number {settings.ENCRYPTION_KEYS.index(secret) + 1} of ENCRYPTION_KEYS, as a secret key"


class Command(BaseCommand):
    help = (
        "Count what each key of ENCRYPTION_KEYS is needed for. With --rewrite all that an older key reads is first "
        "encrypted with the first one, so that the older ones can be dropped. Exit code 1 if no key reads something."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rewrite", action="store_true", help="encrypt everything with the first key")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = len(settings.ENCRYPTION_KEYS)
        use = rewrite(keys) if options["rewrite"] else count_use(keys)
        if options["json"]:
            told = [
                {"number": number, "name": _name(number), "rows": rows} for number, rows in enumerate(use.by_key, 1)
            ]
            answer = {"keys": told, "unreadable": use.unreadable, "rewritten": use.rewritten}
            self.stdout.write(json.dumps(answer))
        else:
            self._print(use, rewritten=options["rewrite"])
        if use.unreadable:
            raise SystemExit(1)

    def _print(self, use: Use, *, rewritten: bool) -> None:
        if rewritten:
            self.stdout.write(f"{use.rewritten:,} rows were encrypted anew with key 1.")
        for number, rows in enumerate(use.by_key, 1):
            word = "encrypts" if number == 1 else "still needed" if rows else "can be dropped"
            self.stdout.write(f"key {number}, {_name(number)}: {rows:,} rows ({word})")
        if use.unreadable:
            self.stdout.write(
                f"no key: {use.unreadable:,} rows cannot be read; put their key back, or make new secrets"
            )
