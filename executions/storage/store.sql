-- name: store
-- Parameters: account, seq, now, rows (a JSON array), common (runs that make a key say nothing).
-- In order: read the batch, find workflows, compare with what is stored (`news`), write executions,
-- then everything that hangs on a written execution. A list row about a run that was read in detail
-- says only its native status and progress: it must not blank what only the detail knows.
-- A row whose execution_id is null is news that somebody else's write of the same run came before.
-- A success settles the older failures of its workflow, those of this batch (`news`) and those that
-- are stored (`settled`), but where both have a business key: of these `settle_by_keys` settles what
-- shares one. Whether an error is in hand or ignored, its new runs are as well (`stance`).
WITH incoming AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
        ref text, wref text, wname text, wstart boolean, name text, status text, reason text,
        native text, progress smallint, message text, error text, since timestamptz,
        created timestamptz, started timestamptz, finished timestamptz, sort_at timestamptz,
        offers text[], url text, pver text, labels jsonb, parent text, retry_of text,
        read timestamptz, fp text, full_error text, raw jsonb, input jsonb, output jsonb,
        attempt smallint, altered boolean, steps jsonb, questions jsonb, outputs jsonb,
        ekey text, keys jsonb, keys_may_come boolean, is_past boolean,
        place text)
), compared AS MATERIALIZED (
    SELECT i.*, o.id, o.version AS old_version, o.status AS old_status,
        i.fp IS NULL AND d.fingerprint IS NOT NULL AS is_sighting,
        d.fingerprint IS NOT NULL AND i.input IS NOT DISTINCT FROM d.input AS has_old_input,
        o.name AS old_name, o.message AS old_message, o.error_summary AS old_error,
        o.started_at AS old_started, o.finished_at AS old_finished, o.progress AS old_progress,
        o.url AS old_url, o.native_status AS old_native, o.error_key AS old_ekey,
        o.sort_at AS old_sort_at, o.workflow_id AS old_workflow
    FROM incoming i
    LEFT JOIN executions_execution o ON o.account_id = %(account)s AND o.ref = i.ref
    LEFT JOIN executions_executiondetail d ON d.execution_id = o.id
    WHERE o.id IS NULL OR (
        o.poll_seq <= %(seq)s AND o.observed_at <= i.read
        AND NOT (i.pver <> '' AND o.provider_version <> '' AND i.pver < o.provider_version)
        AND (
            i.native <> o.native_status OR o.missing_since IS NOT NULL
            OR coalesce(i.progress, o.progress) IS DISTINCT FROM o.progress
            OR (i.fp IS NOT NULL AND i.fp IS DISTINCT FROM d.fingerprint)
            OR ((i.fp IS NOT NULL OR d.fingerprint IS NULL) AND (
                i.status <> o.status OR i.reason <> o.status_reason OR i.offers <> o.offers::text[]
                OR coalesce(nullif(i.name, ''), o.name) <> o.name
                OR coalesce(nullif(i.message, ''), o.message) <> o.message
                OR coalesce(nullif(i.error, ''), o.error_summary) <> o.error_summary
                OR coalesce(i.started, o.started_at) IS DISTINCT FROM o.started_at
                OR coalesce(i.finished, o.finished_at) IS DISTINCT FROM o.finished_at
                OR coalesce(nullif(i.url, ''), o.url) <> o.url
                OR (i.created IS NOT NULL AND o.created_at IS NULL)
                OR (i.since IS NOT NULL AND NOT o.is_change_reported
                    AND i.status IN {open_and_known})))
        ))
), weighed AS MATERIALIZED (
    SELECT x.*, (x.status = 'succeeded' OR x.status IN {resolvable}) AND x.is_past IS NULL AND (
        coalesce(x.keys_may_come, false) AND NOT x.is_sighting OR {has_key}) AS is_keyed
    FROM compared x
), success AS MATERIALIZED (
    SELECT wref, max(coalesce(finished, since, read)) AS at,
        max(coalesce(finished, since, read)) FILTER (WHERE NOT is_keyed) AS keyless_at
    FROM weighed WHERE status = 'succeeded' GROUP BY wref
), new_workflow AS (
    INSERT INTO executions_workflow AS w (
        account_id, ref, name, can_start, succeeded_at, keyless_success_at)
    SELECT DISTINCT ON (wref COLLATE "C") %(account)s, wref, wname, wstart, s.at, s.keyless_at
    FROM incoming i LEFT JOIN success s USING (wref)
    WHERE NOT EXISTS (
        SELECT 1 FROM executions_workflow w
        WHERE w.account_id = %(account)s AND w.ref = i.wref AND w.name = i.wname
            AND (w.can_start OR NOT i.wstart))
    ORDER BY wref COLLATE "C"  -- as everybody who writes several workflows
    ON CONFLICT (account_id, ref) DO UPDATE
        SET name = excluded.name, can_start = w.can_start OR excluded.can_start,
            succeeded_at = greatest(w.succeeded_at, excluded.succeeded_at),
            keyless_success_at = greatest(w.keyless_success_at, excluded.keyless_success_at)
    RETURNING w.id, w.ref, w.succeeded_at, w.keyless_success_at, w.name, w.shown_values,
        w.learned_values, w.hidden_values
), workflow AS (
    SELECT * FROM new_workflow
    UNION ALL
    SELECT w.id, w.ref, greatest(w.succeeded_at, s.at),
        greatest(w.keyless_success_at, s.keyless_at), w.name, w.shown_values, w.learned_values,
        w.hidden_values
    FROM executions_workflow w LEFT JOIN success s ON s.wref = w.ref
    WHERE w.account_id = %(account)s AND w.ref IN (SELECT wref FROM incoming)
        AND NOT EXISTS (SELECT 1 FROM new_workflow n WHERE n.ref = w.ref)
), stance AS MATERIALIZED (
    SELECT k.* FROM executions_erroracknowledgement k
    JOIN providers_provideraccount a ON a.group_id IS NOT DISTINCT FROM k.team_id
    WHERE a.id = %(account)s AND k.ended_at IS NULL AND k.until > %(now)s
        AND k.error_key IN (SELECT ekey FROM compared WHERE ekey <> '')
), turned AS (
    -- when a run left the status that is stored: the end of the steps that waited, or the start
    SELECT c.id, CASE WHEN c.old_status = 'queued' THEN min(i.started)
        ELSE max(i.finished) FILTER (WHERE s.status = c.old_status) END AS at
    FROM compared c
    CROSS JOIN LATERAL jsonb_to_recordset(c.steps) AS i(
        ref text, status text, started timestamptz, finished timestamptz)
    LEFT JOIN executions_step s ON s.execution_id = c.id AND s.ref = i.ref
    WHERE c.fp IS NOT NULL AND c.old_status IN ('queued', 'waiting', 'user_input')
    GROUP BY c.id, c.old_status
    HAVING c.old_status = 'queued'
        OR NOT coalesce(bool_or(s.status = c.old_status AND i.status = s.status), false)
), news AS MATERIALIZED (
    SELECT x.*, t.at AS left_at,
        CASE WHEN x.since IS NOT NULL THEN least(x.since, x.read)
            WHEN x.status = 'running' AND x.old_status <> 'running' THEN t.at END AS told_since,
        -- it ran between what was seen last and what is seen now
        t.at IS NOT NULL AND x.status <> 'running'
            AND (x.since IS NOT NULL OR x.status <> x.old_status)
            AND coalesce(x.since, x.read) - t.at >= interval '1 second' AS has_run,
        w.id AS wid, w.name AS workflow_name, w.shown_values, w.learned_values, w.hidden_values,
        k.kind AS stance, k.by_id AS stance_by, k.assignee_id AS stance_assignee,
        k.note AS stance_note, k.at AS stance_at, k.until AS stance_until,
        CASE WHEN x.status IN {resolvable}
            AND coalesce(x.finished, x.old_finished, x.since, x.read) < m.made_good_at
            THEN m.made_good_at END AS followed_at,
        x.status IN {resolvable} AND x.old_status IN {resolvable} AS is_as_before
    FROM weighed x LEFT JOIN workflow w ON w.ref = x.wref LEFT JOIN turned t ON t.id = x.id
    CROSS JOIN LATERAL (SELECT {made_good_at} AS made_good_at) m
    LEFT JOIN stance k ON x.status IN {resolvable} AND k.error_key = x.ekey
), verdict AS MATERIALIZED (
    SELECT n.*,
        CASE WHEN followed_at IS NOT NULL THEN followed_at
            WHEN stance = 'ignored' THEN %(now)s END AS new_settled,
        CASE WHEN followed_at IS NOT NULL THEN 'succeeded'
            WHEN stance = 'ignored' THEN 'ignored' ELSE '' END AS new_how,
        followed_at IS NULL AND stance IS NOT DISTINCT FROM 'ignored' AS is_ignored,
        CASE WHEN n.id IS NULL OR n.fp IS NOT NULL THEN {telling} END AS telling
    FROM news n
    CROSS JOIN LATERAL (
        SELECT CASE WHEN n.keys IS NOT NULL
            THEN ARRAY(SELECT k ->> 'text' FROM jsonb_array_elements(n.keys) k)
            ELSE ARRAY(SELECT r.text FROM executions_runkey r WHERE r.execution_id = n.id
                ORDER BY r.id) END AS texts) k
), inserted AS (
    INSERT INTO executions_execution (
        account_id, workflow_id, ref, name, status, status_reason, native_status, progress,
        message, error_summary, error_key, created_at, started_at, finished_at, observed_at, changed_at,
        is_change_reported, sort_at, offers, url, misses, version, poll_seq, provider_version,
        settled_at, settled_how, settled_by_id, settled_reason, ignored_until, assignee_id,
        assigned_at, telling_values, whereabouts, is_keyed)
    SELECT %(account)s, n.wid, n.ref, n.name, n.status, n.reason, n.native, n.progress, n.message,
        n.error, n.ekey, n.created, n.started, n.finished, n.read, coalesce(n.told_since, %(now)s),
        n.told_since IS NOT NULL, n.sort_at, n.offers, n.url, 0, 1,
        %(seq)s, n.pver, new_settled, new_how,
        CASE WHEN is_ignored THEN stance_by END,
        CASE WHEN is_ignored THEN stance_note ELSE '' END,
        CASE WHEN is_ignored THEN stance_until END, stance_assignee,
        CASE WHEN stance_assignee IS NOT NULL THEN stance_at END, telling, coalesce(place, ''),
        n.is_keyed
    FROM verdict n WHERE n.id IS NULL AND n.wid IS NOT NULL ORDER BY n.ref
    ON CONFLICT (account_id, ref) DO NOTHING
    RETURNING id, ref, version, workflow_id, started_at, finished_at, changed_at
), updated AS (
    UPDATE executions_execution e SET
        workflow_id = n.wid, status = n.status, status_reason = n.reason,
        native_status = n.native,
        name = coalesce(nullif(n.name, ''), n.old_name),
        progress = CASE WHEN n.native = n.old_native
            THEN coalesce(n.progress, n.old_progress) ELSE n.progress END,
        message = CASE WHEN n.is_sighting AND n.message = '' AND n.native = n.old_native
            THEN n.old_message ELSE n.message END,
        error_summary = CASE WHEN n.error = '' AND n.status = n.old_status
            THEN n.old_error ELSE n.error END,
        error_key = CASE WHEN n.error = '' AND n.status = n.old_status
            THEN n.old_ekey ELSE n.ekey END,
        created_at = coalesce(e.created_at, n.created),
        started_at = coalesce(n.started, n.old_started),
        finished_at = CASE WHEN n.status IN {open_and_known}
            THEN n.finished ELSE coalesce(n.finished, n.old_finished) END,
        observed_at = n.read,
        changed_at = CASE WHEN n.told_since IS NOT NULL THEN n.told_since
            WHEN n.status <> n.old_status THEN %(now)s ELSE e.changed_at END,
        is_change_reported = n.told_since IS NOT NULL
            OR n.status = n.old_status AND e.is_change_reported,
        offers = n.offers, url = coalesce(nullif(n.url, ''), n.old_url),
        missing_since = NULL, misses = 0, version = e.version + 1 + n.has_run::int,
        poll_seq = %(seq)s,
        provider_version = CASE WHEN n.pver = '' THEN e.provider_version ELSE n.pver END,
        -- what was decided of a failure holds as long as it is one
        settled_at = CASE WHEN {is_kept} THEN e.settled_at ELSE n.new_settled END,
        settled_how = CASE WHEN {is_kept} THEN e.settled_how ELSE n.new_how END,
        settled_by_id = CASE WHEN {is_kept} THEN e.settled_by_id
            WHEN n.is_ignored THEN n.stance_by END,
        settled_reason = CASE WHEN {is_kept} THEN e.settled_reason
            WHEN n.is_ignored THEN n.stance_note ELSE '' END,
        ignored_until = CASE WHEN {is_kept} THEN e.ignored_until
            WHEN n.is_ignored THEN n.stance_until END,
        assignee_id = CASE WHEN n.is_as_before AND e.assignee_id IS NOT NULL THEN e.assignee_id
            ELSE n.stance_assignee END,
        assigned_at = CASE WHEN n.is_as_before AND e.assignee_id IS NOT NULL THEN e.assigned_at
            WHEN n.stance_assignee IS NOT NULL THEN n.stance_at END,
        telling_values = coalesce(n.telling, e.telling_values), is_keyed = n.is_keyed,
        whereabouts = CASE WHEN n.fp IS NOT NULL THEN coalesce(n.place, '')
            WHEN n.status = n.old_status THEN e.whereabouts ELSE '' END
    FROM verdict n
    WHERE n.wid IS NOT NULL AND e.id = n.id AND e.version = n.old_version AND e.poll_seq <= %(seq)s
        AND e.observed_at <= n.read
    RETURNING e.id, e.ref, e.version, e.workflow_id, e.started_at, e.finished_at, e.changed_at
), written AS MATERIALIZED (
    SELECT x.id AS execution_id, x.version, x.workflow_id, x.new_started, x.new_finished,
        coalesce(x.new_finished, x.new_changed) AS ended_at, n.*
    FROM (SELECT * FROM inserted UNION ALL SELECT * FROM updated)
        AS x(id, ref, version, workflow_id, new_started, new_finished, new_changed)
    JOIN news n USING (ref)
), succeeded AS MATERIALIZED (
    SELECT workflow_id, max(ended_at) AS at,
        max(ended_at) FILTER (WHERE NOT is_keyed) AS keyless_at
    FROM written WHERE status = 'succeeded' GROUP BY 1
), succeeded_since AS (
    UPDATE executions_workflow w SET succeeded_at = greatest(w.succeeded_at, f.at),
        keyless_success_at = greatest(w.keyless_success_at, f.keyless_at)
    FROM (
        SELECT x.id, s.at, s.keyless_at
        FROM succeeded s JOIN executions_workflow x ON x.id = s.workflow_id
        WHERE (x.succeeded_at IS NULL OR x.succeeded_at < s.at OR s.keyless_at IS NOT NULL
                AND (x.keyless_success_at IS NULL OR x.keyless_success_at < s.keyless_at))
            AND NOT EXISTS (SELECT 1 FROM new_workflow n WHERE n.id = x.id)
        ORDER BY x.ref COLLATE "C" FOR NO KEY UPDATE OF x) f
    WHERE w.id = f.id
), made_good AS MATERIALIZED (
    SELECT u.id, CASE WHEN k.is_keyed THEN s.keyless_at ELSE s.at END AS at
    FROM succeeded s CROSS JOIN (VALUES (false), (true)) AS k(is_keyed)
    CROSS JOIN LATERAL (
        SELECT x.id FROM executions_execution x
        WHERE x.workflow_id = s.workflow_id AND x.is_keyed = k.is_keyed
            AND coalesce(x.finished_at, x.changed_at)
                < CASE WHEN k.is_keyed THEN s.keyless_at ELSE s.at END
            AND x.status IN {resolvable} AND x.settled_at IS NULL) u
), settled AS (
    -- one that somebody else is writing now is settled by the next sweep
    UPDATE executions_execution e
    SET settled_at = f.at, settled_how = 'succeeded', version = e.version + 1
    FROM (
        SELECT x.id, g.at FROM made_good g JOIN executions_execution x ON x.id = g.id
        WHERE x.status IN {resolvable} AND x.settled_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM news n WHERE n.id = x.id)
        ORDER BY x.id FOR UPDATE OF x SKIP LOCKED) f
    WHERE e.id = f.id AND e.settled_at IS NULL
    RETURNING e.id, e.ref, e.version, e.status
), moved AS (
    INSERT INTO executions_transition (
        execution_id, version, from_status, to_status, status_reason, native_status,
        provider_time, observed_at, flags)
    SELECT execution_id, version,
        CASE WHEN has_run THEN 'running' ELSE coalesce(old_status, '') END, status, reason, native,
        CASE WHEN told_since IS NOT NULL OR status IN {final} THEN told_since
            WHEN old_status IS NULL OR (old_status = 'queued' AND status = 'running') THEN started
        END,
        %(now)s,
        CASE
            WHEN status = old_status THEN ARRAY['reported']
            WHEN old_status IS NULL THEN ARRAY['first']
            WHEN old_status IN {final} AND native = old_native THEN ARRAY['refined']
            WHEN old_status IN {final} THEN ARRAY['reopened']
            ELSE ARRAY[]::text[]
        END
    FROM written WHERE status IS DISTINCT FROM old_status OR has_run
    UNION ALL
    SELECT execution_id, version - 1, old_status, 'running', '', '', left_at, %(now)s,
        ARRAY['reported']
    FROM written WHERE has_run
), detail AS (
    INSERT INTO executions_executiondetail AS d (
        execution_id, raw, input, output, error, fingerprint, read_at, attempt, is_altered,
        log_cursor, log_is_complete)
    SELECT execution_id, raw, input, output, full_error, fp, %(now)s, coalesce(attempt, 0), altered,
        '', false
    FROM written WHERE fp IS NOT NULL AND NOT has_old_input
    ON CONFLICT (execution_id) DO UPDATE SET
        raw = excluded.raw, input = excluded.input, output = excluded.output,
        error = CASE WHEN excluded.error = '' THEN d.error ELSE excluded.error END,
        fingerprint = excluded.fingerprint, read_at = excluded.read_at,
        attempt = excluded.attempt, is_altered = excluded.is_altered, log_is_complete = false
), detail_of_same_input AS (
    -- written anew, an input has its values looked for anew: half of what a detail costs
    UPDATE executions_executiondetail d SET
        raw = w.raw, output = w.output,
        error = CASE WHEN w.full_error = '' THEN d.error ELSE w.full_error END,
        fingerprint = w.fp, read_at = %(now)s,
        attempt = coalesce(w.attempt, 0), is_altered = w.altered, log_is_complete = false
    FROM written w WHERE d.execution_id = w.execution_id AND w.fp IS NOT NULL AND w.has_old_input
), step_in AS MATERIALIZED (
    SELECT w.execution_id, s.* FROM written w
    CROSS JOIN LATERAL jsonb_to_recordset(w.steps) AS s(
        ref text, position int, path jsonb, name text, status text, reason text, native text,
        started timestamptz, finished timestamptz, error text, output jsonb, run_ref text,
        attempt smallint, tries jsonb)
    WHERE w.fp IS NOT NULL
), step_written AS (
    INSERT INTO executions_step AS s (
        execution_id, ref, position, path, name, status, status_reason, native_status, started_at,
        finished_at, error, output, run_ref, attempt, tries)
    SELECT execution_id, ref, position, path, name, status, reason, native, started, finished,
        error, output, run_ref, coalesce(attempt, 0), coalesce(tries, '[]') FROM step_in
    ON CONFLICT (execution_id, ref) DO UPDATE SET
        position = excluded.position, path = excluded.path, name = excluded.name,
        status = excluded.status, status_reason = excluded.status_reason,
        native_status = excluded.native_status, started_at = excluded.started_at,
        finished_at = excluded.finished_at, error = excluded.error, output = excluded.output,
        run_ref = excluded.run_ref, attempt = excluded.attempt, tries = excluded.tries
    WHERE (s.position, s.path, s.name, s.status, s.status_reason, s.native_status, s.started_at,
            s.finished_at, s.error, s.output, s.run_ref, s.attempt, s.tries)
        IS DISTINCT FROM (excluded.position, excluded.path, excluded.name, excluded.status,
            excluded.status_reason, excluded.native_status, excluded.started_at,
            excluded.finished_at, excluded.error, excluded.output, excluded.run_ref,
            excluded.attempt, excluded.tries)
), step_gone AS (
    DELETE FROM executions_step s USING written w
    WHERE s.execution_id = w.id AND w.fp IS NOT NULL
        AND NOT EXISTS (
            SELECT 1 FROM step_in i WHERE i.execution_id = s.execution_id AND i.ref = s.ref)
), question_in AS MATERIALIZED (
    SELECT w.execution_id, w.read, q.* FROM written w
    CROSS JOIN LATERAL jsonb_to_recordset(w.questions) AS q(
        ref text, kind text, title text, description text, schema text, form text, model text,
        choices jsonb, asked timestamptz, due timestamptz, is_answerable boolean, fingerprint text,
        url text, assignees text[])
    WHERE w.fp IS NOT NULL
), question_written AS (
    INSERT INTO executions_question AS q (
        execution_id, ref, kind, title, description, schema, form, model, choices, due_at,
        is_answerable, fingerprint, url, assignees, opened_at, is_opening_reported, seen_at)
    SELECT DISTINCT ON (execution_id, ref) execution_id, ref, kind, title, description, schema,
        form, model, choices, due, is_answerable, fingerprint, coalesce(url, ''),
        coalesce(assignees, '{}'),
        CASE WHEN asked IS NULL THEN %(now)s ELSE least(asked, read) END, asked IS NOT NULL,
        %(now)s
    FROM question_in ORDER BY execution_id, ref
    ON CONFLICT (execution_id, ref) DO UPDATE SET
        kind = excluded.kind, title = excluded.title, description = excluded.description,
        schema = excluded.schema, form = excluded.form, model = excluded.model,
        choices = excluded.choices, due_at = excluded.due_at,
        is_answerable = excluded.is_answerable, fingerprint = excluded.fingerprint,
        url = excluded.url, assignees = excluded.assignees, closed_at = NULL,
        -- asked again under the same ref: it waits from now on, for whoever takes it
        opened_at = CASE WHEN q.closed_at IS NULL AND NOT excluded.is_opening_reported
            THEN q.opened_at ELSE excluded.opened_at END,
        is_opening_reported = excluded.is_opening_reported
            OR q.closed_at IS NULL AND q.is_opening_reported,
        seen_at = CASE WHEN q.closed_at IS NULL THEN q.seen_at ELSE excluded.seen_at END,
        claimed_by_id = CASE WHEN q.closed_at IS NULL THEN q.claimed_by_id END,
        claimed_at = CASE WHEN q.closed_at IS NULL THEN q.claimed_at END,
        first_claimed_at = CASE WHEN q.closed_at IS NULL THEN q.first_claimed_at END,
        delegated_to_id = CASE WHEN q.closed_at IS NULL THEN q.delegated_to_id END,
        delegated_team_id = CASE WHEN q.closed_at IS NULL THEN q.delegated_team_id END,
        delegated_by_id = CASE WHEN q.closed_at IS NULL THEN q.delegated_by_id END,
        delegated_at = CASE WHEN q.closed_at IS NULL THEN q.delegated_at END,
        delegation_note = CASE WHEN q.closed_at IS NULL THEN q.delegation_note ELSE '' END,
        answered_by_id = NULL
), question_closed AS (
    UPDATE executions_question q SET closed_at = %(now)s FROM written w
    WHERE q.execution_id = w.id AND q.closed_at IS NULL
        AND (w.fp IS NOT NULL OR w.status <> 'user_input')
        AND NOT EXISTS (
            SELECT 1 FROM question_in i WHERE i.execution_id = q.execution_id AND i.ref = q.ref)
), output_in AS MATERIALIZED (
    SELECT w.execution_id, o.* FROM written w
    CROSS JOIN LATERAL jsonb_to_recordset(w.outputs) AS o(
        ref text, name text, content_type text, size bigint, status text, error text,
        step_ref text)
    WHERE w.fp IS NOT NULL
), output_written AS (
    INSERT INTO executions_output AS o (
        execution_id, ref, name, content_type, size, status, error, step_ref)
    SELECT execution_id, ref, name, content_type, size, status, error, coalesce(step_ref, '')
    FROM output_in
    ON CONFLICT (execution_id, ref) DO UPDATE SET
        name = excluded.name, content_type = excluded.content_type, size = excluded.size,
        status = excluded.status, error = excluded.error, step_ref = excluded.step_ref
), output_gone AS (
    DELETE FROM executions_output o USING written w
    WHERE o.execution_id = w.id AND w.fp IS NOT NULL
        AND NOT EXISTS (
            SELECT 1 FROM output_in i WHERE i.execution_id = o.execution_id AND i.ref = o.ref)
), label_in AS MATERIALIZED (
    SELECT w.execution_id, l.text, coalesce(w.old_sort_at, w.sort_at) AS sort_at
    FROM written w CROSS JOIN LATERAL jsonb_array_elements_text(w.labels) AS l(text)
    WHERE w.labels IS NOT NULL
), label_written AS (
    INSERT INTO executions_runlabel (execution_id, account_id, text, sort_at)
    SELECT execution_id, %(account)s, text, sort_at FROM label_in
    ON CONFLICT (execution_id, text) DO NOTHING
), label_gone AS (
    DELETE FROM executions_runlabel l USING written w
    WHERE l.execution_id = w.execution_id AND w.labels IS NOT NULL
        AND NOT EXISTS (
            SELECT 1 FROM label_in i WHERE i.execution_id = l.execution_id AND i.text = l.text)
), descended AS (
    INSERT INTO executions_lineage AS l (execution_id, account_id, parent_ref, retry_of)
    SELECT execution_id, %(account)s, coalesce(parent, ''), coalesce(retry_of, '')
    FROM written WHERE parent IS NOT NULL OR retry_of IS NOT NULL
    ON CONFLICT (execution_id) DO UPDATE SET
        parent_ref = coalesce(nullif(excluded.parent_ref, ''), l.parent_ref),
        retry_of = coalesce(nullif(excluded.retry_of, ''), l.retry_of)
    WHERE (l.parent_ref, l.retry_of) IS DISTINCT FROM (excluded.parent_ref, excluded.retry_of)
), key_written AS (
    INSERT INTO executions_runkey (execution_id, account_id, name, value, text, sort_at)
    SELECT execution_id, %(account)s, name, value, text, sort_at FROM (
        SELECT w.execution_id, k.name, k.value, k.text, known.number,
            coalesce(w.old_sort_at, w.sort_at) AS sort_at,
            row_number() OVER (PARTITION BY w.execution_id ORDER BY k.place) AS turn
        FROM written w
        CROSS JOIN LATERAL ROWS FROM (
            jsonb_to_recordset(w.keys) AS (name text, value text, text text)
        ) WITH ORDINALITY AS k(name, value, text, place)
        CROSS JOIN LATERAL (
            SELECT count(*) AS number, coalesce(bool_or(r.value = k.value), false) AS has_it
            FROM executions_runkey r WHERE r.execution_id = w.execution_id) known
        WHERE w.keys IS NOT NULL AND NOT known.has_it) fresh
    WHERE number + turn <= 5
    ON CONFLICT (execution_id, value) DO NOTHING
), delta AS (
    SELECT status, sum(amount) AS amount FROM (
        SELECT status, 1 AS amount FROM written WHERE status IS DISTINCT FROM old_status
        UNION ALL
        SELECT old_status, -1 FROM written
        WHERE old_status IS NOT NULL AND status <> old_status) AS changes
    GROUP BY status HAVING sum(amount) <> 0 ORDER BY status
), counted AS (
    INSERT INTO executions_statuscount AS c (account_id, status, count)
    SELECT %(account)s, status, amount FROM delta ORDER BY status
    ON CONFLICT (account_id, status) DO UPDATE SET count = c.count + excluded.count
), ended AS MATERIALIZED (
    SELECT workflow_id, quarter, status, slot, sum(amount) AS amount FROM (
        SELECT workflow_id, {quarter} AS quarter, status, {slot} AS slot, 1 AS amount
        FROM written WHERE status IN {final}
        UNION ALL
        SELECT old_workflow, {old_quarter}, old_status, {old_slot}, -1
        FROM written WHERE old_status IN {final}) AS changes
    GROUP BY 1, 2, 3, 4 HAVING sum(amount) <> 0
), tallied AS (
    INSERT INTO executions_workflowtally AS t (workflow_id, quarter, status, slot, count)
    SELECT workflow_id, quarter, status, slot, amount FROM ended ORDER BY 1, 2, 3, 4
    ON CONFLICT (workflow_id, quarter, status, slot) DO UPDATE
        SET count = t.count + excluded.count
), tallied_together AS (
    INSERT INTO executions_accounttally AS t (account_id, quarter, status, slot, count)
    SELECT %(account)s, quarter, status, slot, sum(amount) FROM ended
    GROUP BY 2, 3, 4 HAVING sum(amount) <> 0 ORDER BY 2, 3, 4
    ON CONFLICT (account_id, quarter, status, slot) DO UPDATE
        SET count = t.count + excluded.count
)
-- no type of a column of ours: a statement that is prepared must not change its result's
SELECT w.execution_id, n.ref, w.version, n.old_status::text, n.status, n.id IS NULL,
    n.fp IS NOT NULL, false
FROM news n LEFT JOIN written w ON w.ref = n.ref
UNION ALL
SELECT id, ref, version, status, status, false, false, true FROM settled

-- name: is_kept
n.is_as_before AND e.settled_at IS NOT NULL

-- name: quarantine
INSERT INTO executions_quarantine AS q (
    account_id, ref, reason, excerpt, first_seen_at, last_seen_at, count)
SELECT i.account, r.ref, r.reason, r.excerpt, i.now, i.now, r.count
FROM (SELECT %s::bigint AS account, %s::timestamptz AS now) AS i
CROSS JOIN unnest(%s::text[], %s::text[], %s::text[], %s::int[])
    AS r(ref, reason, excerpt, count)
ON CONFLICT (account_id, ref) DO UPDATE SET
    reason = excluded.reason, last_seen_at = excluded.last_seen_at,
    count = q.count + excluded.count
