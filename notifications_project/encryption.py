"""Encryption of secrets at rest: a model field whose JSON value is encrypted with Fernet, with keys that rotate."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

NOTHING = "{}"  # stored without a key, so that a lost key does not make rows without secrets unreadable


def hash_with_key(value: str) -> str:
    """Return a hash to find a secret by; it is keyed, so that nobody without the key can try values out."""
    return _hash_with(settings.ENCRYPTION_KEYS[0], value)


def hash_with_each_key(value: str) -> list[str]:
    """Return the hashes that a value may be stored under, one for each key."""
    return [_hash_with(key, value) for key in settings.ENCRYPTION_KEYS]


def _hash_with(key: str, value: str) -> str:
    return hmac.new(_derive_for_hashes(key), value.encode(), "sha256").hexdigest()


@lru_cache(maxsize=16)
def _derive_for_hashes(key: str) -> bytes:
    info = b"notifications-console look-up of secrets"
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(key.encode())


class CannotDecrypt(Exception):
    """Raised when no key in ENCRYPTION_KEYS decrypts a value; the stored value is left as it is."""


@lru_cache(maxsize=32)
def _make_fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive(key)) for key in keys])


def _derive(key: str) -> bytes:
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"notifications-console encryption at rest")
    return base64.urlsafe_b64encode(hkdf.derive(key.encode()))


def encrypt(value: Any) -> str:
    """Encrypt a JSON value with the first key of ENCRYPTION_KEYS; return the text to store."""
    return _make_fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(json.dumps(value).encode()).decode()


def decrypt(stored: str) -> Any:
    """Return the JSON value of a stored text; every key is tried. Raises CannotDecrypt."""
    try:
        return json.loads(_make_fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(stored.encode()))
    except InvalidToken as error:
        raise CannotDecrypt("a stored secret fits none of the keys in ENCRYPTION_KEYS") from error


def find_key(stored: str) -> int | None:
    """Return the number of the first key of ENCRYPTION_KEYS that reads a stored value, from 0; None if none does."""
    for number, key in enumerate(settings.ENCRYPTION_KEYS):
        with suppress(InvalidToken):
            _make_fernet((key,)).decrypt(stored.encode())
            return number
    return None


def reencrypt(stored: str) -> str:
    """Return a stored value encrypted anew with the first key. Raises InvalidToken."""
    return _make_fernet(tuple(settings.ENCRYPTION_KEYS)).rotate(stored.encode()).decode()


def fingerprint_keys() -> str:
    """Return a fingerprint of the set of keys, which reveals nothing about the keys."""
    return hashlib.sha256(b"".join(map(_derive, settings.ENCRYPTION_KEYS))).hexdigest()[:32]


class Unreadable(Mapping[str, Any]):
    """A placeholder for a stored value that no key reads; every access to its members raises CannotDecrypt.

    A row with a lost secret can therefore be loaded, shown, changed and deleted like any other. Saving it leaves the
    stored text as it is.
    """

    def __init__(self, stored: str) -> None:
        self.stored = stored

    def __repr__(self) -> str:
        return "<Unreadable>"

    def __getitem__(self, name: str) -> Any:
        return decrypt(self.stored)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(decrypt(self.stored))

    def __len__(self) -> int:
        return len(decrypt(self.stored))


class EncryptedJSONField(models.TextField[Any, Any]):
    """A field with a JSON value, of which the database sees only ciphertext, or `{}` for an empty value.

    Loading never fails: a value that no key reads becomes `Unreadable`. `found_by` maps members of the value to the
    columns with their keyed hashes, which are made anew when the first key is replaced.
    """

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def __init__(self, *args: Any, found_by: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.found_by = dict(found_by or {})

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        if value is None:
            return None
        if value == NOTHING:
            return {}
        try:
            return decrypt(value)
        except CannotDecrypt:
            return Unreadable(value)

    def get_prep_value(self, value: Any) -> str | None:
        if isinstance(value, Unreadable):
            return value.stored
        if value is None:
            return None
        return NOTHING if value == {} else encrypt(value)

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or ""
