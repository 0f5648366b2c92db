"""The workflows of a real n8n for tests, as its API takes them.

Each begins with a webhook at its own name unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from uuid import NAMESPACE_URL, uuid5

ROUNDS = 150  # of the loop
REST = 60  # seconds that a node waits within its process: more, and n8n parks the execution
ODD = 'Büro: Exporte / <täglich> & "mehr"'
ODD_STEP = "Schritt <1> & mehr / 日本"
Node = dict[str, Any]


def node(name: str, kind: str, version: float, given: Any = None, **more: Any) -> Node:
    ref = str(uuid5(NAMESPACE_URL, f"{name} {kind} {given}"))
    own = {"id": ref, "name": name, "typeVersion": version, "position": [0, 0]}
    kind = kind if "." in kind else f"n8n-nodes-base.{kind}"
    return {**own, "type": kind, "parameters": given or {}, "webhookId": ref, **more}


def webhook(path: str, **given: Any) -> Node:
    return node("Webhook", "webhook", 2, {"httpMethod": "POST", "path": path, **given})


def keep(name: str, json: str) -> Node:
    return node(name, "set", 3.4, {"mode": "raw", "jsonOutput": json, "options": {}})


def code(name: str, text: str, **more: Any) -> Node:
    return node(name, "code", 2, {"jsCode": text}, **more)


def wait(name: str, amount: int, unit: str = "seconds") -> Node:
    return node(name, "wait", 1.1, {"resume": "timeInterval", "amount": amount, "unit": unit})


def ask(name: str, **given: Any) -> Node:
    return node(name, "wait", 1.1, given)


def call(name: str, workflow: str, **more: Any) -> Node:
    target = {"__rl": True, "mode": "id", "value": workflow}
    given = {"source": "database", "workflowId": target, "options": {}}
    return node(name, "executeWorkflow", 1.2, given, **more)


def chain(
    *nodes: Node, beside: Sequence[Node] = (), more: Sequence[tuple[str, int, str]] = ()
) -> dict[str, Any]:
    """Nodes one after the other, those beside, and more connections: from, its output, to."""
    links: dict[str, dict[str, list[list[dict[str, Any]]]]] = {}
    pairs = [(one["name"], 0, other["name"]) for one, other in pairwise(nodes)]
    for one, output, other in [*pairs, *more]:
        branches = links.setdefault(one, {"main": []})["main"]
        while len(branches) <= output:
            branches.append([])
        branches[output].append({"node": other, "type": "main", "index": 0})
    return {"nodes": [*nodes, *beside], "connections": links}


FORM = {
    "formTitle": "Is the invoice right?",
    "formDescription": "It is about invoice 4711.",
    "formFields": {
        "values": [
            {"fieldLabel": "Note", "fieldType": "text", "requiredField": True},
            {"fieldLabel": "Amount", "fieldType": "number"},
            {
                "fieldLabel": "Verdict",
                "fieldType": "dropdown",
                "fieldOptions": {"values": [{"option": "Pay"}, {"option": "Refuse"}]},
                "requiredField": True,
            },
            {
                "fieldLabel": "Copies",
                "fieldType": "checkbox",
                "fieldOptions": {"values": [{"option": "Ledger"}, {"option": "Customer"}]},
            },
            {"fieldLabel": "Due", "fieldType": "date"},
        ]
    },
}
UNCLEAR = {
    "formTitle": "Which ware?",
    "formFields": {
        "values": [
            {
                "fieldLabel": "Ware",
                "fieldType": "dropdown",
                "fieldOptions": {"values": [{"option": "={{ $json.body.ware }}"}]},
            }
        ]
    },
}
IS_LARGE = {
    "options": {"caseSensitive": True, "leftValue": "", "typeValidation": "loose", "version": 2},
    "combinator": "and",
    "conditions": [
        {
            "id": "large",
            "leftValue": "={{ $json.count }}",
            "rightValue": 100,
            "operator": {"type": "number", "operation": "gt"},
        }
    ],
}
LIMIT = {"limitWaitTime": True, "limitType": "afterTimeInterval", "resumeAmount": 6,
         "resumeUnit": "hours"}  # fmt: skip
THROW = "throw new Error('mailbox is full, token=abc123');"

BY_THEMSELVES: dict[str, dict[str, Any]] = {
    "import-invoices": chain(
        webhook("import-invoices"),
        keep("Read", '={{ { "count": $json.body.count, "from": "shop" } }}'),
        node("Many?", "if", 2.2, {"conditions": IS_LARGE, "options": {}}),
        keep("Report many", '{"told": "many"}'),
        beside=[keep("Report few", '{"told": "few"}')],
        more=[("Many?", 1, "Report few")],
    ),
    "reconcile-ledger": chain(
        webhook("reconcile-ledger"),
        keep("Read rows", '{"rows": 12}'),
        node("Post", "stopAndError", 1,
             {"errorMessage": "the ledger does not take it, token=abc123"}),
        keep("Close books", '{"closed": true}'),
    ),
    "notify-customers": chain(
        webhook("notify-customers"),
        code("Send mail", THROW, onError="continueRegularOutput"),
        keep("Note it", '{"noted": true}'),
    ),
    "branch-on-error": chain(
        webhook("branch-on-error"),
        code("Send mail", THROW, onError="continueErrorOutput"),
        keep("Sent", '{"sent": true}'),
        beside=[keep("Not sent", '{"sent": false}')],
        more=[("Send mail", 1, "Not sent")],
    ),
    "tried-node": chain(
        webhook("tried-node"),
        code("Call partner", THROW, retryOnFail=True, maxTries=3, waitBetweenTries=200),
    ),
    "take-stock": chain(
        webhook("take-stock"),
        code("List wares",
             f"return [...Array({ROUNDS}).keys()].map(ware => ({{ json: {{ ware }} }}));"),
        node("Each", "splitInBatches", 3, {"batchSize": 1, "options": {}}),
        keep("Stock taken", '{"taken": true}'),
        beside=[keep("Count", '={{ { "ware": $json.ware } }}')],
        more=[("Each", 1, "Count"), ("Count", 0, "Each")],
    ),
    "close-month": chain(webhook("close-month"), wait("Count", 1), wait("Sum up", REST))
    | {"settings": {"executionTimeout": 5}},
    "watch-inbox": chain(webhook("watch-inbox"),
                         *(wait(f"Look {number}", REST) for number in range(1, 16))),
    "sleep": chain(webhook("sleep"), wait("Sleep", 6, "hours"), keep("Awake", "{}")),
    "approve-invoice": chain(
        webhook("approve-invoice"), ask("Approve", resume="form", **FORM), keep("Book", "{}")
    ),
    "approve-in-time": chain(
        webhook("approve-in-time"), ask("Approve", resume="form", **LIMIT, **FORM),
        keep("Book", "{}"),
    ),
    "choose-ware": chain(
        webhook("choose-ware"), ask("Choose", resume="form", **UNCLEAR), keep("Take", "{}")
    ),
    "await-delivery": chain(
        webhook("await-delivery"),
        ask("Delivery", resume="webhook", httpMethod="POST", options={}),
        keep("Stow", "={{ $json.body }}"),
    ),
    "await-signal": chain(
        webhook("await-signal"), ask("Signal", resume="webhook", options={}), keep("Go on", "{}")
    ),
    "ask-in-pages": chain(
        node("Form", "formTrigger", 2.2, {
            "options": {"path": "ask-in-pages"}, "formTitle": "Order",
            "formFields": {"values": [{"fieldLabel": "Customer", "fieldType": "text"}]},
        }),
        node("Address", "form", 1, {
            "options": {"formTitle": "Where to?"},
            "formFields": {"values": [{"fieldLabel": "City", "fieldType": "text"}]},
        }),
        keep("Ordered", "{}"),
    ),
    ODD: chain(
        webhook("odd"), keep(ODD_STEP, '{"größe": "10 < 20", "名": "x"}'),
    ),
    "fix-alarm": chain(node("Error Trigger", "errorTrigger", 1), keep("Alarm", "{}")),
    "print-label": chain(
        node("When called", "executeWorkflowTrigger", 1.1, {"inputSource": "passthrough"}),
        keep("Label", '{"label": 1}'),
    ),
    "confirm-label": chain(
        node("When called", "executeWorkflowTrigger", 1.1, {"inputSource": "passthrough"}),
        ask("Confirm", resume="form", **FORM),
    ),
}  # fmt: skip


def with_others(refs: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Those that name others, by the ids that these got."""
    return {
        "onboard": chain(webhook("onboard"), call("Print", refs["print-label"])),
        "onboard-by-hand": chain(
            webhook("onboard-by-hand"), call("Confirm first", refs["confirm-label"])
        ),
        "guarded": chain(
            webhook("guarded"), node("Fail", "stopAndError", 1, {"errorMessage": "no such rate"})
        )
        | {"settings": {"errorWorkflow": refs["fix-alarm"]}},
    }
