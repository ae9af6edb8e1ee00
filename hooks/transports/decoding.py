"""Decode the beginning of an answer's body: content codings, then the charset, both up to a limit."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Sequence
from email.message import Message
from functools import lru_cache

_UNPACKED = 64 * 1024  # bytes of a body after unpacking: a small one could unpack to gigabytes
_LAYERS = 3
_ZLIB_OR_GZIP, _RAW_DEFLATE = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
# Codecs of Python that are no charsets: escapes, and encodings of host names.
_NO_CHARSETS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"}


def decode_body(body: bytes, codings: Sequence[str], content_type: str, most: int) -> str:
    """Return the beginning of a body as text that every database can store, with � for what cannot be decoded.

    `codings` are the names from Content-Encoding in the order of application; `most` limits the unpacked bytes.
    """
    unpacked = _unpack(body, codings)
    charset = "utf-8" if unpacked.startswith(codecs.BOM_UTF8) else _find_charset(content_type)
    decoder = codecs.getincrementaldecoder(charset)("replace")
    try:
        text = decoder.decode(unpacked[:most], final=len(unpacked) <= most)
    except ValueError:
        text = unpacked[:most].decode("utf-8", "replace")
    # Some charsets can encode half of a surrogate pair. Databases refuse that, and NUL.
    return text.encode("utf-8", "replace").decode().removeprefix("\ufeff").replace("\x00", "�")


def _unpack(body: bytes, codings: Sequence[str]) -> bytes:
    """Undo the codings of a body; return it unchanged if one of them is unknown."""
    packed = [coding for coding in codings if coding not in {"", "identity"}]
    if len(packed) > _LAYERS or set(packed) - {"gzip", "x-gzip", "deflate"}:
        return body
    for _ in packed:
        body = _inflate(body)
    return body


def _inflate(packed: bytes) -> bytes:
    """Unpack gzip or deflate, with or without a zlib header, as far as it can be read."""
    for form in (_ZLIB_OR_GZIP, _RAW_DEFLATE):
        try:
            return zlib.decompressobj(form).decompress(packed, _UNPACKED)
        except zlib.error:
            continue
    return packed


@lru_cache(maxsize=256)
def _find_charset(content_type: str) -> str:
    """Return the Python codec for the charset that a content type names; UTF-8 if it names none that is known."""
    header = Message()
    header["Content-Type"] = content_type
    try:
        found = codecs.lookup(header.get_content_charset("utf-8"))
    except (LookupError, ValueError):
        return "utf-8"
    is_charset = getattr(found, "_is_text_encoding", True) and found.name.replace("_", "-") not in _NO_CHARSETS
    return found.name if is_charset else "utf-8"
