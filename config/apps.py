"""The site as an app: it brings the commands that wire everything."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import middleware  # noqa: F401 - its receivers
        from config.sign_in import second_factor  # noqa: F401 - its receivers
