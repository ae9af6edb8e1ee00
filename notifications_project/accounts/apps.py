from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "notifications_project.accounts"
    label = "accounts"
