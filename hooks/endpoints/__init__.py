"""Where deliveries go: addresses, their options, secrets and health."""
