"""The part of a form for a destination: a URL, a format, and the options of the format."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hooks.endpoints.options import merge_url
from hooks.endpoints.webhooks import has_lost_secret
from hooks.formats import FORMATS, list_webhook_formats
from hooks.forms.format_fields import Advice, Offer, OptionFields
from hooks.models import Endpoint


class Radios(forms.RadioSelect):
    template_name = "components/radios.html"
    option_template_name = "components/choice.html"


class DestinationForm(forms.Form):
    """A URL, a format and the options of every format; only those of the chosen one count.

    A subclass calls `ask_where` at the end of `__init__`.
    """

    url = forms.CharField(  # type: ignore[call-arg]
        label=_("Webhook URL"),
        help_text=_("It receives the data through a POST request."),
        required=False,
        widget=forms.URLInput(
            attrs={"required": True, "placeholder": "https://example.org/hooks", "autocomplete": "off"}
        ),
        template_name="hooks/manage/_url.html",
    )
    format = forms.ChoiceField(  # type: ignore[call-arg]
        label=_("Format"), widget=Radios, initial="raw", template_name="hooks/manage/_formats.html"
    )

    verdict: tuple[bool, str] | None = None  # whether the token is valid, in words too, after a verification
    verify_page = ""
    endpoint: Endpoint | None = None  # the stored one, if the form edits it

    def ask_where(self, endpoint: Endpoint | None, *, verify_page: str, advice_page: str) -> None:
        """Add the fields of the formats with their initial values, and the URLs of the views for tokens and advice."""
        self.endpoint, self.verify_page = endpoint, verify_page
        self.fields["format"].choices = [  # type: ignore[attr-defined]
            (
                known.name,
                format_html('<b translate="no">{}</b><span class="help">{}</span>', known.label, gettext(known.help)),
            )
            for known in list_webhook_formats()
        ]
        self.initial = {**self.initial}
        self.options = OptionFields(self)
        self.options.add(endpoint, lost=has_lost_secret(endpoint))
        if self.advice.chosen and self.advice.chosen.default_url:
            del self.fields["url"].widget.attrs["required"]
        self.fields["url"].widget.attrs |= {
            "hx-post": advice_page,
            "hx-trigger": "input changed delay:400ms, change from:.format",
            "hx-params": "url,format,csrfmiddlewaretoken",
            "hx-target": "#advice",
            "hx-sync": "this:queue last",
        }

    @property
    def advice(self) -> Advice:
        return Advice(str(self["url"].value() or "").strip(), str(self["format"].value() or ""))

    @property
    def offers(self) -> list[Offer]:
        return self.options.offers(self["format"])

    @property
    def by_a_person(self) -> bool:
        """Tell whether a person has chosen the format: then a URL only proposes one, and does not select it."""
        return self.endpoint is not None or self.is_bound

    def get_context(self) -> dict[str, Any]:
        context = super().get_context()
        own = self.options.names
        context["fields"] = [(field, errors) for field, errors in context["fields"] if field.name not in own]
        return context

    def propose_format(self) -> bool:
        """Select the format of the URL's service, unless the person has seen this proposal and kept Raw.

        Returns True if the form must be shown again, once, with the proposal.
        """
        typed = Advice(self.cleaned_data["url"], self.cleaned_data["format"])
        proposed = typed.proposed
        if typed.format != "raw" or proposed is None or self.data.get("proposed") == proposed.name:
            return False
        changed = {"url", "format"}.intersection(self.changed_data)
        if self.endpoint and merge_url(self.endpoint, typed.url) == self.endpoint.whole_address:
            changed.discard("url")  # typed in full, or left as it was shown
        if self.endpoint and not changed:
            return False
        data = self.data.copy()  # type: ignore[attr-defined]
        data["format"] = proposed.name
        self.data = data
        text = gettext(
            "This URL is an address of %(service)s, so the format %(service)s is chosen now. "
            "Send the form again, with this format or with %(raw)s."
        )
        self.add_error("format", text % {"service": proposed.label, "raw": FORMATS["raw"].label})
        return True
