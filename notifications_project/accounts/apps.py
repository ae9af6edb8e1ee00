from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "notifications_project.accounts"
    label = "accounts"

    def ready(self) -> None:
        from notifications_project.accounts import checks, languages  # noqa: F401  (they register a check and a receiver)
