"""The base class of formats: it writes an event for a receiver, lists its options and reads the receiver's answers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from hooks.messages import Answer, Message, Notification, Transport
from notifications_project.network import certificates
from notifications_project.network.problems import Problem
from notifications_project.network.web_address import get_host


@dataclass(frozen=True, slots=True)
class Option:
    """An option that a format has beside the URL. Form, API, validation and masking follow from this.

    The value is a text. `choices` lists the permitted values with their labels; the first one is the default.
    The whole value must match `pattern`; if it does not, people read `problem`. The texts are English: forms translate
    them, the API does not.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False  # encrypted in the database; pages show its first characters at most
    choices: tuple[tuple[str, str], ...] = ()
    pattern: str = ""
    problem: str = ""
    most: int = 255  # characters
    check: Callable[[str], None] | None = None  # only for texts of several lines; raises Problem

    @property
    def default(self) -> str:
        return self.choices[0][0] if self.choices else ""

    def find_problem(self, value: Any) -> str:
        """Return why the option cannot have this value, in words for people; empty if it can."""
        if not isinstance(value, str):
            return gettext("Must be a text.")
        if not value:
            return gettext("%(field)s is needed.") % {"field": gettext(self.label)} if self.required else ""
        if self.choices and value not in dict(self.choices):
            return gettext("Choose one of %(names)s.") % {"names": ", ".join(dict(self.choices))}
        if self.check:
            return self._explain_check(value, self.check)
        if len(value) > self.most or not value.isprintable():
            return gettext("At most %(number)s printable characters.") % {"number": self.most}
        if self.pattern and not re.fullmatch(self.pattern, value):
            return gettext(self.problem)
        return ""

    def _explain_check(self, value: str, check: Callable[[str], None]) -> str:
        if len(value) > self.most:
            return gettext("At most %(number)s characters.") % {"number": self.most}
        try:
            check(value)
        except Problem as problem:
            return problem.describe()
        return ""


CA_CERTIFICATES = Option(
    "ca_certificates",
    _("Certificate authority"),
    help=_(
        "Only for a server whose certificate is from a private authority: the certificate of that authority, in PEM. "
        "The public authorities are trusted as well."
    ),
    most=certificates.LONGEST,
    check=certificates.check,
)


def get_authorities(options: Mapping[str, Any]) -> str:
    """Return the PEM certificates among an endpoint's options; empty if it has none."""
    value = options.get(CA_CERTIFICATES.name)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class HostLimit:
    """The limit that a service sets for one sender, over all webhooks together.

    Deliveries to its hosts use a transport named after the format, so that one hold stops all their lanes.
    """

    rate: float  # deliveries a second, of all workers together
    burst: int
    refusals: frozenset[int]  # the statuses that the service counts against the sender
    most_refusals: int  # after so many within `window` seconds nothing is sent for another `window` seconds
    window: int
    ban: str  # the penalty that the limit avoids, in words for people, marked for translation


class Format(ABC):
    """A way to write events for one kind of receiver. A new one needs a subclass and a line in the registry."""

    name: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    setup: ClassVar[str] = ""  # where to get the URL or the key in that service, in two or three sentences
    transport: ClassVar[str] = Transport.HTTP
    signed: ClassVar[bool] = True  # requests carry Standard Webhooks headers
    hosts: ClassVar[tuple[str, ...]] = ()  # URLs there, or at subdomains, are most likely meant for it
    pace: ClassVar[tuple[float, int] | None] = None  # deliveries a second and burst, unless the webhook has its own
    host_limit: ClassVar[HostLimit | None] = None  # over all webhooks at `hosts` together
    default_url: ClassVar[str] = ""  # used if no URL is given; empty: a URL is required
    options: ClassVar[tuple[Option, ...]] = ()
    # True if people run such servers themselves: these may need a certificate from a private authority.
    self_hosted: ClassVar[bool] = False

    @property
    def all_options(self) -> tuple[Option, ...]:
        """Return the options of the format and of its connection."""
        return (*self.options, CA_CERTIFICATES) if self.self_hosted else self.options

    @abstractmethod
    def write(self, notification: Notification) -> Message:
        """Return the message for a notification, whatever its data.

        Runs in worker threads without a database connection.
        """

    def understand(self, answer: Answer) -> Answer:
        """Return the answer with the service's own `meaning` and `text`, and with a `retry_after` from its body."""
        return answer

    def understand_host(self, answer: Answer) -> Answer:
        """Mark an answer as `transport_down` if it concerns every request to the hosts, in whatever format."""
        return answer

    def has_authorization(self, options: Mapping[str, Any]) -> bool:
        """Tell whether requests carry an Authorization header. If so, the URL may not contain a name and password."""
        return False

    def can_verify(self) -> bool:
        """Tell whether the service can check a token without a post. If so, the next two methods are overridden."""
        return False

    def build_verification(self, options: Mapping[str, Any], address: str) -> Message | None:
        """Return the request that checks the token; None while no token is given."""
        return None

    def judge_verification(self, answer: Answer) -> tuple[bool, str]:
        """Return whether the token is valid, and words for people, from the answer to `build_verification`."""
        return answer.arrived, answer.text

    def find_url_problem(self, url: str) -> str:
        """Return why this format cannot post to a URL and what to do instead; empty if it can."""
        return ""

    def adopt(self, url: str) -> tuple[str, dict[str, str]]:
        """Split a URL as the service shows it into the URL to store and the options that it contained."""
        return url, {}

    def is_meant_by(self, url: str) -> bool:
        """Tell whether a URL most likely belongs to this service."""
        host = get_host(url)
        return any(host == each or host.endswith(f".{each}") for each in self.hosts)

    def check_options(self, options: Mapping[str, Any]) -> dict[str, str]:
        """Return the problems with a hook's options, by option name."""
        known = {option.name: option for option in self.all_options}
        unknown = gettext("The format %(format)s has no such option.") % {"format": self.name}
        problems = dict.fromkeys(options.keys() - known, unknown)
        for name, option in known.items():
            if problem := option.find_problem(options.get(name, option.default)):
                problems[name] = problem
        return problems

    def select_secret_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that the database stores encrypted."""
        return {
            option.name: options[option.name] for option in self.options if option.secret and option.name in options
        }

    def get_option(self, notification: Notification, name: str) -> str:
        """Return the value of an option, or its default."""
        value = notification.options.get(name)
        declared = next(option for option in self.options if option.name == name)
        return value if isinstance(value, str) and value else declared.default
