"""The form of the API: addresses, errors, JSON, lists and shapes."""
