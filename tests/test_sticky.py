"""The sticky comment: one for each key, ours alone, and no trouble where it cannot be written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from github_stand_in import BOT, TOKEN, Hub, serving

from codebench.runs.github import ApiError, Repository, newest_artifact
from codebench.runs.sticky import LONGEST, marker, put_comment


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub()) as served:
        yield served


class Place:
    """The repository, and how long was waited for it."""

    def __init__(self, hub: Hub, token: str = TOKEN) -> None:
        self.waited: list[float] = []
        self.where = Repository(api=hub.url, name="o/r", token=token, sleep=self.waited.append)

    def put(self, text: str, key: str = "job") -> str:
        return put_comment(self.where, 7, key, text)


def test_the_first_run_creates_it_and_later_ones_replace_its_text(hub: Hub) -> None:
    place = Place(hub)
    assert place.put("one") == place.put("two") == "https://github.test/c/1"
    assert [comment["body"] for comment in hub.comments] == [f"{marker('job')}\ntwo"]


def test_each_key_has_a_comment_of_its_own(hub: Hub) -> None:
    place = Place(hub)
    place.put("a", key="--> <script>a")
    place.put("b", key="b")
    place.put("c", key="b")
    assert [comment["body"].splitlines()[1] for comment in hub.comments] == ["a", "c"]
    assert all(comment["body"].count("-->") == 1 for comment in hub.comments)


def test_a_marker_that_somebody_else_wrote_is_left_alone(hub: Hub) -> None:
    hub.add_comment("mallory", f"{marker('job')}\nbait")
    hub.add_comment(BOT, f"> quoted {marker('job')}")
    Place(hub).put("ours")
    assert hub.comments[0]["body"].endswith("bait")
    assert len(hub.comments) == 3


def test_it_is_found_behind_many_others(hub: Hub) -> None:
    place = Place(hub)
    for number in range(205):
        hub.add_comment("someone", f"number {number}")
    place.put("one")
    place.put("two")
    assert len(hub.comments) == 206 and hub.comments[-1]["body"].endswith("two")


def test_what_may_go_better_later_is_tried_again_as_long_as_github_asks_to_wait(hub: Hub) -> None:
    hub.answers = [
        (502, {}, {}),
        (403, {"Retry-After": "17"}, {"message": "You have exceeded a secondary rate limit"}),
        (429, {"Retry-After": "900"}, {}),
        (403, {"X-RateLimit-Remaining": "0"}, {"message": "API rate limit exceeded"}),
    ]
    place = Place(hub)
    place.put("text")
    assert place.waited == [1.0, 17.0, 60.0, 8.0]
    assert len(hub.comments) == 1


def test_a_comment_that_was_made_though_the_answer_was_lost_is_not_made_twice(hub: Hub) -> None:
    answer = hub.answer

    def lost(method: str, path: str, body: object) -> tuple[int, dict[str, str], object]:
        found = answer(method, path, body)
        return (502, {}, {}) if method == "POST" else found

    hub.answer = lost  # type: ignore[method-assign]  # what a proxy in between does
    Place(hub).put("text")
    assert len(hub.comments) == 1


def test_it_is_given_up_in_the_end(hub: Hub) -> None:
    hub.answers = [(500, {}, {})] * 20
    place = Place(hub)
    with pytest.raises(ApiError, match=r"GET /repos/o/r/issues/7/comments: 500 .*; tried 5 times"):
        place.put("text")
    assert place.waited == [1.0, 2.0, 4.0, 8.0]


def test_a_read_only_token_is_told_apart_and_not_tried_again(hub: Hub) -> None:
    hub.read_only = True
    for place in (Place(hub), Place(hub, token="wrong")):
        with pytest.raises(ApiError) as caught:
            place.put("text")
        assert caught.value.read_only and place.waited == []


def test_a_redirection_is_not_followed_with_the_token(hub: Hub) -> None:
    with serving(Hub()) as elsewhere:
        hub.answers = [(307, {"Location": f"{elsewhere.url}/repos/o/r/issues/7/comments"}, {})]
        with pytest.raises(ApiError, match="307"):
            Place(hub).put("text")
        assert elsewhere.requests == []


@pytest.mark.parametrize("answer", [[], "x", {"message": "?"}, [None, 3, {"user": None, "body": 7, "id": "x"}]])
def test_answers_of_another_form_are_no_crash(hub: Hub, answer: object) -> None:
    hub.answers = [(200, {}, answer)]
    try:
        Place(hub).put("text")
    except ApiError as error:
        assert "list of comments" in str(error)


def test_a_long_comment_is_cut_and_says_so(hub: Hub) -> None:
    table = "\n".join(["<details><summary>all</summary>", "", *["| ä | b |"] * 20_000, "", "</details>"])
    Place(hub).put(f"# head\n\n{table}")
    body = hub.comments[0]["body"]
    assert len(body.encode()) <= LONGEST
    assert body.count("<details>") == body.count("</details>") == 1
    assert body.endswith("more than GitHub takes.** The job summary has the whole.")
    assert "| ä | b |\n\n</details>" in body


def test_the_newest_artifact_of_the_branch_is_that_of_no_fork(hub: Hub) -> None:
    def artifact(run: int, head: int = 1, branch: str = "main", **more: object) -> dict[str, object]:
        run_of = {"id": run, "repository_id": 1, "head_repository_id": head, "head_branch": branch}
        return {"name": "base", "expired": False, "created_at": f"2026-01-{run}", "workflow_run": run_of, **more}

    hub.artifacts = [
        artifact(11),
        artifact(12),
        artifact(13, head=666),
        artifact(14, branch="topic"),
        artifact(15, expired=True),
        artifact(16, name="other"),
        {"name": "base", "workflow_run": None},
    ]
    where = Place(hub).where
    assert newest_artifact(where, "base", "main") == 12
    assert newest_artifact(where, "base", "topic") == 14
    assert newest_artifact(where, "base", "nowhere") is None
