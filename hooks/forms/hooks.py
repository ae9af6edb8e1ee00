"""The forms of hooks. They only parse: `manage.rules` checks what is allowed, and `refuse` shows its problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from events import catalogue
from events.models import Resource
from hooks.endpoints.options import mask_endpoint_url
from hooks.forms.destination import DestinationForm
from hooks.manage.rules import InvalidRule, Notify, RateLimit
from hooks.manage.specs import WebhookSpec
from hooks.models import Hook
from hooks.presentation import hook_sentences
from notifications_project.accounts.models import Organization
from notifications_project.accounts.roles import Role

Choices = list[tuple[str, str]]
Grouped = list[tuple[str, Choices]]


_PACE = ("ordered", "rate_limit")
# The checkbox that lifts a restriction, and the field that it restricts.
_LIFTED = {"every_event": "events", "unrestrict": "resources"}


class Checkboxes(forms.CheckboxSelectMultiple):
    """Checkboxes under headings. `fold` labels a fold-out with all groups but the first; a choice in it opens it."""

    template_name = "components/choices.html"
    option_template_name = "components/choice.html"

    def __init__(self, *, fold: str | Promise = "") -> None:
        super().__init__()
        self.fold = fold

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        groups = context["widget"]["optgroups"]
        shown, folded = (groups[:1], groups[1:]) if self.fold else (groups, [])
        context["widget"] |= {
            "shown": shown,
            "folded": folded,
            "fold": self.fold,
            "open": any(option["selected"] for _group, options, _index in folded for option in options),
            "any": any(option["selected"] for _group, options, _index in groups for option in options),
        }
        return context


class NotifyWidget(forms.MultiWidget):
    """The four ways to choose recipients, in one box."""

    template_name = "hooks/manage/_notify.html"
    use_fieldset = True

    def __init__(self) -> None:
        addresses = forms.Textarea(attrs={"rows": 3, "placeholder": "ops@example.org", "autocomplete": "off"})
        super().__init__(
            {
                "members": forms.CheckboxInput(),
                "roles": Checkboxes(),
                "users": Checkboxes(),
                "addresses": addresses,
            }
        )

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["confirms"] = settings.EMAIL_CONFIRM_ADDRESSES
        return context

    def decompress(self, value: Notify | None) -> list[Any]:
        value = value or Notify()
        return [value.members, list(value.roles), [str(user) for user in value.users], "\n".join(value.addresses)]


class NotifyField(forms.Field):
    """The field for a `Notify`. Addresses are typed one per line or separated by commas."""

    widget = NotifyWidget

    def clean(self, value: Any) -> Notify:
        members, roles, users, addresses = value
        try:
            chosen = [UUID(user) for user in users or []]
        except ValueError:
            raise forms.ValidationError(gettext("A chosen user is not a member.")) from None
        typed = (addresses or "").replace(",", "\n").splitlines()
        return Notify(bool(members), roles or [], chosen, [line.strip() for line in typed if line.strip()])

    def has_changed(self, initial: Notify | None, data: Any) -> bool:
        try:
            return self.clean(data) != initial
        except forms.ValidationError:
            return True


class RateWidget(forms.MultiWidget):
    template_name = "hooks/manage/_rate.html"
    use_fieldset = True

    def __init__(self) -> None:
        rate = forms.NumberInput(attrs={"min": "0.01", "max": "1000", "step": "any", "placeholder": _("no limit")})
        super().__init__({"rate": rate, "burst": forms.NumberInput(attrs={"min": "1", "max": "1000"})})

    def decompress(self, value: RateLimit | None) -> list[Any]:
        return [value.per_second, value.burst] if value else [None, None]


class RateField(forms.MultiValueField):
    """The field for a `RateLimit`; None if nothing was typed."""

    widget = RateWidget

    def __init__(self, **kwargs: Any) -> None:
        parts = (forms.FloatField(), forms.IntegerField())
        super().__init__(parts, require_all_fields=False, required=False, **kwargs)
        for part in parts:
            part.required = False

    def compress(self, typed: Any) -> RateLimit | None:
        rate, burst = typed or (None, None)
        if rate is None and burst is not None:
            raise forms.ValidationError(gettext("A burst needs a number of deliveries per second."))
        return None if rate is None else RateLimit(rate, 1 if burst is None else burst)


class HookForm(forms.Form):
    """The common base of the forms of hooks. `changes()` has only the fields that the person changed."""

    # Not required here: the domain checks that, so that all problems are shown at once.
    name = forms.CharField(
        label=_("Name"),
        required=False,
        strip=True,
        widget=forms.TextInput(attrs={"required": True, "maxlength": 100}),
    )
    events = forms.MultipleChoiceField(
        label=_("Only send notification for these events"),
        help_text=_("None chosen: every event, also of types that are added later."),
        required=False,
        widget=Checkboxes(fold=_("Single event types")),
    )
    every_event = forms.BooleanField(
        label=_("Tell about every event from now on"),
        help_text=_("Replaces the choice above, and includes types that are added later."),
        required=False,
    )
    resources = forms.TypedMultipleChoiceField(
        label=_("Only for these applications and add-ons"),
        required=False,
        coerce=UUID,
        widget=Checkboxes(),
    )
    unrestrict = forms.BooleanField(
        label=_("Tell about every application and add-on from now on"),
        help_text=_("Replaces the choice above, and includes events about the organization itself."),
        required=False,
    )
    enabled = forms.BooleanField(
        label=pgettext_lazy("hook", "Enabled"),
        required=False,
        initial=True,
        help_text=_("A disabled hook matches no events, and its waiting deliveries are cancelled."),
    )
    paused = forms.BooleanField(
        label=pgettext_lazy("hook", "Paused"),
        required=False,
        help_text=_("A paused hook still matches events. Its deliveries wait until it is resumed."),
    )

    def __init__(self, *args: Any, organization: Organization, hook: Hook | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hook = hook
        chosen = list(hook.resources.all()) if hook else []
        self.fields["events"].choices = list_event_choices((hook and hook.events) or ())  # type: ignore[attr-defined]
        resources = list_resource_choices(organization, chosen)
        self.fields["resources"].choices = resources  # type: ignore[attr-defined]
        self.fields["resources"].help_text = (
            gettext("None chosen: all of them, also those added later, and events about the organization itself.")
            if resources
            else gettext("There are none yet. The hook will include all that are added.")
        )
        if hook and hook.restricted:
            gone = gettext(
                "This hook is restricted, and nothing of its choice is left: it matches nothing at the moment."
            )
            self.fields["resources"].help_text = "" if chosen else gone
        else:
            del self.fields["unrestrict"]
        if hook and hook.events is not None:
            gone = gettext("No event is chosen, so it matches nothing at the moment.")
            self.fields["events"].help_text = "" if hook.events else gone
        else:
            del self.fields["every_event"]

    @property
    def pace(self) -> list[forms.BoundField]:
        """Return the fields about order and rate, which the page shows apart."""
        return [self[name] for name in _PACE if name in self.fields]

    def get_context(self) -> dict[str, Any]:
        context = super().get_context()
        context["fields"] = [(field, errors) for field, errors in context["fields"] if field.name not in _PACE]
        return context

    def clean(self) -> dict[str, Any]:
        """Lift a restriction only if its checkbox says so: without any choice left the hook matches nothing."""
        cleaned = super().clean() or {}
        for lifted, name in _LIFTED.items():
            if lifted in self.fields and name in self.changed_data and not (cleaned.get(name) or cleaned.get(lifted)):
                text = gettext("Choose at least one, or tick “%(label)s”.")
                self.add_error(name, text % {"label": self.fields[lifted].label})
        return cleaned

    def get_changes(self) -> dict[str, Any]:
        """Return the arguments for `rules.update_hook`. A restriction whose last resource is gone stays one."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data if name not in _LIFTED}
        return changed | {name: None for lifted, name in _LIFTED.items() if self.cleaned_data.get(lifted)}

    def get_values(self) -> dict[str, Any]:
        """Return all values; without a choice there is no restriction."""
        return self.cleaned_data | {name: self.cleaned_data.get(name) or None for name in _LIFTED.values()}

    def refuse(self, problem: InvalidRule) -> None:
        """Add the domain's problems to their fields, and those without a field to the form."""
        for name, message in problem.errors.items():
            self.add_error(self.get_field_name(name), message)

    def get_field_name(self, name: str) -> str | None:
        """Return the field for a name of the domain; None if it has no field of its own."""
        return name if name in self.fields else None


class WebhookForm(HookForm, DestinationForm):
    ordered = forms.BooleanField(
        label=_("In strict order"),
        help_text=_(
            "A delivery starts only when the one before it has ended. While one fails, all others wait for it."
        ),
        required=False,
    )
    rate_limit = RateField(
        label=_("Rate limit"),
        help_text=_("At most so many deliveries per second. After a pause, as many at once as the burst says."),
    )

    field_order = [
        "name",
        "url",
        "format",
        "events",
        "every_event",
        "resources",
        "unrestrict",
        "enabled",
        "paused",
        *_PACE,
    ]

    def __init__(self, *args: Any, organization: Organization, hook: Hook | None = None, **kwargs: Any) -> None:
        super().__init__(*args, organization=organization, hook=hook, **kwargs)
        owner = organization.public_id
        self.ask_where(
            hook.endpoint if hook else None,
            verify_page=reverse("hooks:verify", args=[owner, hook.public_id])
            if hook
            else reverse("hooks:verify-new", args=[owner]),
            advice_page=reverse("hooks:advice", args=[owner]),
        )

    @property
    def paced(self) -> bool:
        """Tell whether order or rate is set, or has an error: then the page shows them open."""
        return any(field.value() not in (None, False, "", ["", ""], [None, None]) for field in self.pace)

    def build_spec(self) -> WebhookSpec:
        """The webhook that is to be made, for `rules.create_webhook`."""
        own = self.options.names
        values = {name: value for name, value in self.get_values().items() if name not in own}
        return WebhookSpec.of(**values, options=self.options.get_typed(values["format"]))

    def get_changes(self) -> dict[str, Any]:
        own = self.options.names
        changed = {name: value for name, value in super().get_changes().items() if name not in own}
        format = self.cleaned_data["format"]
        if "format" in changed or self.options.is_changed(format):
            changed["options"] = self.options.get_typed(format)
        return changed

    def get_field_name(self, name: str) -> str | None:
        if name.startswith("options."):
            return self.options.get_field_name(self.cleaned_data.get("format", ""), name.removeprefix("options."))
        return super().get_field_name(name)


class EmailHookForm(HookForm):
    notify = NotifyField(
        label=_("Who is told"),
        help_text=_(
            "Members who have switched an event type off in their own settings are not told, even if you type their "
            "address here."
        ),
    )

    field_order = ["name", "notify", "events", "every_event", "resources", "unrestrict", "enabled", "paused"]

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, organization=organization, **kwargs)
        _members, roles, users, _addresses = self.fields["notify"].widget.widgets
        roles.choices = [(role.value, hook_sentences.write_holders(role)) for role in Role]
        members = organization.memberships.select_related("user").order_by("user__email")
        users.choices = [
            (
                str(member.user_id),
                f"{member.user.name} ({member.user.email})" if member.user.name else member.user.email,
            )
            for member in members[:500]
        ]


def get_initial(hook: Hook) -> dict[str, Any]:
    """Return the initial values of the form for a hook."""
    initial: dict[str, Any] = {
        "name": hook.name,
        "events": hook.events or [],
        "resources": [str(resource.pk) for resource in hook.resources.all()],
        "paused": hook.paused,
        "enabled": hook.enabled,
    }
    if hook.endpoint:
        lane = hook.endpoint.lane
        initial |= {"ordered": lane.ordered, "rate_limit": RateLimit.of(lane)}
        return initial | {"url": mask_endpoint_url(hook.endpoint), "format": hook.endpoint.format}
    notify = Notify.of(hook)
    return initial | {"notify": notify}


def list_event_choices(chosen: Sequence[str]) -> Grouped:
    """Return groups, then types under headings. Chosen names that the catalogue no longer has are kept."""
    lost = [name for name in chosen if name not in catalogue.EVENT_TYPES and name not in catalogue.GROUPS]
    choices: Grouped = [("", [(group.name, str(group.label)) for group in catalogue.GROUPS.values()])]
    choices += [
        (str(category.label), [(each.name, str(each.label)) for each in types])
        for category, types in catalogue.group_by_category().items()
        if types
    ]
    return [*choices, (gettext("No longer known"), [(name, name) for name in lost])] if lost else choices


def list_resource_choices(organization: Organization, chosen: Sequence[Resource]) -> Grouped:
    """Return applications, then add-ons; archived ones only if they are chosen already."""
    choices: Grouped = []
    existing = organization.resources.filter(archived_at__isnull=True).order_by("name")
    for kind, heading in (
        (Resource.Kind.APPLICATION, gettext("Applications")),
        (Resource.Kind.ADDON, gettext("Add-ons")),
    ):
        found = [(str(each.pk), each.name) for each in existing if each.kind == kind]
        choices += [(heading, found)] if found else []
    archived = [(str(each.pk), each.name) for each in chosen if each.archived_at]
    return [*choices, (gettext("Archived"), archived)] if archived else choices
