"""The shell of the simulators: runs follow the clock, faults and the log tell the truth."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.demo import serve
from providers.demo.serve import Running, running
from providers.demo.simulator import Run, Stage, World, simulator

KEY = {"X-API-Key": "demo-smartflows-key"}
LIST = "/api/v1/flows/executions"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


def make_run(clock: Clock, *stages: Stage, speed: float = 1.0) -> Run:
    return Run(World(now=clock, speed=speed, populate=False), "r1", "test", stages)


PLAN = (Stage("Queued", 2), Stage("Running", 5), Stage("Waiting", 60, waits=True), Stage("Done"))


def test_a_run_moves_by_the_clock_alone_and_stamps_changes_with_the_time_they_were_due() -> None:
    clock = Clock()
    run = make_run(clock, *PLAN)
    assert run.status == "Queued"
    clock.seconds += 1000  # nobody looked in the meantime
    assert run.status == "Done"
    assert run.is_final
    after = [(status, (at - run.created_at).total_seconds()) for status, at in run.changes]
    assert after == [("Queued", 0), ("Running", 2), ("Waiting", 7), ("Done", 67)]


def test_speed_makes_the_same_plan_pass_faster() -> None:
    clock = Clock()
    run = make_run(clock, *PLAN, speed=10)
    clock.seconds += 0.5
    assert run.status == "Running"
    clock.seconds += 0.3
    assert run.status == "Waiting"


def test_waiting_is_no_work_and_is_not_the_end() -> None:
    clock = Clock()
    run = make_run(clock, Stage("Running", 4), Stage("Waiting", waits=True))
    clock.seconds += 2
    assert run.fraction() == 0.5
    clock.seconds += 500
    assert (run.status, run.is_final, run.finished_at) == ("Waiting", False, None)


def test_a_turned_run_forgets_its_plan_but_not_its_past() -> None:
    clock = Clock()
    run = make_run(clock, *PLAN)
    clock.seconds += 3
    run.turn(Stage("Stopping", 2), Stage("Stopped"))
    clock.seconds += 10
    assert [status for status, _ in run.changes] == ["Queued", "Running", "Stopping", "Stopped"]
    assert run.finished_at == run.created_at + timedelta(seconds=5)


def test_the_same_seed_gives_the_same_history() -> None:
    def history(seed: int) -> list[str]:
        world = World(seed=seed, now=Clock())
        serve.app_of("generio", world)
        return [f"{run.ref} {run.created_at}" for run in world.runs.values()]

    assert history(3) == history(3) != history(4)


def test_a_populated_world_keeps_starting_runs_and_an_empty_one_does_not() -> None:
    for populate in (True, False):
        clock = Clock()
        world = World(now=clock, populate=populate)
        serve.app_of("smartflows", world)
        before = len(world.runs)
        for _ in range(300):
            clock.seconds += 1
            world.tick()
        assert bool(before) == populate
        begun = len(world.runs) - before
        failed = 2  # begun again in that time
        assert begun == 0 if not populate else 300 // 90 <= begun <= 1 + 300 // 60 + failed


# over the wire


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with running("smartflows", speed=50) as simulated:
        yield simulated


@pytest.fixture
def sim(shared: Running) -> Iterator[Running]:
    yield shared
    shared.fault("ok")


def test_every_request_is_logged_with_its_answer(sim: Running) -> None:
    before = len(sim.log)
    requests.get(f"{sim.base_url}{LIST}?page=0&size=5", headers=KEY, timeout=5)
    requests.post(f"{sim.base_url}{LIST}/filter", json={"a": 1}, timeout=5)
    first, second = sim.log[before:]
    assert (first["method"], first["path"], first["status"]) == ("GET", LIST, 200)
    assert first["query"] == {"page": "0", "size": "5"}
    assert (second["body"], second["status"]) == ({"a": 1}, 401)


@pytest.mark.parametrize(("mode", "status"), [("error", 500), ("auth", 401), ("throttled", 429)])
def test_a_fault_answers_in_the_words_of_the_provider(sim: Running, mode: str, status: int) -> None:
    sim.fault(mode, seconds=9)
    answer = requests.get(f"{sim.base_url}{LIST}", headers=KEY, timeout=5)
    assert answer.status_code == status
    assert answer.json()["message"]
    assert answer.headers.get("Retry-After") == ("9" if status == 429 else None)


def test_an_error_answers_with_the_status_and_the_time_that_were_asked_for(sim: Running) -> None:
    sim.fault("error", status=503, retry_after=4)
    answer = requests.get(f"{sim.base_url}{LIST}", headers=KEY, timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "4")
    assert answer.json()["message"] == "Service Unavailable"


def test_a_cut_answer_is_the_real_one_without_its_end(sim: Running) -> None:
    ref = sim.start("long_running", seconds=6000)
    sim.fault("cut", method="DELETE", times=1)
    with pytest.raises(requests.RequestException):
        requests.delete(f"{sim.base_url}{LIST}/{ref}", headers=KEY, timeout=5)
    assert sim.effects["cancel"].count(ref) == 1
    sim.fault("cut", times=1)
    with requests.get(f"{sim.base_url}{LIST}", headers=KEY, timeout=5, stream=True) as answer:
        assert answer.status_code == 200
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            _ = answer.content


def test_down_closes_the_connection_without_a_byte(sim: Running) -> None:
    sim.fault("down")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{sim.base_url}{LIST}", headers=KEY, timeout=5)
    assert sim.log[-1]["status"] is None


def test_html_is_a_sign_in_page_with_status_200(sim: Running) -> None:
    sim.fault("html")
    answer = requests.get(f"{sim.base_url}{LIST}", headers=KEY, timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (200, "text/html")


def test_slow_answers_late_and_right(sim: Running) -> None:
    sim.fault("slow", seconds=0.4)
    begun = time.monotonic()
    answer = requests.get(f"{sim.base_url}{LIST}", headers=KEY, timeout=5)
    assert answer.ok
    assert time.monotonic() - begun >= 0.4


def test_a_fault_hits_as_often_as_asked_and_only_where_asked(sim: Running) -> None:
    get, post = f"{sim.base_url}{LIST}", f"{sim.base_url}{LIST}/filter"
    sim.fault("error", path=f"{LIST}/filter", times=1)
    assert requests.get(get, headers=KEY, timeout=5).status_code == 200
    answers = [requests.post(post, headers=KEY, json={}, timeout=5).status_code for _ in range(2)]
    assert answers == [500, 200]
    sim.fault("error", method="POST")
    assert requests.get(get, headers=KEY, timeout=5).status_code == 200
    assert requests.post(post, headers=KEY, json={}, timeout=5).status_code == 500


@pytest.mark.parametrize(
    ("execute", "at_once", "later"), [("before", 1, 1), ("after", 0, 1), ("never", 0, 0)]
)
def test_a_command_under_a_fault_is_carried_out_when_the_fault_says(
    sim: Running, execute: str, at_once: int, later: int
) -> None:
    ref = sim.start("long_running", seconds=6000)
    sim.fault("down", method="DELETE", execute=execute, seconds=0.4)
    with pytest.raises(requests.ConnectionError):
        requests.delete(f"{sim.base_url}{LIST}/{ref}", headers=KEY, timeout=5)
    assert sim.effects.get("cancel", []).count(ref) == at_once
    time.sleep(0.6)
    assert sim.effects.get("cancel", []).count(ref) == later


def test_an_unknown_fault_or_scenario_is_refused(sim: Running) -> None:
    with pytest.raises(ValueError, match="mode is one of"):
        sim.fault("earthquake")
    with pytest.raises(ValueError, match="There is no scenario"):
        sim.start("nonsense")


def test_the_script_tells_every_change_even_of_runs_that_were_erased(sim: Running) -> None:
    ref = sim.start("quick_success", seconds=3)
    time.sleep(0.3)
    assert requests.delete(f"{sim.base_url}{LIST}/{ref}", headers=KEY, timeout=5).ok
    assert sim.effects["erased"] == [ref]
    mine = next(run for run in sim.script if run["ref"] == ref)
    assert [change["status"] for change in mine["changes"]] == ["Queued", "Running", "Success"]
    assert mine["scenario"] == "quick_success"


def test_a_mistake_in_a_background_tick_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def hello(request: Request) -> Response:
        return JSONResponse("hello")

    def stumble() -> None:
        raise KeyError("tick")

    world = World(populate=False)
    world.ticks.append(stumble)

    def error(status: int, text: str) -> Response:
        return JSONResponse({"message": text}, status)

    site: Starlette = simulator(world, [Route("/", hello)], key="test", error=error)
    with serve.serving(site) as base_url:
        time.sleep(0.3)
        assert requests.get(base_url, timeout=5).json() == "hello"
        assert requests.get(f"{base_url}/nowhere", timeout=5).json() == {"message": "Not Found"}
    assert "it goes on" in caplog.text


def test_ports_are_read_or_refused_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.read_ports("flow8=1,generio=2") == {"flow8": 1, "generio": 2}
    for wrong in ("flow8", "flow9=3"):
        with pytest.raises(SystemExit):
            serve.main(["--ports", wrong])
    assert "flow9" in capsys.readouterr().err


def test_the_program_serves_a_populated_morning_until_it_is_told_to_stop(
    unused_port: int,
) -> None:
    ports = f"smartflows={unused_port}"
    program = subprocess.Popen([sys.executable, "-m", "providers.demo.serve", "--ports", ports])
    try:
        rows = wait_for_rows(f"http://127.0.0.1:{unused_port}{LIST}?size=500")
        assert len(rows) > 400
        program.terminate()
        assert program.wait(10) == 0
    finally:
        program.kill()  # of no effect on one that has ended
        program.wait(10)


def wait_for_rows(url: str) -> list[dict[str, object]]:
    for _ in range(100):
        try:
            return list(requests.get(url, headers=KEY, timeout=5).json())
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError("The program did not start.")


@pytest.fixture
def unused_port() -> int:
    with serve.listening() as listener:
        return int(listener.getsockname()[1])
