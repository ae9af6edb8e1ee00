"""Who could be told: recipients, what they chose, and their quiet times."""
