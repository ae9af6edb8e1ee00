"""E-mail apart from what it says: addresses, the connection to the relay, harmless names."""
