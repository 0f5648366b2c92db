"""The site as an app: it brings the commands that wire everything."""

from django.apps import AppConfig, apps
from django.core import checks
from django.db.models.signals import post_migrate


class SiteConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import (
            database_roles,
            middleware,  # noqa: F401 - its receivers
        )
        from config.sign_in import second_factor  # noqa: F401 - its receivers

        checks.register(database_roles.check, checks.Tags.database)
        apps.get_app_config("axes").verbose_name = "Sign-in attempts"  # its own: the package's name
        with_tables = apps.get_app_config("executions")  # an app without tables is told of nothing
        post_migrate.connect(database_roles.after_migrate, sender=with_tables)
