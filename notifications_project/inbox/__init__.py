"""The demo's Inbox: a receiver of webhooks and e-mails that shows what arrived. Installed in demo mode only."""
