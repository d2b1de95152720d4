"""Naming, tagging and promoting scenarios, and what a single one says of itself."""

from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/scenarios"


@pytest.fixture
def rated(server: StartedServer) -> dict[str, Any]:
    """A new scenario whose config authorizes the tags draft and final."""
    return server.create("rated")


def create(server: StartedServer, date: str, **more: Any) -> dict[str, Any]:
    response = server.http.post(
        PATH, json={"config_id": "rated", "creation_date": f"{date}T00:00:00Z", **more}
    )
    assert response.status_code == 201, response.text
    scenario: dict[str, Any] = response.json()["scenario"]
    return scenario


def one(server: StartedServer, scenario_id: str) -> dict[str, Any]:
    scenario: dict[str, Any] = server.http.get(f"{PATH}/{scenario_id}").json()["scenario"]
    return scenario


def test_a_scenario_is_renamed_and_tagged_and_its_properties_are_merged(
    server: StartedServer, rated: dict[str, Any]
) -> None:
    where = f"{PATH}/{rated['id']}"
    server.http.patch(where, json={"properties": {"region": {"north": 1, "south": 2}, "old": 1}})

    response = server.http.patch(
        where,
        json={
            "name": "cold winter",
            "tags": ["final", "draft", "final"],
            "properties": {"region": {"south": None, "east": 3}, "old": None},
        },
    )

    changed = response.json()["scenario"]
    assert response.status_code == 200
    assert changed["name"] == "cold winter"
    assert changed["tags"] == ["draft", "final"]
    assert changed["properties"]["region"] == {"north": 1, "east": 3}
    assert "old" not in changed["properties"]
    now = server.http.get(where)
    assert now.json() == response.json()
    assert now.headers["etag"] == response.headers["etag"]


def test_what_is_not_given_stays(server: StartedServer, rated: dict[str, Any]) -> None:
    where = f"{PATH}/{rated['id']}"
    server.http.patch(where, json={"name": "a name", "tags": ["draft"]})
    before = server.http.get(where)

    unchanged = server.http.patch(where, json={})
    nameless = server.http.patch(where, json={"name": None})

    assert unchanged.status_code == 200
    assert unchanged.content == before.content
    assert nameless.json()["scenario"] == {**before.json()["scenario"], "name": None}


def test_a_value_of_another_type_is_a_change_even_when_python_calls_them_equal(
    server: StartedServer, rated: dict[str, Any]
) -> None:
    where = f"{PATH}/{rated['id']}"
    server.http.patch(where, json={"properties": {"flag": 1}})

    server.http.patch(where, json={"properties": {"flag": True}})

    assert server.http.get(where).json()["scenario"]["properties"]["flag"] is True


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"tags": ["draft", "best"]}, "tags[1]", "authorized: draft, final"),
        ({"tags": "draft"}, "tags", "Expected array"),
        ({"tags": None}, "tags", "Expected array"),
        ({"name": ""}, "name", "length >= 1"),
        ({"name": "x" * 257}, "name", "length <= 256"),
        ({"name": "a\nb"}, "name", "printable"),
        ({"properties": None}, "properties", "Expected object"),
        ({"id": "mine"}, "id", "unknown field id"),
        ({"cycle": "mine"}, "cycle", "unknown field cycle"),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    server: StartedServer, rated: dict[str, Any], change: object, field: str, said: str
) -> None:
    where = f"{PATH}/{rated['id']}"
    before = server.http.get(where).content

    response = server.http.patch(where, json=change)

    assert response.status_code == 400
    assert said in response.json()["message"]
    assert [fault["field"] for fault in response.json()["errors"]] == [field]
    assert server.http.get(where).content == before


def test_properties_that_are_nested_too_deeply_are_refused(
    server: StartedServer, rated: dict[str, Any]
) -> None:
    text = '{"properties": ' + '{"in": ' * 900 + "1" + "}" * 900 + "}"

    response = server.http.patch(f"{PATH}/{rated['id']}", content=text)
    created = server.http.post(f"{PATH}?config_id=rated", content=text)

    assert response.status_code == created.status_code == 400
    assert "nested too deeply" in response.json()["message"]


def test_without_authorized_tags_any_tag_may_be(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    response = server.http.patch(f"{PATH}/{chain['id']}", json={"tags": ["what you like"]})

    assert response.json()["scenario"]["tags"] == ["what you like"]
    assert response.json()["scenario"]["authorized_tags"] is None
    listed = server.http.get(PATH, params={"tag": "what you like"}).json()["results"]
    assert [item["id"] for item in listed] == [chain["id"]]


def test_a_scenario_is_created_with_tags(server: StartedServer) -> None:
    made = create(server, "2040-01-02", tags=["final"], name="tagged")

    assert made["tags"] == ["final"]
    assert made["authorized_tags"] == ["draft", "final"]
    listed = server.http.get(PATH, params={"cycle_id": made["cycle"]}).json()["results"]
    assert listed[0]["authorized_tags"] == ["draft", "final"]
    assert "reasons" not in listed[0]


def test_a_scenario_with_a_tag_that_is_not_authorized_is_not_created(
    server: StartedServer,
) -> None:
    before = len(server.http.get(PATH).json()["results"])

    response = server.http.post(PATH, json={"config_id": "rated", "tags": ["best"]})

    assert response.status_code == 400
    assert "authorized: draft, final" in response.json()["message"]
    assert len(server.http.get(PATH).json()["results"]) == before


def test_a_change_that_expects_an_older_version_is_refused(
    server: StartedServer, rated: dict[str, Any]
) -> None:
    where = f"{PATH}/{rated['id']}"
    old = server.http.get(where).headers["etag"]
    new = server.http.patch(where, json={"name": "first"}, headers={"If-Match": old})

    refused = server.http.patch(where, json={"name": "second"}, headers={"If-Match": old})
    deleted = server.http.delete(where, headers={"If-Match": old})
    done = server.http.patch(
        where, json={"name": "third"}, headers={"If-Match": new.headers["etag"]}
    )

    assert (refused.status_code, deleted.status_code) == (412, 412)
    assert done.json()["scenario"]["name"] == "third"


class TestPromoting:
    def test_the_former_primary_scenario_steps_down(self, server: StartedServer) -> None:
        former, chosen = (create(server, "2041-01-02") for _ in range(2))

        response = server.http.post(f"{PATH}/promote/{chosen['id']}")

        assert response.status_code == 200
        assert response.json()["scenario"] == one(server, chosen["id"])
        assert response.json()["scenario"]["primary_scenario"] is True
        assert one(server, former["id"])["primary_scenario"] is False
        assert (former["is_promotable"], chosen["is_promotable"]) == (False, True)

    def test_promoting_the_primary_scenario_changes_nothing(self, server: StartedServer) -> None:
        only = create(server, "2041-02-02")
        before = server.http.get(f"{PATH}/{only['id']}").content

        response = server.http.post(f"{PATH}/promote/{only['id']}")

        assert response.status_code == 200
        assert server.http.get(f"{PATH}/{only['id']}").content == before

    def test_a_scenario_without_a_cycle_is_not_promoted(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        response = server.http.post(f"{PATH}/promote/{chain['id']}")

        assert response.status_code == 409
        assert "no cycle" in response.json()["message"]
        assert one(server, chain["id"])["reasons"]["promote"][0].startswith("it has no cycle")


class TestReasons:
    def test_an_input_without_a_value_keeps_a_scenario_from_being_submittable(
        self, server: StartedServer, rated: dict[str, Any]
    ) -> None:
        given = rated["node_of"]["given"]
        before = one(server, rated["id"])

        server.http.put(f"/api/v1/datanodes/{given}/write", json=1)

        after = one(server, rated["id"])
        assert before["is_submittable"] is False
        assert before["reasons"]["submit"] == [f"data node {given} has no value yet"]
        assert after["is_submittable"] is True
        assert "submit" not in after["reasons"]

    def test_a_data_node_that_an_editor_has_locked_is_named(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        middle = chain["node_of"]["middle"]
        locked = server.http.post(
            f"/api/v1/datanodes/{middle}/lock", json={"editor_id": "anna"}
        ).json()["datanode"]

        found = one(server, chain["id"])

        assert found["is_submittable"] is False
        assert found["reasons"]["submit"] == [
            f"data node {middle} is locked by anna until {locked['editor_expiration_date']}"
        ]

    def test_a_lock_of_what_is_only_read_stands_in_no_way(
        self, server: StartedServer, chain: dict[str, Any]
    ) -> None:
        start = chain["node_of"]["start"]
        server.http.post(f"/api/v1/datanodes/{start}/lock", json={"editor_id": "anna"})

        assert one(server, chain["id"])["is_submittable"] is True
        submitted = server.http.post(f"/api/v1/scenarios/submit/{chain['id']}")
        assert submitted.status_code == 202

    def test_a_primary_scenario_with_siblings_is_not_deletable(self, server: StartedServer) -> None:
        first, second = (create(server, "2042-01-02") for _ in range(2))

        alone, other = one(server, first["id"]), one(server, second["id"])

        assert first["is_deletable"] is True
        assert alone["is_deletable"] is False
        assert "promote one of them first" in alone["reasons"]["delete"][0]
        assert other["is_deletable"] is True

    @pytest.mark.parametrize("kind", ["scenario", "sequence", "task"])
    def test_a_submission_under_way_is_named(
        self, server: StartedServer, rated: dict[str, Any], kind: str
    ) -> None:
        entity = {
            "scenario": f"scenarios/submit/{rated['id']}",
            "sequence": f"sequences/submit/{rated['sequences']['scoring']['id']}",
            "task": f"tasks/submit/{rated['task_of']['scores']}",
        }[kind]
        where = server.http.post(f"/api/v1/{entity}").headers["location"]

        found = one(server, rated["id"])

        assert found["is_deletable"] is False
        assert f"submission {where.rpartition('/')[2]} is under way" in found["reasons"]["delete"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "SCENARIO_nope"),
        ("DELETE", "SCENARIO_nope"),
        ("POST", "promote/SCENARIO_nope"),
        ("POST", "SCENARIO_nope/upgrade"),
        ("GET", "SCENARIO_nope/submissions"),
    ],
)
def test_an_unknown_scenario_is_404_and_named(
    server: StartedServer, method: str, path: str
) -> None:
    response = server.http.request(method, f"{PATH}/{path}", json={} if method == "PATCH" else None)

    assert response.status_code == 404
    assert "SCENARIO_nope" in response.json()["message"]


def test_the_list_of_scenarios_is_paged_in_the_order_of_creation_dates(
    server: StartedServer,
) -> None:
    made = [create(server, f"2043-01-{day}")["id"] for day in ("03", "01", "02")]
    query: dict[str, Any] = {"config_id": "rated", "created_after": "2043-01-01", "limit": 2}
    default: dict[str, Any] = {"config_id": "rated", "limit": 1}

    first = server.http.get(PATH, params={**query, "created_before": "2043-02-01"}).json()
    rest = server.http.get(
        PATH, params={**query, "created_before": "2043-02-01", "cursor": first["next"]}
    ).json()
    page = server.http.get(PATH, params=default).json()
    following = server.http.get(PATH, params={**default, "cursor": page["next"]})

    assert [item["id"] for item in first["results"]] == [made[1], made[2]]
    assert [item["id"] for item in rest["results"]] == [made[0]]
    assert following.status_code == 200
    assert following.json()["results"] != page["results"]


@pytest.mark.parametrize(
    "date", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00", "9999-12-31T00:00:00Z"]
)
def test_a_creation_date_at_the_end_of_time_is_refused_where_there_is_no_period(
    server: StartedServer, date: str
) -> None:
    response = server.http.post(PATH, json={"config_id": "rated", "creation_date": date})

    assert response.status_code == 400
    assert "too far from now" in response.json()["message"]


def test_the_submissions_of_a_scenario_are_listed(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    where = f"{PATH}/{chain['id']}/submissions"
    made = [
        server.http.post(f"{PATH}/submit/{chain['id']}", headers={"Prefer": "wait=30"}).json()[
            "submission"
        ]["id"]
        for _ in range(3)
    ]
    server.submit(chain["sequences"]["half"]["id"])

    listed = server.http.get(where).json()
    page = server.http.get(where, params={"limit": 2, "status": "COMPLETED", "count": True}).json()

    assert [item["id"] for item in listed["results"]] == made
    assert listed == server.http.get(f"/api/v1/submissions?entity_id={chain['id']}").json()
    assert ([item["id"] for item in page["results"]], page["total"]) == (made[:2], 3)
