"""How many examples the tests of hostile input try, told in one place.

`@hostile.examples(600)` above `@given` says how many of the EXAMPLES of a run a test tries;
`tests/test_hostile.py` adds them up. They are the same ones in each run, so that a change fails by
what it does and not by chance; ANNUNCIATOR_HOSTILE_EXAMPLES tries so many new ones. One that fails
is printed with a line that repeats it, and stays in the test as an `@example`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = 20_000  # of all tests together, in one run
ASKED_FOR = os.environ.get("ANNUNCIATOR_HOSTILE_EXAMPLES")
TRIED = int(ASKED_FOR or EXAMPLES)

ODD = "\0\ud800\udfff\x1b\r\n\t\x7f\x85\u061c\u200b\u202e\u2028\ufeff\"'\\"
CHARACTERS = st.sampled_from(ODD) | st.characters(exclude_categories=())
TEXTS = st.lists(CHARACTERS, max_size=12).map("".join)
"""Often with lone surrogates, NUL and what turns text around or cannot be seen: `st.text` alone
takes each character as often as another."""
STORED_TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
"""What Postgres can hold, and so what pages and files are made of."""


def examples(share: int) -> settings:
    """So many of the EXAMPLES; more or fewer where ANNUNCIATOR_HOSTILE_EXAMPLES says so."""
    return settings(
        max_examples=max(1, share * TRIED // EXAMPLES),
        derandomize=not ASKED_FOR,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
