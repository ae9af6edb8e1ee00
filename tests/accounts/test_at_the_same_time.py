"""Two people or two scripts may do the same at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.core.management import call_command
from django.db import connection

from notifications_project.accounts import organizations
from notifications_project.accounts.models import ApiToken, Membership, Organization, User
from notifications_project.accounts.organizations import MembershipError
from notifications_project.accounts.roles import Role

pytestmark = pytest.mark.django_db(transaction=True)


def together(*works: Callable[[], object]) -> list[BaseException | None]:
    """Run each function in a thread of its own, started at once; return the exception of each, or None."""
    start = Barrier(len(works))
    raised: list[BaseException | None] = [None] * len(works)

    def run(place: int) -> None:
        start.wait(timeout=10)
        try:
            works[place]()
        except Exception as error:
            raised[place] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=[place]) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return raised


def test_two_admins_who_remove_each_other_leave_one(alice, acme, mary):
    organizations.change_role(organization=acme, user=mary, role=Role.ADMIN, actor=alice)
    raised = together(
        lambda: organizations.remove_member(organization=acme, user=mary, actor=alice),
        lambda: organizations.remove_member(organization=acme, user=alice, actor=mary),
    )
    assert [type(error) for error in raised if error] == [MembershipError]
    assert Membership.objects.filter(organization=acme, role=Role.ADMIN).count() == 1


def test_two_runs_of_the_same_script_make_one_of_everything(db, capsys):
    words = ("create_organization", "Engines", "--admin", "ada@example.org", "--token")
    assert together(*[lambda: call_command(*words)] * 3) == [None, None, None]
    assert User.objects.count() == 1
    assert Organization.objects.filter(name="Engines").count() == 1
    assert ApiToken.objects.count() == 1


def test_one_person_is_added_once_whoever_adds(alice, acme, olga):
    def add() -> None:
        organizations.add_member(organization=acme, email=olga.email, role=Role.DEVELOPER, actor=alice)

    raised = together(add, add)
    assert [type(error) for error in raised if error] == [MembershipError]
    assert Membership.objects.filter(organization=acme, user=olga).count() == 1
