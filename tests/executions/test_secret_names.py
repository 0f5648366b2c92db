"""One list of secret names: what is stored, what a form hides and what a log line loses agree."""

from __future__ import annotations

import pytest

from executions.forms.compiled_nodes import looks_secret
from providers.redaction import MASK, Secrets, redact_text
from tests.providers.test_redaction import PLAIN, SECRET


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_name_is_one_in_a_payload_a_form_and_a_log(name: str) -> None:
    assert Secrets().redact({name: "Ada77"}) == {name: MASK}
    assert looks_secret((name,))
    assert "Ada77" not in redact_text(f"{name}=Ada77")


@pytest.mark.parametrize("name", PLAIN)
def test_any_other_name_is_none_in_a_payload_a_form_and_a_log(name: str) -> None:
    assert Secrets().redact({name: "Ada77"}) == {name: "Ada77"}
    assert not looks_secret((name,))
    assert redact_text(f"{name}=Ada77") == f"{name}=Ada77"
