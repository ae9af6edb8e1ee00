"""Forms of the pages about people, organizations and the user's own account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.html import format_html
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from notifications_project.accounts.models import ApiToken, Organization, User
from notifications_project.accounts.roles import PERMISSIONS, Permission, Role
from notifications_project.forms import MailAddressField
from notifications_project.spelling import is_visible, normalize_text

LIFETIMES = {"30": timedelta(days=30), "90": timedelta(days=90), "365": timedelta(days=365), "never": None}


def list_role_choices() -> list[tuple[str, str]]:
    """Return the roles as choices, each with its permissions in words."""
    label = '<span><b>{}</b><span class="help">{}</span></span>'
    return [(role.value, format_html(label, role.label, _describe(PERMISSIONS[role]))) for role in Role]


def _describe(permissions: frozenset[Permission]) -> str:
    labels = ", ".join(str(permission.label) for permission in Permission if permission in permissions)
    return gettext("May %(permissions)s.") % {"permissions": labels}


class RoleForm(forms.Form):
    role = forms.ChoiceField(
        label=_("Role"), choices=list_role_choices, widget=forms.RadioSelect(attrs={"class": "choices"})
    )


class InviteForm(RoleForm):
    email = MailAddressField(
        label=_("E-mail address"), help_text=_("They sign in here with this address, or make an account with it.")
    )
    role = forms.ChoiceField(
        label=_("Role"),
        choices=list_role_choices,
        widget=forms.RadioSelect(attrs={"class": "choices"}),
        initial=Role.DEVELOPER,
    )
    field_order = ["email", "role"]


class NewAccountForm(forms.Form):
    """Form for the new account of an invited person; the address is the invitation's."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("How others see you: in lists of members and in the audit log."),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 8 characters."),
    )

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_name(self) -> str:
        return clean_name(self.cleaned_data["name"])

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self.email, name=self.data.get("name", "")))
        return password


class EmailChangeForm(forms.Form):
    email = MailAddressField(label=_("New e-mail address"))
    password = forms.CharField(
        label=_("Your password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError(gettext("This is not your password."))
        return password


class OrganizationForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)

    def clean_name(self) -> str:
        return clean_name(self.cleaned_data["name"])


class TokenForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What it is for, such as “deployment script”."))
    organization = forms.ChoiceField(
        label=_("Organization"), help_text=_("A token for one organization opens nothing else, should it ever leak.")
    )
    lifetime = forms.ChoiceField(
        label=_("Expires"),
        choices=[("30", _("In 30 days")), ("90", _("In 90 days")), ("365", _("In 365 days")), ("never", _("Never"))],
        initial="90",
    )

    def __init__(self, user: User, organizations: list[Organization], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.organizations = {organization.public_id: organization for organization in organizations}
        choices = [(public_id, each.name) for public_id, each in self.organizations.items()]
        self.fields["organization"].choices = [*choices, ("all", _("All my organizations"))]  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        name = clean_name(self.cleaned_data["name"])
        if any(not token.is_expired for token in ApiToken.objects.filter(user=self.user, name=name)):
            message = gettext("You have a token of this name. Choose another name, or revoke that one first.")
            raise forms.ValidationError(message)
        return name

    @property
    def chosen_organization(self) -> Organization | None:
        return self.organizations.get(self.cleaned_data["organization"])

    @property
    def chosen_lifetime(self) -> timedelta | None:
        return LIFETIMES[self.cleaned_data["lifetime"]]


def time_zones() -> list[tuple[str, str]]:
    """Return every time zone by name as choices, with UTC first."""
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class ProfileForm(forms.ModelForm[User]):
    language = forms.ChoiceField(
        label=_("Language"),
        choices=settings.LANGUAGES,
        required=False,  # a form sent without it changes nothing
        widget=forms.Select(attrs={"required": True}),
        help_text=_("Pages, e-mails and messages to your own channels are in this language."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=time_zones, help_text=_("Times on all pages are shown in this zone.")
    )

    class Meta:
        model = User
        fields = ("name", "language", "time_zone")
        labels = {"name": _("Name")}
        help_texts = {"name": _("How others see you: in lists of members and in the audit log.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.language:
            self.initial["language"] = get_language()

    def clean_language(self) -> str:
        return self.cleaned_data["language"] or self.instance.language

    def clean_name(self) -> str:
        return clean_name(self.cleaned_data["name"])


def clean_name(name: str) -> str:
    """Return a name in the form NFC. Raises ValidationError if it has invisible characters."""
    name = normalize_text(name)
    if not is_visible(name):
        raise forms.ValidationError(gettext("A name has no control characters, and none that cannot be seen."))
    return name
