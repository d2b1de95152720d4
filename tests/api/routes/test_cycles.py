"""Cycles: the periods that scenarios share, against a started server."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/cycles"
SCENARIOS = "/api/v1/scenarios"


def create(server: StartedServer, frequency: str, date: str, **more: Any) -> dict[str, Any]:
    body = {"frequency": frequency, "creation_date": date, **more}
    response = server.http.post(PATH, json=body)
    assert response.status_code in {200, 201}, response.text
    cycle: dict[str, Any] = response.json()["cycle"]
    return cycle


@pytest.mark.parametrize(
    ("frequency", "name", "start", "end"),
    [
        ("DAILY", "2031-08-06", "2031-08-06", "2031-08-06"),
        ("WEEKLY", "2031 W32", "2031-08-04", "2031-08-10"),
        ("MONTHLY", "2031-08", "2031-08-01", "2031-08-31"),
        ("QUARTERLY", "2031 Q3", "2031-07-01", "2031-09-30"),
        ("YEARLY", "2031", "2031-01-01", "2031-12-31"),
    ],
)
def test_a_cycle_is_the_period_that_holds_its_creation_date(
    server: StartedServer, frequency: str, name: str, start: str, end: str
) -> None:
    response = server.http.post(
        PATH,
        json={
            "frequency": frequency,
            "properties": {"owner": "ines"},
            "creation_date": "2031-08-06T12:30:00",
            "start_date": f"{start}T00:00:00",
            "end_date": f"{end}T23:59:59.999999",
        },
    )

    cycle = response.json()["cycle"]
    assert response.status_code == 201, response.text
    assert response.json()["message"] == f"Cycle {cycle['id']} was created."
    assert cycle == {
        "id": cycle["id"],
        "name": name,
        "frequency": frequency,
        "properties": {"owner": "ines"},
        "creation_date": "2031-08-06T12:30:00Z",
        "start_date": f"{start}T00:00:00Z",
        "end_date": f"{end}T23:59:59.999999Z",
    }
    assert server.http.get(response.headers["location"]).json() == {"cycle": cycle}


@pytest.mark.parametrize("frequency", ["DAILY", "WEEKLY", "MONTHLY", "QUARTERLY", "YEARLY"])
def test_the_documented_dates_of_a_cycle_are_taken(server: StartedServer, frequency: str) -> None:
    day = "2020-01-01T00:00:00"
    dates = {"creation_date": day, "start_date": day, "end_date": day}

    response = server.http.post(PATH, json={"frequency": frequency, "properties": {}, **dates})

    assert response.status_code == 201
    assert response.json()["cycle"]["end_date"] > response.json()["cycle"]["start_date"]


def test_a_period_has_one_cycle_and_a_repeat_answers_with_it(server: StartedServer) -> None:
    first = create(server, "MONTHLY", "2032-01-01", name="first of the year")
    again = server.http.post(
        PATH, json={"frequency": "Frequency.monthly", "creation_date": "2032-01-31T23:00:00Z"}
    )

    assert again.status_code == 200
    assert again.json()["cycle"] == first
    assert "already" in again.json()["message"]
    assert first["name"] == "first of the year"
    assert first["id"].startswith("CYCLE_2032-01_")


def test_one_period_created_by_many_at_once_has_one_cycle(server: StartedServer) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda day: server.http.post(
                    PATH,
                    json={"frequency": "MONTHLY", "creation_date": f"2032-05-{day:02d}"},
                ),
                range(1, 17),
            )
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len({answer.json()["cycle"]["id"] for answer in answers}) == 1


def test_a_quarter_of_a_year_has_one_cycle_for_its_three_months(server: StartedServer) -> None:
    dates = ("2033-10-01T00:00:00Z", "2033-11-23T15:00:00Z", "2033-12-31T23:59:59Z")

    scenarios = [
        server.http.post(SCENARIOS, json={"config_id": "quarters", "creation_date": date}).json()
        for date in dates
    ]

    (cycle_id,) = {scenario["scenario"]["cycle"] for scenario in scenarios}
    cycle = server.http.get(f"{PATH}/{cycle_id}").json()["cycle"]
    assert cycle["name"] == "2033 Q4"
    assert cycle["start_date"] == "2033-10-01T00:00:00Z"
    assert cycle["end_date"] == "2033-12-31T23:59:59.999999Z"


def test_a_cycle_that_was_made_first_takes_the_scenarios_of_its_period(
    server: StartedServer,
) -> None:
    cycle = create(server, "MONTHLY", "2034-02-02")

    made = server.http.post(
        SCENARIOS, json={"config_id": "sharing", "creation_date": "2034-02-20T00:00:00Z"}
    ).json()["scenario"]

    assert made["cycle"] == cycle["id"]
    assert made["primary_scenario"] is True


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"id": "../../x"}, "id", "unknown field id"),
        ({"frequency": "HOURLY"}, "frequency", "use one of DAILY, WEEKLY, MONTHLY"),
        ({"frequency": None}, "frequency", "Expected str"),
        ({"creation_date": "soon"}, "creation_date", "not a timestamp"),
        ({"creation_date": 5}, "creation_date", "Expected str"),
        ({"creation_date": "0001-01-01T00:00:00+05:00"}, "creation_date", "years 1 to 9999"),
        ({"creation_date": "9999-12-31"}, "creation_date", "years 1 to 9999"),
        ({"start_date": "2031-07-31"}, "start_date", "is from 2031-08-01T00:00:00+00:00 to "),
        ({"start_date": "2031-08-01T00:00:00+01:00"}, "start_date", "or use dates within it"),
        (
            {"start_date": "2031-08-03", "end_date": "2031-08-02"},
            "end_date",
            "or use dates within it",
        ),
        ({"end_date": "2031-09-01"}, "end_date", "2031-08-31T23:59:59.999999+00:00"),
        ({"start_date": "0001-01-01T00:00:00+05:00"}, "start_date", "years 1 to 9999"),
        ({"end_date": ""}, "end_date", "not a timestamp"),
        ({"name": ""}, "name", "length >= 1"),
        ({"name": "a\u0000"}, "name", "printable"),
        ({"properties": []}, "properties", "Expected object"),
        ({"properties": {"deep": [[]] * 1}, "name": 5}, "name", "Expected str"),
    ],
)
def test_a_cycle_that_cannot_be_is_refused_and_nothing_is_stored(
    server: StartedServer, change: dict[str, Any], field: str, said: str
) -> None:
    before = server.http.get(PATH).json()["results"]

    body = {"frequency": "MONTHLY", "creation_date": "2031-08-06", **change}
    response = server.http.post(PATH, json=body)

    assert response.status_code == 400, response.text
    assert said in response.json()["message"]
    assert [fault["field"] for fault in response.json()["errors"]] == [field]
    assert server.http.get(PATH).json()["results"] == before


def test_cycles_are_listed_by_frequency_and_in_pages(server: StartedServer) -> None:
    made = [create(server, "YEARLY", f"{year}-06-01")["id"] for year in (2071, 2070, 2072)]
    query: dict[str, Any] = {"frequency": "Frequency.YEARLY", "sort": "-creation_date", "limit": 2}

    first = server.http.get(PATH, params=query).json()
    rest = server.http.get(PATH, params={**query, "cursor": first["next"]}).json()

    assert [item["id"] for item in first["results"]] == [made[2], made[0]]
    assert rest["results"][0]["id"] == made[1]


def test_a_cycle_is_deleted_with_all_its_scenarios_and_what_they_own(
    server: StartedServer,
) -> None:
    scenarios = []
    for day in (3, 4):
        body = {"config_id": "rated", "creation_date": f"2035-01-0{day}T00:00:00Z"}
        scenarios.append(server.http.post(SCENARIOS, json=body).json()["scenario"])
    server.submit(scenarios[1]["sequences"]["summing"]["id"])
    cycle_id = scenarios[0]["cycle"]

    looked = server.http.delete(f"{PATH}/{cycle_id}?dry_run=true").json()
    response = server.http.delete(f"{PATH}/{cycle_id}")

    gone = response.json()["deleted"]
    assert response.status_code == 200
    assert response.json()["message"] == f"Cycle {cycle_id} was deleted."
    assert looked == {"message": f"Cycle {cycle_id} would be deleted.", "deleted": gone}
    assert gone["cycles"] == [cycle_id]
    assert gone["scenarios"] == [scenario["id"] for scenario in scenarios]
    assert len(gone["sequences"]) == 4
    assert len(gone["tasks"]) == 3
    assert len(gone["submissions"]) == len(gone["jobs"]) == 1
    assert len({*scenarios[0]["data_nodes"], *scenarios[1]["data_nodes"]}) == len(
        gone["data_nodes"]
    )
    for kind in ("cycles", "scenarios", "sequences", "tasks", "submissions", "jobs"):
        assert server.http.get(f"/api/v1/{kind}/{gone[kind][0]}").status_code == 404
        assert server.http.get(f"/api/v1/{kind}").status_code == 200
    assert server.http.get(f"/api/v1/datanodes/{gone['data_nodes'][0]}").status_code == 404


def test_a_cycle_with_a_submission_under_way_is_not_deleted(server: StartedServer) -> None:
    body = {"config_id": "rated", "creation_date": "2035-03-03T00:00:00Z"}
    scenario = server.http.post(SCENARIOS, json=body).json()["scenario"]
    where = server.http.post(
        f"/api/v1/sequences/submit/{scenario['sequences']['scoring']['id']}"
    ).headers["location"]

    refused = server.http.delete(f"{PATH}/{scenario['cycle']}")
    looked = server.http.delete(f"{PATH}/{scenario['cycle']}?dry_run=true")

    assert refused.status_code == looked.status_code == 409
    assert where.rpartition("/")[2] in refused.json()["message"]
    assert server.http.get(f"{PATH}/{scenario['cycle']}").status_code == 200


def test_a_cycle_that_changed_since_is_not_deleted(server: StartedServer) -> None:
    cycle = create(server, "DAILY", "2036-01-01")
    tag = server.http.get(f"{PATH}/{cycle['id']}").headers["etag"]

    refused = server.http.delete(f"{PATH}/{cycle['id']}", headers={"If-Match": '"another"'})
    done = server.http.delete(f"{PATH}/{cycle['id']}", headers={"If-Match": tag})

    assert (refused.status_code, done.status_code) == (412, 200)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_cycle_is_404_and_named(server: StartedServer, method: str) -> None:
    response = server.http.request(method, f"{PATH}/CYCLE_nope")

    assert response.status_code == 404
    assert "CYCLE_nope" in response.json()["message"]
