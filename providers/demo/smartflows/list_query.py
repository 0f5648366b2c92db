"""The list endpoints of simulated Smart Flows: the condition tree, sorting and paging.

After the pages "Extras" and "Filtering" of the vendor's guide and its generated client (read
November 2026). `equals` is in the guide's sample only, the other operators in the typed model only.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException

Row = dict[str, Any]

SORTABLE = ("createdAt", "modifiedAt", "status", "id")
KEYS = ("id", "status", "createdAt", "modifiedAt", "flow", "createdBy", "modifiedBy")
OPERATORS: dict[str, Callable[[str, list[str]], bool]] = {
    "equals": lambda value, wanted: value == wanted[0],
    "equalTo": lambda value, wanted: value == wanted[0],
    "notEqualTo": lambda value, wanted: value != wanted[0],
    "like": lambda value, wanted: wanted[0].strip("%").lower() in value.lower(),
    "notLike": lambda value, wanted: wanted[0].strip("%").lower() not in value.lower(),
    "greaterThan": lambda value, wanted: operator.gt(value, wanted[0]),
    "lessThan": lambda value, wanted: operator.lt(value, wanted[0]),
    "greaterThanOrEqualTo": lambda value, wanted: operator.ge(value, wanted[0]),
    "lessThanOrEqualTo": lambda value, wanted: operator.le(value, wanted[0]),
    "between": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "notBetween": lambda value, wanted: not wanted[0] <= value <= wanted[1],
    "in": lambda value, wanted: value in wanted,
    "isTrue": lambda value, wanted: value == "True",
    "isFalse": lambda value, wanted: value == "False",
    "isBlank": lambda value, wanted: not value.strip(),
    "notIsBlank": lambda value, wanted: bool(value.strip()),
    "isNull": lambda value, wanted: not value,
    "isNotNull": lambda value, wanted: bool(value),
}


class BadQuery(HTTPException):
    """Answered with 400 and this text."""

    def __init__(self, text: str) -> None:
        super().__init__(400, text)


def matches(row: Row, tree: Any) -> bool:
    """Whether a row satisfies the tree of groups and conditions; an empty tree takes all."""
    if not isinstance(tree, dict):
        raise BadQuery("The filter has to be an object.")
    if not tree:
        return True
    if "group" in tree:
        return matches_group(row, tree["group"])
    if "condition" in tree:
        return matches_condition(row, tree["condition"])
    raise BadQuery("A node has to be a group or a condition.")


def matches_group(row: Row, group: Any) -> bool:
    nodes = group.get("nodes") if isinstance(group, dict) else None
    if not isinstance(nodes, list) or group.get("type") not in ("and", "or"):
        raise BadQuery("A group has a type, and|or, and nodes.")
    results = [matches(row, node) for node in nodes]
    return all(results) if group["type"] == "and" else any(results)


def matches_condition(row: Row, condition: Any) -> bool:
    if not isinstance(condition, dict):
        raise BadQuery("A condition has to be an object.")
    key, name = str(condition.get("key")), str(condition.get("operator"))
    if key.split(".")[0] not in KEYS:
        raise BadQuery(f"No property '{key}' found for type 'FlowExecution'.")
    if name not in OPERATORS:
        raise BadQuery(f"Unknown operator '{name}'.")
    wanted = [str(value) for value in condition.get("values") or []]
    try:
        return OPERATORS[name](read(row, key), wanted)
    except IndexError as exc:
        raise BadQuery(f"Operator '{name}' needs more values.") from exc


def read(row: Row, key: str) -> str:
    """`flow.displayName` reads the name, `flow` alone the id."""
    value: Any = row
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = value.get("id")
    return "" if value is None else str(value)


def matches_text(row: Row, text: str) -> bool:
    """The `filter` of the plain list: `property:value` pairs, all contained."""
    pairs = [pair.split(":", 1) for pair in text.split(",") if pair]
    if any(len(pair) != 2 for pair in pairs):
        raise BadQuery("filter is written property:value,property:value")
    return all(value.lower() in read(row, key).lower() for key, value in pairs)


def order(rows: list[Row], sort: str) -> list[Row]:
    """Without `sort` the order is nobody's business: by id, which says nothing about time."""
    if not sort:
        return sorted(rows, key=lambda row: read(row, "id"))
    key, _, direction = sort.partition(",")
    if key not in SORTABLE or direction not in ("", "asc", "desc"):
        raise BadQuery(f"Cannot sort by '{sort}'.")
    return sorted(rows, key=lambda row: read(row, key), reverse=direction == "desc")


def page(rows: list[Row], query: Mapping[str, str], options: Mapping[str, Any]) -> Any:
    """Cut one page. Options: `wrap` page|array, `max_size` caps silently, `sort` refuse."""
    if query.get("sort") and options.get("sort") == "refuse":
        raise BadQuery(f"No property '{query['sort']}' found for type 'FlowExecution'.")
    try:
        number, size = int(query.get("page", 0)), int(query.get("size", 20))
    except ValueError as exc:
        raise BadQuery("page and size are whole numbers.") from exc
    if number < 0 or size < 1:
        raise BadQuery("Page index must not be less than zero, page size not less than one.")
    size = min(size, int(options.get("max_size", size)))
    ordered = order(rows, query.get("sort", ""))
    content = ordered[number * size : (number + 1) * size]
    if options.get("wrap", "array") == "array":
        return content
    return {
        "content": content,
        "number": number,
        "size": size,
        "numberOfElements": len(content),
        "totalElements": len(rows),
        "totalPages": -(-len(rows) // size),
        "first": number == 0,
        "last": (number + 1) * size >= len(rows),
    }
