"""Foreign JSON is read and written here: it may be nested too deeply, or contain halves of surrogate pairs."""

from __future__ import annotations

import json
import re
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")  # half of a surrogate pair, which neither a database nor an answer can hold


def parse(text: str | bytes) -> Any:
    """Return the value of a JSON text, with U+FFFD for each half of a surrogate pair.

    Raises ValueError if the text is no JSON, or nested too deeply to be read.
    """
    value = _load(text)
    if (isinstance(text, str) and "\\u" not in text) or (isinstance(text, bytes) and b"\\u" not in text):
        return value
    written = write(value)
    return _load(_HALF.sub("\ufffd", written)) if _HALF.search(written) else value


def indent(text: str | bytes) -> str:
    """Return a JSON text with two spaces of indentation.

    Raises ValueError if the text is no JSON, nested too deeply, or has half of a surrogate pair.
    """
    written = write(_load(text))
    written.encode()
    return written


def write(value: Any) -> str:
    """Return the JSON text of a value, indented. Raises ValueError if it is nested too deeply to be written."""
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _load(text: str | bytes) -> Any:
    try:
        return json.loads(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
