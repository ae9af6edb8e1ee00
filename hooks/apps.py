from django.apps import AppConfig


class HooksConfig(AppConfig):
    name = "hooks"

    def ready(self) -> None:
        from hooks import checks, receivers  # noqa: F401  (registers the checks, connects the signals)
