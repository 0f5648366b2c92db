"""The picker of a service as a form field: the same in the product and in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.template import loader
from django.urls import reverse

from executions.notifications import service_addresses
from executions.notifications.service_addresses import BY_KEY, OTHER, Picked


class ServicePicker(forms.Widget):
    """What was typed into a secret input is never rendered, not even after a mistake."""

    template = "executions/notifications/_service_picker.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Picked:
        key = data.get(f"{name}_service") or ""
        typed = {
            each.name: data.get(f"{name}_{key}_{each.name}") or ""
            for each in (BY_KEY[key].inputs if key in BY_KEY else ())
        }
        called = data.get(f"{name}_called") or ""
        return Picked(key if key in BY_KEY else OTHER, typed, called, data.get(name) or "")

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def id_for_label(self, id_: str) -> str:
        return ""  # a group of fields

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        picked = value if isinstance(value, Picked) else Picked()
        views = [
            {
                "key": each.key,
                "name": each.name,
                "how": each.how,
                "is_picked": each.key == picked.service,
                "inputs": [
                    (given, "" if given.is_secret else (picked.typed or {}).get(given.name, ""))
                    if each.key == picked.service
                    else (given, "")
                    for given in each.inputs
                ],
            }
            for each in service_addresses.SERVICES
        ]
        context = {
            "name": name,
            "services": views,
            "other_how": service_addresses.OTHER_HOW,
            "is_other": picked.service == OTHER and bool(picked.lines.strip()),
            "is_picked": not picked.is_empty,
            "called": picked.called,
            "called_most": service_addresses.CALLED,
            "test_url": reverse("executions:notice-rule-test"),
        }
        return loader.get_template(self.template).render(context)


class AddressField(forms.Field):
    """Cleans to what was `Picked`; `service_addresses.read` makes addresses of it."""

    widget = ServicePicker

    def has_changed(self, initial: Any, data: Any) -> bool:
        return isinstance(data, Picked) and not data.is_empty
