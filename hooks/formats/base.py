"""What a format is: how an event is written for a receiver, what that takes, and what its answers mean."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from hooks.messages import Answer, Message, Notification
from notifications_project.network import certificates
from notifications_project.network.web_address import host_of


@dataclass(frozen=True, slots=True)
class Option:
    """What a format needs beyond a URL. Form, API, validation and masking follow from this.

    Its value is a text. `choices`: the values it may have, each with its label, the first is the default.
    `pattern`: what must match as a whole; `problem` says so to people.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False  # encrypted in the database, shown by its beginning at most
    choices: tuple[tuple[str, str], ...] = ()
    pattern: str = ""
    problem: str = ""
    most: int = 255  # characters
    check: Callable[[str], str] | None = None  # of a text of several lines: why it cannot be this one

    @property
    def default(self) -> str:
        return self.choices[0][0] if self.choices else ""

    def problem_with(self, value: Any) -> str:
        """Why it cannot be this value; empty if it can."""
        if not isinstance(value, str):
            return "Must be a text."
        if not value:
            return f"{self.label} is needed." if self.required else ""
        if self.choices and value not in dict(self.choices):
            return f"Choose one of {', '.join(name for name, _ in self.choices)}."
        if self.check:
            return f"At most {self.most} characters." if len(value) > self.most else self.check(value)
        if len(value) > self.most or not value.isprintable():
            return f"At most {self.most} printable characters."
        if self.pattern and not re.fullmatch(self.pattern, value):
            return self.problem
        return ""


CA_CERTIFICATES = Option(
    "ca_certificates",
    "Certificate authority",
    help="Only for a server whose certificate is from a private authority: the certificate of that authority, in PEM. "
    "The public authorities are trusted as well.",
    most=certificates.LONGEST,
    check=certificates.problem_with,
)


def authorities_of(options: Mapping[str, Any]) -> str:
    """The certificates among an endpoint's options."""
    value = options.get(CA_CERTIFICATES.name)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class HostLimit:
    """What the hosts of a service allow one sender altogether, whichever webhooks its requests are for.

    Deliveries to them have a transport of their own, called as the format: what holds it holds all their lanes.
    """

    rate: float  # deliveries a second, of all workers together
    burst: int
    refusals: frozenset[int]  # the statuses that the service counts against the sender
    most_refusals: int  # of them within `window` seconds: then nothing is sent for as long
    window: int
    ban: str  # what the service would do otherwise


class Format(ABC):
    """One way to write an event. A subclass and one line in the registry are all that a new one takes."""

    name: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    setup: ClassVar[str] = ""  # where to get the URL or the key in that service, in two or three sentences
    transport: ClassVar[str] = "http"
    signed: ClassVar[bool] = True  # gets Standard Webhooks headers
    hosts: ClassVar[tuple[str, ...]] = ()  # a URL there, or below, is most likely meant for this format
    pace: ClassVar[tuple[float, int] | None] = None  # deliveries a second and burst, unless a person chose others
    host_limit: ClassVar[HostLimit | None] = None  # of all webhooks at its `hosts` together
    default_url: ClassVar[str] = ""  # where it goes if no URL is given; empty: a URL is needed
    options: ClassVar[tuple[Option, ...]] = ()
    # Whether people run such a service themselves, perhaps with a certificate from a private authority.
    self_hosted: ClassVar[bool] = False

    @property
    def all_options(self) -> tuple[Option, ...]:
        """Its own options, and those of its connection."""
        return (*self.options, CA_CERTIFICATES) if self.self_hosted else self.options

    @abstractmethod
    def write(self, notification: Notification) -> Message:
        """The message for one notification. Called in worker threads: no database, no failure on any data."""

    def understand(self, answer: Answer) -> Answer:
        """What the service means by an answer: `meaning` and `text` of its own, a `retry_after` from its body."""
        return answer

    def understand_host(self, answer: Answer) -> Answer:
        """Mark an answer as `transport_down` that is about all requests to its hosts, in whatever format they are."""
        return answer

    def authorizes(self, options: Mapping[str, Any]) -> bool:
        """Whether it sends an Authorization header of its own. Then the URL may have no name and password."""
        return False

    def can_verify(self) -> bool:
        """Whether it can ask its service if a token is valid, without posting. Then the next two are its own."""
        return False

    def verification(self, options: Mapping[str, Any], address: str) -> Message | None:
        """The request that asks; None as long as there is nothing to ask about."""
        return None

    def verified(self, answer: Answer) -> tuple[bool, str]:
        """What the answer to it says: whether the token is valid, and words for people."""
        return answer.arrived, answer.text

    def problem_with_url(self, url: str) -> str:
        """Why this format cannot go to a URL, and what to do instead; empty if it can."""
        return ""

    def adopt(self, url: str) -> tuple[str, dict[str, str]]:
        """A URL as people find it at the service: the URL that it stands for, and the options that it holds."""
        return url, {}

    def is_meant_by(self, url: str) -> bool:
        """Whether a URL is most likely of this service."""
        host = host_of(url)
        return any(host == each or host.endswith(f".{each}") for each in self.hosts)

    def check_options(self, options: Mapping[str, Any]) -> dict[str, str]:
        """Problems with a hook's options, by option name."""
        known = {option.name: option for option in self.all_options}
        problems = dict.fromkeys(options.keys() - known, f"The {self.name} format has no such option.")
        for name, option in known.items():
            if problem := option.problem_with(options.get(name, option.default)):
                problems[name] = problem
        return problems

    def secret_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Those of them that are kept encrypted."""
        return {
            option.name: options[option.name] for option in self.options if option.secret and option.name in options
        }

    def option(self, notification: Notification, name: str) -> str:
        """The value of an option, or its default."""
        value = notification.options.get(name)
        declared = next(option for option in self.options if option.name == name)
        return value if isinstance(value, str) and value else declared.default
