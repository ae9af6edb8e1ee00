"""References of events to resources, and the look-up of the resource that is meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events import resources
from events.limits import Unfit
from events.models import Resource
from notifications_project import ids
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User


@dataclass(frozen=True)
class Reference:
    """A reference to a resource: either its id, or the kind and name to find or create."""

    id: UUID | None
    kind: str
    name: str


def parse(value: Any) -> Reference | None:
    """Return the reference in a public id, `{"id"?, "kind", "name"}`, a Resource or None. Raises Unfit.

    With an id the name need not match, only be a valid name: the resource may have been renamed since.
    """
    if value is None:
        return None
    if isinstance(value, Resource):
        return Reference(value.pk, value.kind, "")
    if isinstance(value, str):
        return _find_by_id(value, "resource")
    if not isinstance(value, dict):
        raise Unfit("resource", "Must be an id, or an object with kind and name.")
    if others := sorted(str(name) for name in value.keys() - {"id", "kind", "name"}):
        raise Unfit(f"resource.{others[0]}", "Is not known here.")
    kind = value.get("kind")
    if value.get("id") is None:
        return _find_by_name(kind, value.get("name"))
    if not isinstance(value["id"], str):
        raise Unfit("resource.id", "Must be a text.")
    reference = _find_by_id(value["id"], "resource.id")
    if kind is not None and kind != reference.kind:
        raise Unfit("resource.kind", "Does not fit the id.")
    if value.get("name") is not None:
        _clean_name(value["name"])
    return reference


def make_unknown_error(sent: Any) -> Unfit:
    """Return the error for an unknown id; it is the same for another organization's id, so that it reveals nothing."""
    return _make_unknown("resource.id" if isinstance(sent, dict) else "resource")


def _make_unknown(field: str) -> Unfit:
    return Unfit(field, "Is no application or add-on of this organization.")


def _find_by_id(text: str, field: str) -> Reference:
    try:
        known = ids.decode(text, *Resource.KINDS)
    except ValueError:
        raise _make_unknown(field) from None
    return Reference(known, Resource.KINDS[known.prefix], "")


def _find_by_name(kind: Any, name: Any) -> Reference:
    if kind not in Resource.Kind.values:
        raise Unfit("resource.kind", f"Must be {' or '.join(Resource.Kind.values)}.")
    return Reference(None, kind, _clean_name(name))


def _clean_name(name: Any) -> str:
    if not isinstance(name, str):
        raise Unfit("resource.name", "Must be a text.")
    try:
        return resources.clean_name(name)
    except resources.ResourceError as error:
        raise Unfit("resource.name", str(error)) from None


def resolve(
    organization: Organization, references: Iterable[Reference], actor: User | None
) -> dict[Reference, Resource]:
    """Return the resource of each reference, in a bounded number of queries; unknown ids are left out.

    Archived resources are found too. A name that does not exist is created; of several requests that try at once, one
    succeeds and the others find its resource.
    """
    wanted = set(references)
    found = _find(organization, wanted)
    if missing := {each for each in wanted - found.keys() if each.id is None}:
        # Without one fixed order two lists that create the same names could wait for each other for ever.
        rows = [
            Resource(organization=organization, kind=each.kind, name=each.name)
            for each in sorted(missing, key=lambda each: (each.kind, each.name))
        ]
        Resource.objects.bulk_create(rows, ignore_conflicts=True)
        found |= _find(organization, missing)
        made = {row.pk for row in rows}
        _audit(organization, actor, [found[each] for each in missing if found[each].pk in made])
    return found


def _find(organization: Organization, wanted: set[Reference]) -> dict[Reference, Resource]:
    mine = Resource.objects.filter(organization=organization)
    found: dict[Reference, Resource] = {}
    if by_id := {each.id for each in wanted if each.id}:
        for resource in mine.filter(pk__in=by_id):
            found[Reference(resource.pk, resource.kind, "")] = resource
    for kind in Resource.Kind.values:
        if names := {each.name for each in wanted if each.id is None and each.kind == kind}:
            for resource in mine.filter(kind=kind, name__in=names):
                found[Reference(None, resource.kind, resource.name)] = resource
    return {reference: resource for reference, resource in found.items() if reference in wanted}


def _audit(organization: Organization, actor: User | None, made: list[Resource]) -> None:
    for kind in Resource.Kind.values:
        if names := sorted(resource.name for resource in made if resource.kind == kind):
            audit.record(organization, actor, f"{kind}.added", ", ".join(names), count=len(names), by="an event")
