"""The column of what the console, or somebody else, says of an attempt, a delivery or an endpoint."""

from __future__ import annotations

from typing import Any

from django.db import models

from hooks import remarks


class RemarkField(models.TextField[str, str]):
    """Holds a remark by its code, or a text: `hooks.remarks`. Whoever writes a text cuts it, as the column does not."""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        return None if value is None else remarks.decode(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else remarks.encode(value if isinstance(value, str) else str(value))

    def value_to_string(self, obj: models.Model) -> str:
        return remarks.encode(self.value_from_object(obj))

    def to_python(self, value: Any) -> Any:
        return remarks.decode(value) if isinstance(value, str) and not isinstance(value, remarks.Remark) else value
