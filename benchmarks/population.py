"""Rows as an installation has them after a while: the newest 1,000 are the same whatever the size,
what is added with age has ended, mostly well. Skewed over accounts and workflows.

Row n (0 is the newest) began n times 90 seconds ago: 1,000 rows are a day, 100,000 are 104 days.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from executions.models import Preference
from executions.payloads.error_fingerprint import error_key
from executions.storage import rollups

NEWEST = 1000
ACCOUNTS = 12
HIDDEN = (4, 7)  # of a team that vik is not in
DORMANT = 12  # its runs are all older than the 50,000 newest
FAILING = 3  # its runs fail more than others
EVERY_SECONDS = 90
ERRORS = (
    "Connection to the ledger timed out", 'Field "amount" is missing', "HTTP 502 from the archive"
)  # fmt: skip
WORKFLOWS = (
    "Invoice intake", "Purchase order release", "Claims triage", "Supplier onboarding",
    "Nightly ledger export", "Warehouse replenishment", "Contract renewal", "Payroll preview",
    "Returns handling", "Customs declaration", "Meter reading import", "Quality report",
    "Delivery notes", "Tariff update", "Policy change", "Damage assessment", "Master data sync",
    "Credit check", "Route planning", "Monthly statement",
)  # fmt: skip

ACCOUNT_ROWS = """
INSERT INTO providers_provideraccount (
    id, name, provider, settings, sealed_credentials, credential_notes, enabled, group_id, memory,
    revision, health, health_since, last_error, last_success_at, failures, poll_seq, next_poll_at,
    created_at)
SELECT a, 'Site ' || a, (ARRAY['smartflows', 'eightx8', 'generio', 'flow8', 'prefect'])[a %% 5 + 1],
    '{}', '', '{}', true, CASE WHEN a = ANY(%s) THEN %s END, '{}', 1, 'ok', now(), '',
    now() + interval '1 hour', 0, 1, now(), now()
FROM generate_series(1, %s) a
"""
WORKFLOW_ROWS = """
INSERT INTO executions_workflow (
    id, account_id, ref, name, can_start, successes, typical_seconds, long_seconds)
SELECT (a - 1) * 20 + w, a, 'w' || w, (%s::text[])[w] || ' ' || a, false, 50, 70, 7200
FROM generate_series(1, %s) a, generate_series(1, 20) w
"""
# Three numbers from 0 to 999 per row that look like chance and are the same every time.
EXECUTION_ROWS = """
INSERT INTO executions_execution (
    id, account_id, workflow_id, ref, name, status, status_reason, native_status, progress, message,
    error_summary, error_key, started_at, finished_at, observed_at, changed_at, sort_at, offers,
    url, misses, version, poll_seq, provider_version)
SELECT 1000000 - n, account, (account - 1) * 20 + 1 + floor(20 * (c / 1000.0) ^ 2), 'run-' || n,
    CASE WHEN n %% 5 = 0 THEN 'PO-2026-' || n ELSE '' END, status, '', status,
    CASE WHEN status = 'running' THEN b %% 100 END, '',
    CASE WHEN status IN ('failed', 'timed_out') THEN (%(errors)s::text[])[b %% 3 + 1] ELSE '' END,
    CASE WHEN status IN ('failed', 'timed_out') THEN (%(keys)s::text[])[b %% 3 + 1] ELSE '' END,
    at, CASE WHEN b >= 0 AND status NOT IN ('queued', 'running', 'waiting', 'user_input', 'paused')
        THEN at + interval '70 seconds' END,
    now(), at, at, '{cancel}', '', 0, 1, 1, ''
FROM (
    SELECT n, b, c, now() - n * %(every)s::interval AS at, account,
        CASE
            WHEN account = %(failing)s AND b < 400 THEN 'failed'
            WHEN n < %(newest)s THEN (ARRAY['running', 'waiting', 'user_input', 'queued', 'paused',
                'failed', 'timed_out', 'warning', 'canceled'])[least(b / 60, 9) + 1]
            WHEN b < 50 THEN 'failed' WHEN b < 53 THEN 'timed_out' WHEN b < 63 THEN 'warning'
            WHEN b < 74 THEN 'canceled' WHEN b < 75 THEN 'skipped'
        END AS known
    FROM (
        SELECT n, mod(abs(hashint4(n * 7 + 1)::bigint), 1000)::int AS b,
            mod(abs(hashint4(n * 7 + 2)::bigint), 1000)::int AS c,
            CASE WHEN n > 50000 AND n %% 100 = 0 THEN %(dormant)s ELSE 1 + width_bucket(
                mod(abs(hashint4(n * 7 + 3)::bigint), 1000)::int,
                ARRAY[300, 500, 650, 750, 820, 880, 920, 950, 975, 990]) END AS account
        FROM generate_series(0, %(rows)s - 1) n) chance
) made, LATERAL (SELECT coalesce(known, 'succeeded') AS status) s
"""
DERIVED_ROWS = """
UPDATE executions_execution SET is_keyed = true
WHERE name <> '' AND status IN ('succeeded', 'warning', 'failed', 'timed_out');
UPDATE executions_workflow w SET succeeded_at = s.at, keyless_success_at = s.keyless_at FROM (
    SELECT workflow_id, max(coalesce(finished_at, changed_at)) AS at,
        max(coalesce(finished_at, changed_at)) FILTER (WHERE NOT is_keyed) AS keyless_at
    FROM executions_execution
    WHERE status = 'succeeded' GROUP BY 1) s WHERE s.workflow_id = w.id;
UPDATE executions_execution x SET settled_at = w.succeeded_at, settled_how = 'succeeded'
FROM executions_workflow w WHERE w.id = x.workflow_id
    AND x.status IN ('warning', 'failed', 'timed_out')
    AND coalesce(x.finished_at, x.changed_at)
        < CASE WHEN x.is_keyed THEN w.keyless_success_at ELSE w.succeeded_at END;
UPDATE executions_execution SET assignee_id = (SELECT min(id) FROM auth_user), assigned_at = now()
WHERE status IN ('warning', 'failed', 'timed_out') AND settled_at IS NULL AND id % 5 = 0;
INSERT INTO executions_statuscount (account_id, status, count)
SELECT account_id, status, count(*) FROM executions_execution GROUP BY 1, 2;
INSERT INTO executions_runkey (execution_id, account_id, name, value, text, sort_at)
SELECT id, account_id, 'order', lower(name), name, sort_at FROM executions_execution
WHERE name <> '' UNION ALL
SELECT id, account_id, 'site', 'site ' || id % 3, 'Site ' || id % 3, sort_at
FROM executions_execution WHERE id % 2 = 0;
INSERT INTO executions_executiondetail (
    execution_id, input, error, fingerprint, log_cursor, log_is_complete)
SELECT id, jsonb_build_object('order', replace(ref, 'run', 'order'), 'currency',
    (ARRAY['EUR', 'CHF', 'USD', 'GBP', 'SEK'])[id % 5 + 1],
    'lines', jsonb_build_array(id % 7, id % 1000)), '', '', '', false
FROM executions_execution;
INSERT INTO executions_question (
    execution_id, ref, kind, title, description, choices, is_answerable, fingerprint, opened_at)
SELECT id, 'q', 'approval', 'Release?', '', '[]', true, '', sort_at
FROM executions_execution WHERE status = 'user_input';
SELECT setval(pg_get_serial_sequence('providers_provideraccount', 'id'), 1000),
    setval(pg_get_serial_sequence('executions_workflow', 'id'), 10000),
    setval(pg_get_serial_sequence('executions_execution', 'id'), 2000000)
"""


def populate(rows: int) -> None:
    """Empty tables get `rows` runs, the users admin and vik, and up-to-date statistics."""
    others = Group.objects.create(name="another team")
    admin, vik = User.objects.create_superuser("admin"), User.objects.create_user("vik")
    vik.groups.add(Group.objects.get_or_create(name="viewer")[0])
    for person in (admin, vik):  # who are not here for the first time
        Preference.objects.update_or_create(user=person, defaults={"has_seen_guide": True})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ACCOUNT_ROWS, [list(HIDDEN), others.pk, ACCOUNTS])
        cursor.execute(WORKFLOW_ROWS, [list(WORKFLOWS), ACCOUNTS])
        cursor.execute(
            EXECUTION_ROWS,
            {
                "rows": rows,
                "errors": list(ERRORS),
                "keys": [error_key(text) for text in ERRORS],
                "every": f"{EVERY_SECONDS} seconds",
                "failing": FAILING,
                "newest": NEWEST,
                "dormant": DORMANT,
            },
        )
        cursor.execute(DERIVED_ROWS)
        rollups.correct()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
