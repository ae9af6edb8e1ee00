"""The body of an answer as text: unpacked, in the characters it names, and never more than a little of it."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Sequence
from email.message import Message
from functools import lru_cache

_UNPACKED = 64 * 1024  # bytes that a body may become, however small it is packed
_LAYERS = 3
_ZLIB_OR_GZIP, _RAW_DEFLATE = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
# Text to Python, but nothing that is sent as such: escapes, and forms of host names.
_NO_CHARSETS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"}


def text_of(body: bytes, codings: Sequence[str], content_type: str, most: int) -> str:
    """The beginning of a body as text that every database can hold; what cannot be decoded is shown replaced.

    `codings`: as Content-Encoding names them, in the order in which they were applied. `most`: bytes of the text.
    """
    unpacked = _unpack(body, codings)
    charset = "utf-8" if unpacked.startswith(codecs.BOM_UTF8) else _charset(content_type)
    decoder = codecs.getincrementaldecoder(charset)("replace")
    try:
        text = decoder.decode(unpacked[:most], final=len(unpacked) <= most)
    except ValueError:
        text = unpacked[:most].decode("utf-8", "replace")
    # Half of a surrogate pair, which some charsets can write alone, is as unfit for a database as a NUL.
    return text.encode("utf-8", "replace").decode().removeprefix("\ufeff").replace("\x00", "�")


def _unpack(body: bytes, codings: Sequence[str]) -> bytes:
    """The body without its codings, or as it came if one of them is unknown."""
    packed = [coding for coding in codings if coding not in {"", "identity"}]
    if len(packed) > _LAYERS or set(packed) - {"gzip", "x-gzip", "deflate"}:
        return body
    for _ in packed:
        body = _inflate(body)
    return body


def _inflate(packed: bytes) -> bytes:
    """What is packed in gzip or deflate (in both of the forms in use), as far as it can be read."""
    for form in (_ZLIB_OR_GZIP, _RAW_DEFLATE):
        try:
            return zlib.decompressobj(form).decompress(packed, _UNPACKED)
        except zlib.error:
            continue
    return packed


@lru_cache(maxsize=256)
def _charset(content_type: str) -> str:
    """The charset that a content type names, if it is one; else UTF-8."""
    header = Message()
    header["Content-Type"] = content_type
    try:
        found = codecs.lookup(header.get_content_charset("utf-8"))
    except (LookupError, ValueError):
        return "utf-8"
    is_charset = getattr(found, "_is_text_encoding", True) and found.name.replace("_", "-") not in _NO_CHARSETS
    return found.name if is_charset else "utf-8"
