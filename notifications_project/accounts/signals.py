"""Signals of the accounts app, which never imports who listens."""

from django.dispatch import Signal

# organization: the new Organization. Sent inside the transaction that creates it.
organization_created = Signal()

# organization, user: sent inside the transaction in which the membership ends.
member_removed = Signal()

# user, name: of an API token. Sent inside the transaction in which its user made it, or revoked it.
token_made = Signal()
token_revoked = Signal()

# Sent inside the transaction that queues an AccountMail.
account_mail_queued = Signal()

# user, before: the address that the user had. Sent inside the transaction that changes it, organizations locked.
email_changed = Signal()
