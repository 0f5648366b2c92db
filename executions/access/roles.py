"""The three roles, and what each may do: groups with permissions, made after every migrate."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps

ROLES = {
    "viewer": ["view_execution"],
    "operator": ["view_execution", "act"],
    "admin": [
        "view_execution",
        "view_provideraccount",
        "add_provideraccount",
        "change_provideraccount",
        "delete_provideraccount",
        "view_pollrun",
        "view_quarantine",
        "view_auditentry",
        "view_command",
        "view_apitoken",
        "delete_apitoken",
    ],
}


def add_roles(sender: AppConfig, using: str, **more: Any) -> None:
    """Make the role groups that are missing, with their permissions. A group that exists keeps
    what people made of it."""
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    for label in ("providers", "executions"):
        create_permissions(apps.get_app_config(label), using=using, verbosity=0)
    for name, codenames in ROLES.items():
        row, is_new = Group.objects.using(using).get_or_create(name=name)
        if is_new:
            row.permissions.set(
                Permission.objects.using(using).filter(
                    codename__in=codenames, content_type__app_label__in=("providers", "executions")
                )
            )
