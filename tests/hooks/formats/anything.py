"""Arbitrary notifications for property tests: any type, any data, with the markup of every service."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as some

from events import catalogue
from hooks.messages import Notification
from tests.hooks.notifications import notification

TYPES = sorted(catalogue.EVENT_TYPES)
LANGUAGES = ["en", "fr"]
HOSTILE = [
    *("<!channel>", "<!here|here>", "<@U012AB3CD>", "<#C012AB3CD>", "<https://evil.example|Open>", "&lt;!here&gt;"),
    *("@channel", "@here", "@all", "x@everyone", "~town-square", "#general", "[Open](https://evil.example)", "![](x)"),
    *("**b** _i_ ~~s~~ `c` ```", "# heading", "1. one", "- one", "> quote", "| a | b |", "\\", "\\*", "<b>&amp;</b>"),
    *("https://git.example.com/acme/my_shop.git?a=1&b=_2_", "https://x/@here", "https://x[a](https://evil.example)"),
    *("&" * 5000, "<" * 3000, "@" * 900, "\\" * 900, "😀" * 700, "x" * 100_000),
    *("\u202eback\u2066", "a\r\nb\x00\x1b[31m"),
]  # fmt: skip
TEXTS = some.one_of(
    some.text(max_size=300), some.text(some.characters(codec=None), max_size=40), some.sampled_from(HOSTILE)
)
KEYS = some.sampled_from([
    *("name", "reason", "commit_message", "git", "branch", "process_name", "server", "user", "app", "deploy_context"),
    *("job", "command", "amount", "currency", "state", "commits", "duration"),
])  # fmt: skip
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | TEXTS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(KEYS | TEXTS, inner, max_size=25),
    max_leaves=12,
)


def notifications(**fields: some.SearchStrategy[Any]) -> some.SearchStrategy[Notification]:
    """Return a strategy for notifications; `fields` maps names to strategies: `address=some.just("https://…")`."""
    return some.builds(
        notification,
        event_type=some.sampled_from(TYPES) | TEXTS,
        data=some.dictionaries(KEYS | TEXTS, VALUES, max_size=8),
        resource=some.none() | TEXTS,
        organization=TEXTS,
        is_test=some.booleans(),
        **fields,
    )
