"""Runs in the states in which no run stays by itself, made by Dagster's own storage, and one that
a script has carried out without a code location. Prints their ids by name, as JSON.
"""

import json
import sys

import dagster as dg
from dagster_defs import call_partner

STATES = ("NOT_STARTED", "STARTING", "MANAGED", "SUSPENDED")

instance = dg.DagsterInstance.get()
made = {
    state.lower(): instance.create_run_for_job(
        call_partner, status=dg.DagsterRunStatus[state]
    ).run_id
    for state in STATES
}
made["scripted"] = call_partner.execute_in_process(instance=instance).run_id
sys.stdout.write(json.dumps(made))
