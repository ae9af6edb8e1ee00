"""Use of the keys in ENCRYPTION_KEYS: count which keys stored values still need, and encrypt all with the first.

Every encrypted field of every app is looked at. An empty value needs no key and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import F, TextField, Value
from django.db.models.functions import Cast

from notifications_project.encryption import NOTHING, EncryptedJSONField, decrypt, find_key, hash_with_key, reencrypt

_CHUNK = 500


@dataclass
class Use:
    """The number of stored values that each key reads, in the order of the keys, and that no key reads."""

    by_key: list[int]
    unreadable: int = 0
    rewritten: int = 0


def count_use(keys: int) -> Use:
    """Count the stored values by the first of the `keys` that reads them."""
    use = Use([0] * keys)
    for model, name in _list_encrypted():
        for rows in _read_in_chunks(model, name):
            for _, stored in rows:
                _add(use, stored)
    return use


def rewrite(keys: int) -> Use:
    """Encrypt with the first key the values that another key reads, in small transactions; then count."""
    changed = sum(
        _rewrite(model, name, rows) for model, name in _list_encrypted() for rows in _read_in_chunks(model, name)
    )
    use = count_use(keys)
    use.rewritten = changed
    return use


def _add(use: Use, stored: str) -> None:
    key = find_key(stored)
    if key is None:
        use.unreadable += 1
    else:
        use.by_key[key] += 1


@transaction.atomic
def _rewrite(model: type[models.Model], name: str, rows: list[tuple[Any, str]]) -> int:
    """Encrypt anew the rows that an older key reads. They are locked and read again, as they may have changed."""
    older = [pk for pk, stored in rows if find_key(stored)]
    if not older:
        return 0
    locked = model._default_manager.select_for_update(no_key=True).filter(pk__in=older).order_by("pk")
    changed = 0
    for pk, stored in _find_stored(locked, name):
        if find_key(stored):
            value = Value(reencrypt(stored), output_field=TextField())
            hashes = _compute_hashes(model, name, stored)
            changed += model._default_manager.filter(pk=pk).update(**{name: value}, **hashes)
    return changed


def _compute_hashes(model: type[models.Model], name: str, stored: str) -> dict[str, str]:
    """Return the columns by which the value is found, with their hashes made with the first key."""
    field, value = model._meta.get_field(name), decrypt(stored)
    assert isinstance(field, EncryptedJSONField)
    return {column: hash_with_key(value[part]) for part, column in field.found_by.items() if value.get(part)}


def _list_encrypted() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedJSONField):
                yield model, field.name


def _read_in_chunks(model: type[models.Model], name: str) -> Iterator[list[tuple[Any, str]]]:
    """Yield the rows with encrypted values in chunks, by primary key; no transaction stays open between chunks."""
    rows = model._default_manager.annotate(stored=Cast(F(name), TextField())).exclude(stored=NOTHING).order_by("pk")
    after: Any = None
    while chunk := list(_find_stored(rows if after is None else rows.filter(pk__gt=after), name)[:_CHUNK]):
        yield chunk
        after = chunk[-1][0]


def _find_stored(rows: models.QuerySet[Any], name: str) -> models.QuerySet[Any, tuple[Any, str]]:
    """Return the keys and the values as the database holds them, not decrypted."""
    found: models.QuerySet[Any, tuple[Any, str]] = rows.annotate(stored=Cast(F(name), TextField()))
    return found.values_list("pk", "stored")
