"""The app. After every migrate it has the three roles made."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ExecutionsConfig(AppConfig):
    name = "executions"
    verbose_name = "Operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from executions.access.roles import add_roles

        post_migrate.connect(add_roles, sender=self)
