from django.apps import AppConfig


class HooksConfig(AppConfig):
    name = "hooks"

    def ready(self) -> None:
        from django.conf import settings

        from hooks import bounces, checks, receivers  # noqa: F401  (registers the checks, connects the signals)

        if settings.EMAIL_PROVIDER:
            bounces.listen()
