"""The manual: the pages of notifications_project/docs/, served under /docs/ and searched there."""
