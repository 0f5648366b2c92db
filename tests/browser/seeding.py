"""A desk full of work without any simulator: nothing of it moves while it is looked at."""

from __future__ import annotations

import json
from typing import Any

from tests.product import Product

CODE = "from tests.browser.desk_of_work import put_there; print('SEED' + put_there())"
CLEAR = "from tests.browser.desk_of_work import take_away; take_away()"


def seed(product: Product) -> dict[str, Any]:
    """Numbers of what was put there, by name."""
    said = product.manage("shell", "-v", "0", "-c", CODE).stdout
    return dict(json.loads(said.partition("SEED")[2]))


def clear(product: Product) -> None:
    """The next module's pages shall not show it, and it may be put there again."""
    product.manage("shell", "-v", "0", "-c", CLEAR)
