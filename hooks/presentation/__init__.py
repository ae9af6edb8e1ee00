"""Words and rows for pages, API and mails."""
