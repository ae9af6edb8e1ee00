"""Pages that links in mails lead to, without signing in."""
