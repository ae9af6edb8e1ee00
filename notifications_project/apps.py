from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "notifications_project"
    label = "console"
