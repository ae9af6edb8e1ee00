"""Time and queries of routing one event to an organization of 10,000 members, for different numbers of recipients."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from hooks.models import Channel, Endpoint, Lane, NotificationSetting
from notifications_project.accounts.models import Organization, User
from tests.benchmarks.arena import Arena
from tests.benchmarks.intake import Routed, add_members, routed
from tests.benchmarks.report import Aim, Findings, median, number, spread

_MAILED = "server.stopped"  # on by default for e-mail
_SILENT = "git.push"  # off by default
_BATCH = 1_000


def matching(arena: Arena) -> Findings:
    members = arena.options.size(10_000, 1_000)
    dues = [0, members // 100, members // 10, members]
    users = add_members(arena, members)
    _with_hipchat(users)
    # Without this, the administrator would count as a recipient too.
    _choose([arena.admin], _MAILED, Channel.Kind.EMAIL, False)
    findings = Findings(
        notes=["What is asked of the database is the same however many are due, but for the chunks of inserts."]
    )
    routed(arena, _MAILED, members)  # creates the endpoints of new members, outside the measured time
    for way, event_type, channel in (
        ("e-mail, by default", _MAILED, Channel.Kind.EMAIL),
        ("HipChat, by their settings", _SILENT, Channel.Kind.HIPCHAT),
    ):
        runs = {due: _measure(arena, users, event_type, channel, due) for due in dues}
        _tell(findings, members, way, runs)
    return findings


def _measure(arena: Arena, users: Sequence[User], event_type: str, channel: str, due: int) -> list[Routed]:
    """Measure with `due` recipients: the others turn e-mail off, or the recipients turn HipChat on."""
    mine = NotificationSetting.objects.filter(event_type=event_type, channel=channel).exclude(
        user__email__startswith="bench"
    )
    mine.delete()
    by_mail = channel == Channel.Kind.EMAIL
    _choose(users[due:] if by_mail else users[:due], event_type, channel, not by_mail)
    return [routed(arena, event_type, due) for _ in range(arena.options.runs)]


def _tell(findings: Findings, members: int, way: str, runs: dict[int, list[Routed]]) -> None:
    times = {due: median(each.routing for each in found) for due, found in runs.items()}
    for due, found in runs.items():
        findings.rows.append(
            {
                "members": f"{members:,}",
                "told by": way,
                "due": f"{due:,}",
                "ms": spread([each.routing for each in found]),
                "ms a message, beyond none due": number((times[due] - times[0]) / due) if due else "",
                "queries": str(found[-1].queries),
            }
        )
    some, most = sorted(times)[-2:]
    measured = f"{number(times[most])} ms, {runs[most][-1].queries} queries"
    findings.aims.append(Aim(f"{members:,} members, {most:,} due by {way}", measured))
    # The aim is for the cost of the messages: reading the members costs the same for any number of recipients.
    few, many = times[some] - times[0], times[most] - times[0]
    aim = f"by {way}: {most:,} due instead of {some:,} add at most {1.2 * most / some:g} times as much time"
    measured = f"{number(many / few)} times" if few > 0 else f"{some:,} add less than runs differ by"
    findings.aims.append(Aim(aim, measured, few > 0 and many <= 1.2 * few * most / some))


def _choose(users: Sequence[User], event_type: str, channel: str, enabled: bool) -> None:
    NotificationSetting.objects.bulk_create(
        (NotificationSetting(user=user, event_type=event_type, channel=channel, enabled=enabled) for user in users),
        batch_size=_BATCH,
    )


@transaction.atomic
def _with_hipchat(users: Sequence[User]) -> None:
    """Give each a personal space and a HipChat channel, as setting it up does."""
    personal = Organization.Kind.PERSONAL
    spaces = [Organization(pk=user.pk, kind=personal, name=f"{user} (personal)") for user in users]
    Organization.objects.bulk_create(spaces, batch_size=_BATCH)
    lanes = Lane.objects.bulk_create(
        [Lane(organization=space, transport="http") for space in spaces], batch_size=_BATCH
    )
    endpoints = Endpoint.objects.bulk_create(
        [
            Endpoint(
                organization=space,
                kind=Endpoint.Kind.WEBHOOK,
                address="https://chat.example",
                format="hipchat",
                lane=lane,
            )
            for space, lane in zip(spaces, lanes, strict=True)
        ],
        batch_size=_BATCH,
    )
    Channel.objects.bulk_create(
        (
            Channel(user=user, kind=Channel.Kind.HIPCHAT, endpoint=endpoint)
            for user, endpoint in zip(users, endpoints, strict=True)
        ),
        batch_size=_BATCH,
    )
