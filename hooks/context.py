"""What every page says about deliveries."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def notices(request: HttpRequest) -> dict[str, Any]:
    return {}
