from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        from events import checks, receivers  # noqa: F401  (register the system check, and what is told by signals)
