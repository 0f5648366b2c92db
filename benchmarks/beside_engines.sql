-- Fills the tables of the engines with our runs, after the engines' own migrations.

-- name: ours
COPY (
    SELECT substr(x.ref, 5)::int, regexp_replace(w.name, ' \d+$', ''), x.status, x.started_at,
        x.finished_at, x.error_summary
    FROM executions_execution x JOIN executions_workflow w ON w.id = x.workflow_id
) TO STDOUT

-- name: runs
CREATE TEMPORARY TABLE runs (
    n int, workflow text, status text, at timestamptz, ended_at timestamptz, error text)

-- name: prefect
-- One state of each run, the newest: its lists show no other.
ALTER TABLE runs ADD type text, ADD state text, ADD id uuid DEFAULT gen_random_uuid(),
    ADD state_id uuid DEFAULT gen_random_uuid();
UPDATE runs SET (type, state) = (
    SELECT m.type, m.state FROM (VALUES
        ('queued', 'SCHEDULED', 'Scheduled'), ('waiting', 'SCHEDULED', 'AwaitingRetry'),
        ('running', 'RUNNING', 'Running'), ('user_input', 'PAUSED', 'Suspended'),
        ('paused', 'PAUSED', 'Paused'), ('failed', 'FAILED', 'Failed'),
        ('timed_out', 'FAILED', 'TimedOut'), ('canceled', 'CANCELLED', 'Cancelled'),
        ('skipped', 'COMPLETED', 'Skipped'), ('warning', 'COMPLETED', 'Completed'),
        ('succeeded', 'COMPLETED', 'Completed')) m(status, type, state)
    WHERE m.status = runs.status);
INSERT INTO flow (name) SELECT DISTINCT workflow FROM runs;
INSERT INTO flow_run (
    id, flow_id, name, state_type, state_name, state_timestamp, run_count, expected_start_time,
    start_time, end_time, total_run_time, parameters, tags, created, updated)
SELECT r.id, f.id, 'run-' || n, r.type::state_type, r.state, coalesce(r.ended_at, r.at),
    (r.type <> 'SCHEDULED')::int, r.at, CASE WHEN r.type <> 'SCHEDULED' THEN r.at END, r.ended_at,
    coalesce(r.ended_at - r.at, '0 s'), jsonb_build_object('order', 'order-' || n), '["nightly"]',
    r.at, coalesce(r.ended_at, r.at)
FROM runs r JOIN flow f ON f.name = r.workflow ORDER BY n DESC;
INSERT INTO flow_run_state (id, flow_run_id, type, name, timestamp, message)
SELECT state_id, id, type::state_type, state, coalesce(ended_at, at), error
FROM runs ORDER BY n DESC;
UPDATE flow_run SET state_id = r.state_id FROM runs r WHERE r.id = flow_run.id;

-- name: airflow
-- Three tasks a run: its lists join them for the versions of the DAG that they ran with.
ALTER TABLE runs ADD state text, ADD dag text, ADD version uuid;
UPDATE runs SET dag = replace(lower(workflow), ' ', '-'), state = CASE
    WHEN status = 'queued' THEN 'queued'
    WHEN status IN ('running', 'waiting', 'user_input', 'paused') THEN 'running'
    WHEN status IN ('failed', 'timed_out', 'canceled') THEN 'failed'
    ELSE 'success' END;
INSERT INTO dag_bundle (name, active) VALUES ('dags-folder', true) ON CONFLICT DO NOTHING;
INSERT INTO dag (
    dag_id, is_paused, is_stale, bundle_name, fileloc, relative_fileloc, max_active_tasks,
    max_active_runs, max_consecutive_failed_dag_runs, has_task_concurrency_limits, timetable_type,
    timetable_periodic, partition_mapper_info)
SELECT dag, false, false, 'dags-folder', '/dags/' || dag || '.py', dag || '.py', 16, 16, 0,
    false, 'airflow.timetables.trigger.DeltaTriggerTimetable', true, '{}'
FROM runs GROUP BY dag;
INSERT INTO dag_version (id, version_number, dag_id, bundle_name, created_at, last_updated)
SELECT gen_random_uuid(), 1, dag_id, 'dags-folder', now(), now() FROM dag;
UPDATE runs SET version = v.id FROM dag_version v WHERE v.dag_id = runs.dag;
INSERT INTO dag_run (
    dag_id, run_id, run_type, triggered_by, state, conf, queued_at, logical_date, run_after,
    data_interval_start, data_interval_end, start_date, end_date, updated_at, clear_number,
    created_dag_version_id)
SELECT dag, 'run-' || n, 'scheduled', 'TIMETABLE', state,
    jsonb_build_object('order', 'order-' || n), at, at, at, at, at,
    CASE WHEN state <> 'queued' THEN at END, ended_at, coalesce(ended_at, at), 0, version
FROM runs ORDER BY n DESC;
INSERT INTO task_instance (
    id, task_id, dag_id, run_id, map_index, state, start_date, end_date, duration, try_number,
    max_tries, hostname, unixname, pool, pool_slots, queue, priority_weight, operator,
    custom_operator_name, updated_at, task_display_name, dag_version_id)
SELECT gen_random_uuid(), 'step_' || step, dag, 'run-' || n, -1,
    CASE WHEN state IN ('queued', 'running') THEN (ARRAY['success', 'running'])[step] ELSE
        CASE WHEN step < 3 THEN 'success' ELSE state END END,
    at + step * interval '20 s', ended_at, 20, 1, 0, 'worker', 'airflow', 'default_pool', 1,
    'default', 1, 'PythonOperator', '', coalesce(ended_at, at), 'step_' || step, version
FROM runs CROSS JOIN generate_series(1, 3) step ORDER BY n DESC, step
