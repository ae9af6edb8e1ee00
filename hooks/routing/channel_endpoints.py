"""Endpoints for routing: where deliveries go, and the endpoints of members' own channels, read in bulk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet, Value

from hooks.audience.choices import Choices, filter_by_members, list_kinds
from hooks.audience.recipients import Member
from hooks.endpoints.lookup import EndpointRef
from hooks.models import Channel, Device
from notifications_project.accounts.models import Organization


@dataclass(slots=True)
class ChannelEndpoints:
    """The endpoints of members' channels but e-mail, by user and kind; only of kinds that anybody turned on."""

    to: dict[tuple[UUID, str], list[EndpointRef]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, organization: Organization, chosen: Choices, members: Sequence[Member]) -> ChannelEndpoints:
        wanted = [kind for kind in list_kinds() if kind != Channel.Kind.EMAIL and chosen.may_be_on(kind)]
        reach = cls()
        if Channel.Kind.IOS in wanted:
            rows = filter_by_members(Device.objects.order_by("registered_at", "pk"), organization, members)
            reach._add(rows, with_kind=False)
        if with_endpoint := [kind for kind in wanted if kind != Channel.Kind.IOS]:
            rows = filter_by_members(Channel.objects.filter(kind__in=with_endpoint), organization, members)
            reach._add(rows, with_kind=True)
        return reach

    def _add(self, rows: QuerySet[Any], with_kind: bool) -> None:
        kind = F("kind") if with_kind else Value(str(Channel.Kind.IOS))
        columns = ("user_id", "of", *(f"endpoint__{name}" for name in EndpointRef._fields))
        for user, of, *rest in rows.annotate(of=kind).values_list(*columns):
            self.to[user, of].append(EndpointRef(*rest))

    def list_disabled(self) -> list[UUID]:
        """Return the endpoints that are not tried at the moment."""
        return [to.pk for found in self.to.values() for to in found if to.disabled_at]

    def replace(self, fresh: dict[UUID, EndpointRef]) -> None:
        """Take the endpoints as they were read again, by id."""
        for found in self.to.values():
            found[:] = [fresh.get(to.pk, to) for to in found]
