"""The network of outgoing connections: URLs, look-ups of names, certificates."""
