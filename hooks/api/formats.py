"""The formats of webhooks by API, with their options."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hooks.formats import Format, Option, list_webhook_formats
from notifications_project.api.lists import answer_whole


class FormatList(APIView):
    """GET every format that a webhook can have, equal for all organizations."""

    def get(self, request: Request) -> Response:
        return answer_whole(map(format_json, list_webhook_formats()))


def format_json(known: Format) -> dict[str, Any]:
    return {
        "name": known.name,
        "label": known.label,
        "help": known.help,
        "setup": known.setup,
        "default_url": known.default_url,
        "verifiable": known.can_verify(),
        "options": [_serialize_option(option) for option in known.all_options],
    }


def _serialize_option(option: Option) -> dict[str, Any]:
    return {
        "name": option.name,
        "label": option.label,
        "help": option.help,
        "required": option.required,
        "secret": option.secret,
        "choices": [{"value": value, "label": label} for value, label in option.choices],
    }
