"""Signals of the events app, which never imports who listens."""

from django.dispatch import Signal

# organization_id: sent after the commit of one or more new events.
events_recorded = Signal()
