"""Fields and the account form. One builder for settings, credentials and start arguments.

The admin shows the account form; the accounts file fills the very same one, so that both refuse
the same things in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.forms.fields import InvalidJSONInput
from django.utils import timezone

from providers import exact_json, save_account
from providers.adapter import Adapter
from providers.address_policy import clean_base_url
from providers.contract import Field, shows
from providers.models import ProviderAccount
from providers.registry import adapter_class
from providers.sealing import SealError

MAX_TEXT = 2000  # characters of a setting
MAX_JSON = 100_000  # characters of a JSON argument
SETTING, CREDENTIAL, REMOVE = "setting_", "credential_", "remove_"


# ------------------------------------------------------------------------------------- the builder


def form_field(field: Field, *, current: Any = None) -> forms.Field:
    """The form field for one contract field.

    `current` is the value shown first. For a secret it is the note about the stored one
    ({"set_on", "by", "fingerprint"}): shown as help, and an empty field then keeps the secret.
    """
    common: dict[str, Any] = {
        "label": field.label,
        "help_text": field.help,
        "required": field.required,
    }
    made = _made(field, common, current)
    made.widget.attrs.pop("maxlength", None)  # a browser cuts what is pasted, without a word
    return made


def _made(field: Field, common: dict[str, Any], current: Any) -> forms.Field:
    if field.secret:
        return _secret(common, current)
    common["initial"] = field.default if current is None else current
    if field.kind == "url" and field.key == "base_url":
        return BaseUrlField(**common)
    return _BUILDERS[field.kind](field, common)


def _secret(common: dict[str, Any], note: Mapping[str, str] | None) -> forms.Field:
    if note:
        stored = (
            f"Set {date.fromisoformat(note['set_on']):%b %d %Y} by {note['by'] or 'nobody'}, "
            f"fingerprint {note['fingerprint']}. Leave empty to keep it."
        )
        common |= {"required": False, "help_text": f"{common['help_text']} {stored}".strip()}
    return SecretField(**common)


class SecretField(forms.CharField):
    """Goes in and never comes out: no value is ever rendered."""

    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"})
        super().__init__(max_length=MAX_TEXT, widget=widget, **options)

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        if any(ord(char) < 32 or ord(char) == 127 for char in text):
            raise ValidationError("It holds a line break or a control character.")
        return text


class BaseUrlField(forms.CharField):
    """The address of a provider, as `address_policy.clean_base_url` has it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"class": "vURLField", "inputmode": "url"})
        super().__init__(max_length=MAX_TEXT, widget=widget, **options)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        try:
            return clean_base_url(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class AuthorityField(forms.CharField):
    """Certificates of authorities in PEM, and nothing else: no keys, none that signs nothing, none
    that has expired."""

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"})
        super().__init__(**{**options, "widget": widget, "max_length": MAX_JSON})

    def clean(self, value: Any) -> str:
        text = str(super().clean(value)).strip()
        if not text:
            return ""
        if "PRIVATE KEY" in text:
            raise ValidationError("There is a private key in it: paste the certificate alone.")
        try:
            found = x509.load_pem_x509_certificates(text.encode())
        except (ValueError, UnicodeError):
            raise ValidationError(
                "This is no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----."
            ) from None
        for each in found:
            name = each.subject.rfc4514_string()[:100] or "without a name"
            if not _is_authority(each):
                raise ValidationError(f"The certificate {name} is not that of an authority.")
            if each.not_valid_after_utc < timezone.now():
                until = f"{each.not_valid_after_utc:%b %d %Y}"
                raise ValidationError(f"The certificate {name} expired on {until}.")
        encoded = [each.public_bytes(serialization.Encoding.PEM).decode() for each in found]
        return "".join(encoded)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return found.value.ca


class JsonField(forms.JSONField):
    """JSON as strict as it can be: no NaN, no key twice, not too deep; digits stay as typed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(decoder=exact_json.StoredJSON, **options)

    def prepare_value(self, value: Any) -> str:
        if isinstance(value, InvalidJSONInput):
            return value
        return exact_json.written(value, indent=True)

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str) or value in self.empty_values:
            return super().to_python(value)
        if len(value) > MAX_JSON:
            raise ValidationError(f"This is longer than {MAX_JSON:,} characters.")
        try:
            return exact_json.read_strictly(value)
        except (ValueError, RecursionError):
            raise ValidationError("This is not valid JSON.") from None


def _text(field: Field, common: dict[str, Any]) -> forms.Field:
    widget = forms.TextInput(attrs={"class": "vTextField"})
    return forms.CharField(max_length=MAX_TEXT, widget=widget, **common)


def _url(field: Field, common: dict[str, Any]) -> forms.Field:
    check = URLValidator(schemes=["http", "https"])
    return forms.CharField(max_length=MAX_TEXT, validators=[check], **common)


def _boolean(field: Field, common: dict[str, Any]) -> forms.Field:
    return forms.BooleanField(**{**common, "required": False, "initial": bool(common["initial"])})


def _choice(field: Field, common: dict[str, Any]) -> forms.Field:
    empty = () if field.required else (("", "-"),)
    return forms.ChoiceField(choices=(*empty, *field.choices), **common)


def _json(field: Field, common: dict[str, Any]) -> forms.Field:
    initial = {} if common["initial"] == "" else common["initial"]
    widget = forms.Textarea(attrs={"rows": 8, "spellcheck": "false"})
    return JsonField(widget=widget, **{**common, "initial": initial})


_BUILDERS: Mapping[str, Callable[[Field, dict[str, Any]], forms.Field]] = {
    "text": _text,
    "url": _url,
    "email": lambda field, common: forms.EmailField(**common),
    "integer": lambda field, common: forms.IntegerField(**common),
    "boolean": _boolean,
    "choice": _choice,
    "json": _json,
    "file": lambda field, common: forms.FileField(**{**common, "initial": None}),
}


# -------------------------------------------------------------------------------- the account form


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """What every account has; `account_form` adds the provider's own fields."""

    adapter: type[Adapter]
    provider: str
    is_trial = False
    """A test of the typed values: valid or not, nothing is saved."""

    class Meta:
        model = ProviderAccount
        fields = ("name", "enabled", "group", "poll_every", "certificate_authority")
        field_classes = {"certificate_authority": AuthorityField}
        help_texts = {
            "certificate_authority": "Only for a private certificate authority: paste its "
            "certificate (PEM). It is trusted for this account alone."
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            self._check_credentials()
        return cleaned

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if not shows(name):
            raise ValidationError("Give it a name that can be seen.")
        return name

    def is_valid(self) -> bool:
        return super().is_valid() and not self.is_trial

    @property
    def stored(self) -> ProviderAccount | None:
        return ProviderAccount.objects.filter(pk=self.instance.pk or 0).first()

    def draft(self) -> save_account.AccountDraft:
        values = self.cleaned_data
        typed = {item.key: values.get(CREDENTIAL + item.key, "") for item in _secrets(self.adapter)}
        return save_account.AccountDraft(
            provider=self.provider,
            settings={item.key: values.get(SETTING + item.key) for item in _plain(self.adapter)},
            credentials={key: value for key, value in typed.items() if value},
            removed=frozenset(
                item.key for item in _secrets(self.adapter) if values.get(REMOVE + item.key)
            ),
            authority=values.get("certificate_authority", ""),
        )

    def set_up(self, by: str) -> list[save_account.Change]:
        """Save the account; see `setup.set_up`."""
        return save_account.set_up(self.instance, self.draft(), by=by)

    def _check_credentials(self) -> None:
        draft, stored = self.draft(), self.stored
        moved = save_account.forgets(stored, draft)
        try:
            left = save_account.credentials_after(stored, draft)
        except SealError as error:
            self.add_error(None, f"{error} Type the credentials again to replace it.")
            return
        for item in _secrets(self.adapter):
            if item.key in draft.credentials and item.key in draft.removed:
                self.add_error(CREDENTIAL + item.key, "Type a new one or remove it, not both.")
            elif item.required and item.key not in left:
                self.add_error(CREDENTIAL + item.key, MOVED if moved else "This field is required.")


MOVED = (
    "Type it again: stored credentials are forgotten when the address, the provider or the "
    "certificate authority changes."
)


def account_form(provider: str, account: ProviderAccount | None = None) -> type[AccountForm]:
    """The form class for an account of this provider. Raises KeyError for an unknown key."""
    adapter = adapter_class(provider)
    stored = account if account is not None and account.provider == provider else None
    fields: dict[str, Any] = {"adapter": adapter, "provider": provider}
    for item in _plain(adapter):
        current = stored.settings.get(item.key) if stored else None
        fields[SETTING + item.key] = form_field(item, current=current)
    for item in _secrets(adapter):
        note = stored.credential_notes.get(item.key) if stored else None
        fields[CREDENTIAL + item.key] = form_field(item, current=note)
        if note and not item.required:
            fields[REMOVE + item.key] = forms.BooleanField(
                required=False, label=f"Remove the stored {item.label}"
            )
    return type("AccountForm", (AccountForm,), fields)


class KeyForm(forms.Form):
    """New credentials for an account whose other settings stay; `key_form` adds the fields."""

    account: ProviderAccount

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not any(cleaned.values()):
            raise ValidationError("Type the new key.")
        return cleaned

    def draft(self) -> save_account.AccountDraft:
        typed = {item.key: item for item in _secrets(self.account.adapter_class)}
        values = {key: self.cleaned_data.get(CREDENTIAL + key, "") for key in typed}
        return save_account.AccountDraft(
            provider=self.account.provider,
            settings=self.account.settings,
            credentials={key: value for key, value in values.items() if value},
            authority=self.account.certificate_authority,
        )


def key_form(account: ProviderAccount) -> type[KeyForm]:
    """The form class for replacing this account's credentials. Raises KeyError if its provider is
    gone."""
    fields: dict[str, Any] = {"account": account}
    for item in _secrets(account.adapter_class):
        note = account.credential_notes.get(item.key)
        fields[CREDENTIAL + item.key] = form_field(item, current=note)
    return type("KeyForm", (KeyForm,), fields)


def setting_names(provider: str) -> list[str]:
    return [SETTING + item.key for item in _plain(adapter_class(provider))]


def credential_names(provider: str) -> list[str]:
    """Form fields for credentials; a checkbox to remove one stands behind it where it is set."""
    keys = [item.key for item in _secrets(adapter_class(provider))]
    return [name for key in keys for name in (CREDENTIAL + key, REMOVE + key)]


def _plain(adapter: type[Adapter]) -> list[Field]:
    return [item for item in adapter.settings if not item.secret]


def _secrets(adapter: type[Adapter]) -> list[Field]:
    return [item for item in adapter.settings if item.secret]
