"""The file of OpenID providers: what it may say, and where a mistake stands."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import env
from config.sign_in.providers_file import BadFile, read

GOOD: dict[str, Any] = {
    "id": "company", "name": "Company account", "issuer": "https://sso.example.com/realms/ops/",
    "client_id": "annunciator", "client_secret": "env:OIDC_SECRET", "contact": "the platform team",
    "groups": {
        "ops": {"roles": ["operator"], "teams": ["east"]},
        "night": {"roles": ["viewer"], "teams": ["west"]},
    },
}  # fmt: skip
ENVIRON = {"OIDC_SECRET": "s3cret"}


def written(folder: Path, *entries: Any) -> Path:
    path = folder / "sign-in.yaml"
    path.write_text(yaml.safe_dump({"providers": list(entries)}))
    return path


def test_a_good_file_is_read_with_its_secret_from_the_environment(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, GOOD), ENVIRON)
    assert (found.issuer, found.client_secret) == ("https://sso.example.com/realms/ops", "s3cret")
    assert "s3cret" not in repr(found)
    assert found.teams == {"east", "west"}
    together = found.access_of(["ops", "night", "cooks"])
    assert together is not None
    assert (together.roles, together.teams) == ({"operator", "viewer"}, {"east", "west"})
    assert not together.is_superuser
    assert found.access_of(["cooks"]) is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("id", "Company account", r"providers\[1\].id: it must be a short word"),
        ("issuer", None, "issuer: it is missing"),
        ("issuer", "sso.example.com", "issuer: The address must begin with https://"),
        ("client_secret", "env:NOT_THERE", "the environment variable NOT_THERE is not set"),
        ("groups", ["ops"], "groups: it must map each group"),
        ("groups", {"ops": {"roles": ["boss"]}}, "ops.roles: boss is none of viewer, operator"),
        ("groups", {"ops": {"teams": ["east"]}}, "ops: it gives no role"),
        ("groups", {"ops": {"roles": ["viewer"], "teams": ["admin"]}}, "admin is a role"),
        ("groups", {"ops": {"role": ["viewer"]}}, "ops.role: this key is not known"),
        ("match_email", "yes", "match_email: it must be true or false"),
        ("scopes", "openid", "scopes: it must be a list"),
        ("certificate_authority", "ca.pem", "certificate_authority: the file cannot be read"),
        ("colour", "red", "colour: this key is not known"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, key: str, value: Any, said: str) -> None:
    entry = copy.deepcopy(GOOD) | {key: value}
    with pytest.raises(BadFile, match=said):
        read(written(tmp_path, entry), ENVIRON)


def test_two_providers_have_two_ids_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="the same id"):
        read(written(tmp_path, GOOD, GOOD), ENVIRON)
    with pytest.raises(BadFile, match="one or more"):
        read(written(tmp_path), ENVIRON)
    path = tmp_path / "other.yaml"
    for text, said in (("{", "not valid YAML"), ("accounts: []", "`providers:`")):
        path.write_text(text)
        with pytest.raises(BadFile, match=said):
            read(path, ENVIRON)
    with pytest.raises(BadFile, match="cannot be read"):
        read(tmp_path / "nowhere.yaml", ENVIRON)


def test_the_start_ends_with_a_sentence_that_names_variable_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNUNCIATOR_SIGN_IN", str(written(tmp_path, {**GOOD, "id": "A b"})))
    with pytest.raises(env.CannotStart, match=r"ANNUNCIATOR_SIGN_IN.*providers\[1\].id"):
        env.value("ANNUNCIATOR_SIGN_IN", ())
