"""Read an event's data: the values that sentences name, and the facts that messages list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from events.catalogue import Subject
from hooks.messages import Notification
from hooks.wording import plain
from notifications_project.accounts.roles import Role

MOST_FACTS = 20
_LABEL = 60  # characters
_LONG = 30 * 86400  # seconds; a longer duration is a measuring error
_COMMIT = ("commit", "commit_id", "git_hash", "after", "deploy_context.commit", "deploy_context.git_hash")
_TIMES = {f"{where}{name}" for where in ("", "deploy_context.") for name in ("started_at", "finished_at", "duration")}
Data = dict[str, Any]


@dataclass(frozen=True)
class _Known:
    """A fact that has one of several paths in the data; the first with a text counts."""

    name: str  # the placeholder in sentences: %(branch)s
    label: Promise
    paths: tuple[str, ...] = ()
    write: Callable[[Any], str] = plain.make_name


# In the order in which messages list them. `_derive` finds those without a path, and overrides the paths of others.
_KNOWN = (
    _Known("organization", pgettext_lazy("event", "Organization")),
    _Known("application", pgettext_lazy("event", "Application"), ("application", "stack.name")),
    _Known("addon", pgettext_lazy("event", "Add-on"), ("addon",)),
    _Known("hook", pgettext_lazy("event", "Hook"), ("hook",)),
    _Known("channel", pgettext_lazy("event", "Channel"), ("channel",)),
    _Known("refused", pgettext_lazy("event", "Refused address"), ("refused",), plain.take_text),
    _Known("job", pgettext_lazy("event", "Job"), ("job", "job_name")),
    _Known("process", pgettext_lazy("event", "Process"), ("process_name", "process")),
    _Known("server", pgettext_lazy("event", "Server"), ("server", "server_name")),
    _Known("environment", pgettext_lazy("event", "Environment"), ("environment",)),
    _Known("repository", pgettext_lazy("event", "Repository"), ("repository", "git"), plain.strip_user),
    _Known(
        "branch", pgettext_lazy("event", "Branch"), ("branch", "git_branch", "deploy_context.branch"), plain.get_branch
    ),
    _Known("commit", pgettext_lazy("event", "Commit"), _COMMIT, plain.shorten_commit),
    _Known("who", pgettext_lazy("event", "By"), ("by", "deploy_context.triggered_by", "triggered_by", "pushed_by")),
    _Known("message", pgettext_lazy("event", "Message"), ("commit_message",), plain.take_text),
    _Known("author", pgettext_lazy("event", "Author"), ("author", "commit_author")),
    _Known("commits", pgettext_lazy("event", "Pushed")),
    _Known("member", pgettext_lazy("event", "Member"), ("member",)),
    _Known("role", pgettext_lazy("event", "Role")),
    _Known("app", pgettext_lazy("event", "App"), ("app",)),
    _Known("cause", pgettext_lazy("event", "Cause"), ("cause",)),
    _Known("duration", pgettext_lazy("event", "Duration")),
    _Known("command", pgettext_lazy("event", "Command"), ("command", "params.command"), plain.take_text),
    _Known("reason", pgettext_lazy("event", "Reason"), ("reason", "error", "deploy_context.reason"), plain.take_text),
    _Known("since", pgettext_lazy("event", "Failing since"), ("failing_since",), plain.format_moment),
    _Known("answer", pgettext_lazy("event", "Last answer"), ("last_answer",), plain.take_text),
    _Known("amount", pgettext_lazy("event", "Amount")),
    _Known("balance", pgettext_lazy("event", "Balance")),
    _Known("threshold", pgettext_lazy("event", "Warning below")),
    _Known("runs_out", pgettext_lazy("event", "Runs out"), ("runs_out_at",), plain.format_moment),
    _Known("state", pgettext_lazy("event", "State")),
    _Known("address", pgettext_lazy("event", "Address"), ("fqdn", "url"), plain.strip_user),
    _Known("schedule", pgettext_lazy("event", "Schedule"), ("cron",), plain.take_text),
    _Known("provider", pgettext_lazy("event", "Provider"), ("provider", "cloud")),
    _Known("plan", pgettext_lazy("event", "Plan"), ("plan", "instance_type")),
    _Known("region", pgettext_lazy("event", "Region"), ("region", "zone")),
    _Known("version", pgettext_lazy("event", "Version"), ("version",)),
    _Known("ip", pgettext_lazy("event", "IP address"), ("address",)),
    _Known("name", pgettext_lazy("event", "Name")),
)

# The meaning of `name` and `user` depends on the subject of the event.
_NAMED = {
    Subject.STACK: "application",
    Subject.APPLICATION: "application",
    Subject.ADDON: "addon",
    Subject.JOB: "job",
    Subject.SERVER: "server",
    Subject.PROCESS: "process",
    Subject.ORGANIZATION: "name",
    Subject.ACCOUNT: "name",
}
_USER = {Subject.ORGANIZATION: "member", Subject.ACCOUNT: "who", Subject.APP: "who"}
_STATES: dict[str, Promise] = {
    "OK": pgettext_lazy("event", "succeeded"),
    "FAIL": pgettext_lazy("event", "failed"),
    "CANCELLED": pgettext_lazy("event", "cancelled"),
    "SHOULD_BE_UP": pgettext_lazy("event", "should run"),
    "SHOULD_BE_DOWN": pgettext_lazy("event", "should not run"),
}
_ROLES: dict[str, Promise] = {
    Role.ADMIN: pgettext_lazy("event", "administrator"),
    Role.MANAGER: pgettext_lazy("event", "manager"),
    Role.DEVELOPER: pgettext_lazy("event", "developer"),
    Role.ACCOUNTING: pgettext_lazy("event", "accounting"),
}
# Not listed as facts: the message shows them elsewhere, or they are for machines only.
_SILENT = frozenset({
    *("event_type", "timestamp", "event_id", "organization", "resource", "test", "meta", "id", "uid", "uuid"),
    *("created_at", "updated_at", "created_at_iso", "updated_at_iso"),
})  # fmt: skip
_SILENT_ABOUT: dict[Subject, frozenset[str]] = {
    Subject.STACK: frozenset({
        *("status", "health", "cloud_status", "last_activity", "last_activity_iso", "language", "framework"),
        *("maintenance_mode", "has_loadbalancer", "deploy_directory", "action", "deploy_context.outcome"),
        *("deploy_context.started_at", "deploy_context.finished_at"),
    }),
    Subject.SERVER: frozenset({"status"}),
    Subject.JOB: frozenset({"status", "type", "paused", "stack"}),
    Subject.REPOSITORY: frozenset({"before", "commits"}),
    Subject.HOOK: frozenset({"hook.kind", "channel.kind", "state"}),
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """The texts of an event's data: values by name for sentences, and labels with values for lists."""

    values: dict[str, str]
    facts: tuple[tuple[str, str], ...]


def read(data: Data, notification: Notification, subject: Subject | None) -> Told:
    """Return the values and facts in any data, in the active language."""
    values, told = _derive(data, notification, subject)
    told |= _SILENT | (_SILENT_ABOUT.get(subject, frozenset()) if subject else frozenset())
    facts: list[tuple[str, str]] = []
    for known in _KNOWN:
        for path in known.paths:
            if path not in told and (text := known.write(_get_at(data, path))):
                values.setdefault(known.name, text)
                told.add(path)
        if known.name in values and not (known.name == "author" and values["author"] == values.get("who")):
            facts.append((str(known.label), values[known.name]))
    return Told(values, _limit(chain(facts, _list_others(data, told))))


def _derive(data: Data, notification: Notification, subject: Subject | None) -> tuple[dict[str, str], set[str]]:
    """Return the values that need more than a look-up, and the paths that they cover."""
    values = {"organization": plain.make_name(notification.organization)} | _describe_resource(
        data, notification, subject
    )
    told = set()
    for path, meanings in (("name", _NAMED), ("user", _USER)):
        meaning = meanings.get(subject) if subject else None
        if meaning and (text := plain.make_name(data.get(path))):
            told.add(path)
            if text != values["organization"] or meaning != "name":
                values.setdefault(meaning, text)
    if subject == Subject.SERVER and not data.get("server") and (text := plain.make_name(data.get("uid"))):
        values.setdefault("server", text)
    if isinstance(role := data.get("role"), str):
        values["role"] = str(_ROLES.get(role, plain.make_name(role)))
        told.add("role")
    if isinstance(state := data.get("state"), str) and subject != Subject.HOOK:
        values["state"] = str(_STATES.get(state, plain.make_name(state)))
        told.add("state")
    for path in ("amount", "balance", "threshold"):
        if text := plain.format_money(data.get(path), data.get("currency")):
            values[path] = text
            told |= {path, "currency"} if isinstance(data.get("currency"), str) else {path}
    if subject == Subject.REPOSITORY:
        values |= _describe_push(data)
    if took := _describe_duration(data):
        values["duration"] = took
        told |= _TIMES
    return {name: text for name, text in values.items() if text}, told


def _describe_resource(data: Data, notification: Notification, subject: Subject | None) -> dict[str, str]:
    name = plain.make_name(notification.resource) or plain.make_name(_get_at(data, "resource.name"))
    kind = _get_at(data, "resource.kind") or ("addon" if subject == Subject.ADDON else "application")
    return {"addon" if kind == "addon" else "application": name} if name else {}


def _describe_push(data: Data) -> dict[str, str]:
    """Return the number of pushed commits, and the message and author of the last one."""
    commits = data.get("commits")
    if not isinstance(commits, list) or not commits:
        return {}
    told = {
        "commits": npgettext("event", "%(count)d commit", "%(count)d commits", len(commits)) % {"count": len(commits)}
    }
    if isinstance(last := commits[-1], dict):
        told |= {"message": plain.take_text(last.get("message")), "author": plain.make_name(last.get("author"))}
    return told


def _describe_duration(data: Data) -> str:
    seconds = data.get("duration")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        started, finished = (
            plain.parse_time(_get_at(data, f"deploy_context.{name}") or data.get(name))
            for name in ("started_at", "finished_at")
        )
        seconds = (finished - started).total_seconds() if started and finished else -1
    return plain.format_length(seconds) if 0 <= seconds < _LONG else ""


def _get_at(data: Data, path: str) -> Any:
    found: Any = data
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


# --- Unknown data ----------------------------------------------------------------------------------------------
def _list_others(data: Data, told: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the rest of the data under its own names, `server.ip: 192.0.2.1`."""
    ours = {name: given for name, given in data.items() if name not in _SILENT}
    for path, given in _flatten(ours, levels=2):
        parent, _, leaf = path.rpartition(".")
        if path in told or (parent in told and leaf in plain.NAMES):
            continue
        if written := plain.describe_value(given):
            yield plain.make_line(path, _LABEL) or "?", written


def _flatten(data: Data, levels: int, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, given in data.items():
        if isinstance(given, dict) and given and levels:
            yield from _flatten(given, levels - 1, f"{before}{name}.")
        elif given not in (None, "", {}, []):
            yield f"{before}{name}", given


def _limit(facts: Iterator[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return all facts, or the first and the number of the others."""
    first = list(islice(facts, MOST_FACTS))
    if more := sum(1 for _ in facts):
        count = npgettext("event", "%(count)d in the console", "%(count)d in the console", more) % {"count": more}
        first.append((pgettext("event", "More"), count))
    return tuple(first)
