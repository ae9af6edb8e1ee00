from django.apps import AppConfig


class HooksConfig(AppConfig):
    name = "hooks"

    def ready(self) -> None:
        from django.conf import settings

        from hooks import checks, signal_handlers  # noqa: F401  (registers the checks, connects the signals)
        from hooks.consent import bounces

        if settings.EMAIL_PROVIDER:
            bounces.listen()
