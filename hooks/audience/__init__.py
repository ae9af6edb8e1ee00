"""The audience of events: recipients, their choices and their quiet times."""
