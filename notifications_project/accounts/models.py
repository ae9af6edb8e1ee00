"""Users, organizations, members, API tokens and the audit log."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken

from notifications_project import ids
from notifications_project.accounts.roles import Role
from notifications_project.encryption import EncryptedJSONField
from notifications_project.mail.addresses import normalize, normalize_if_valid
from notifications_project.spelling import normalize_password


class AddressChangedDirectly(Exception):
    """Raised if code changes an address without `email_addresses.change_email`: the old one would still sign in."""

    def __init__(self) -> None:
        super().__init__("Use change_email (manage.py change_email OLD NEW): it changes the address everywhere.")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user; without a password the user must reset it before signing in. Raises BadMailAddress."""
        user = self.model(email=normalize(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=normalize_if_valid(username or ""))


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # knox has no types
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField()
    name = models.CharField(max_length=100, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    # A code of settings.LANGUAGES; empty: the browser's on pages, MESSAGE_LANGUAGE in messages.
    language = models.CharField(max_length=10, blank=True, default="", db_default="")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    # Incremented to end every session of the user: sessions hold a hash of it.
    session_generation = models.PositiveIntegerField(default=0, db_default=0)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.name or self.email

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(raw_password and normalize_password(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Compare a password in the form NFKC; one that was stored as it was typed is stored anew in this form."""
        if raw_password is None:
            return False
        spelled = normalize_password(raw_password)
        if super().check_password(spelled):
            return True
        if spelled == raw_password or not super().check_password(raw_password):
            return False
        self.set_password(raw_password)
        self.save(update_fields=["password"])
        return True

    _email_in_database: str | None = None

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **options: Any) -> User:
        user = super().from_db(db, field_names, values, **options)
        user._email_in_database = user.__dict__.get("email")  # None if the query did not load it
        return user

    def save(self, **options: Any) -> None:
        """Save the user. Raises AddressChangedDirectly for a new address, which several tables must get at once."""
        fields = options.get("update_fields")
        known = self._email_in_database
        if known is not None and known != self.email and (fields is None or "email" in fields):
            raise AddressChangedDirectly
        super().save(**options)
        self._email_in_database = self.email

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Return the hash that sessions of the user must match: of the password and the session generation."""
        of_password: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        if not self.session_generation:  # sessions that are older than the count stay valid
            return of_password
        return salted_hmac("accounts.sessions", f"{of_password} {self.session_generation}", secret=secret).hexdigest()

    @property
    def public_id(self) -> str:
        return ids.encode("user", self.id)


class Organization(models.Model):  # type: ignore[django-manager-missing]
    """An owner of hooks, events and resources. A personal space has its user's id, one member and no invitations."""

    class Kind(models.TextChoices):
        TEAM = "team", _("Organization")
        PERSONAL = "personal", _("Personal space")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TEAM)
    name = models.CharField(max_length=100)
    members: models.ManyToManyField[User, Membership] = models.ManyToManyField(
        User, through="Membership", related_name="organizations"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def is_personal(self) -> bool:
        return self.kind == self.Kind.PERSONAL

    @property
    def public_id(self) -> str:
        return ids.encode("user" if self.is_personal else "orga", self.id)


class Membership(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="membership_unique")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization} as {self.role}"


_OPEN = Q(accepted_at=None, declined_at=None, revoked_at=None)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Return the invitations that nobody has accepted, declined or revoked; they may have expired."""
        return self.filter(_OPEN)

    def of_address(self, address: str) -> InvitationQuerySet:
        """Return the invitations of an address in any case. `Lower` uses the index, which `iexact` would not."""
        return self.alias(lower=Lower("email")).filter(lower=address.lower())

    def valid(self) -> InvitationQuerySet:
        """Return the invitations that can be accepted now."""
        return self.open().filter(expires_at__gt=timezone.now())


class Invitation(models.Model):
    """An e-mail address that was asked to join an organization; its owner becomes a member by accepting.

    Only the hash of the token in the mailed link is kept. `mail_due_at` is set while the mail is postponed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    token_hash = models.CharField(max_length=64, null=True, unique=True)
    resent = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    mail_due_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    declined_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("organization", Lower("email"), condition=_OPEN, name="invitation_open_once"),
            models.CheckConstraint(
                condition=_OPEN
                | Q(accepted_at__isnull=False, declined_at=None, revoked_at=None)
                | Q(accepted_at=None, declined_at__isnull=False, revoked_at=None)
                | Q(accepted_at=None, declined_at=None, revoked_at__isnull=False),
                name="invitation_ends_once",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-created_at"], name="invitation_newest_first"),
            models.Index(Lower("email"), name="invitation_by_address"),
            models.Index(fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="invitation_mail_due"),
            models.Index(fields=["expires_at"], name="invitation_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization} as {self.role}"

    @property
    def public_id(self) -> str:
        return ids.encode("inv", self.id)

    @property
    def state(self) -> str:
        """Return the state in one word, which the API uses too."""
        ends = {"accepted": self.accepted_at, "declined": self.declined_at, "revoked": self.revoked_at}
        for state, at in ends.items():
            if at:
                return state
        return "pending" if self.expires_at > timezone.now() else "expired"


class EmailChange(models.Model):
    """A requested change of a user's address; a link that is mailed to the new address confirms it."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="email_change")
    email = models.EmailField()
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} to {self.email}"


class QuotaUse(models.Model):
    """The used part of a quota since a moment, such as the invitations of one organization (`quotas`)."""

    key = models.CharField(max_length=64, primary_key=True)
    used = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.used} until {self.ends_at:%Y-%m-%d %H:%M}"


class Counter(models.Model):
    """A value of the cache in which the sign-in pages count tries (`counters`)."""

    key = models.CharField(max_length=64, primary_key=True)
    value = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key} until {self.expires_at:%Y-%m-%d %H:%M}"


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """A bearer token of one user. Only its hash is kept; `token_key`, its beginning, names it on pages.

    A token with an organization opens that one only; without one it opens every organization of its user.
    """

    name = models.CharField(max_length=100)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "token_key"], name="api_token_key_unique")]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key}…)"

    @property
    def is_expired(self) -> bool:
        return self.expiry is not None and self.expiry <= timezone.now()


class AuditEntry(models.Model):
    """An entry of the audit log: actor, action, target and time. Entries are only added (`audit.record`)."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="audit_entries")
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    actor_name = models.CharField(max_length=254)
    action = models.CharField(max_length=50)
    target = models.CharField(max_length=200)
    detail = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["organization", "-id"], name="audit_newest_first")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name}: {self.action} {self.target}"


class AccountMail(models.Model):
    """A mail about an account that the workers have yet to send (`outgoing.queue_mail`).

    The content is encrypted, as it holds the keys of password resets and invitations. The row is deleted when the mail
    is sent or its link has expired.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    content = EncryptedJSONField()
    due_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.id}, due at {self.due_at:%Y-%m-%d %H:%M}"
