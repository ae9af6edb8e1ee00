"""Where outgoing connections lead: URLs, names looked up, certificates."""
