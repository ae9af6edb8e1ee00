from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        from events import checks, receivers  # noqa: F401  (importing registers the system check and the signal handlers)
