"""Parameters, and what is said of wrong ones: as Prometheus, word by word where the words are not about the fault itself."""
import re

import pytest

from process import http

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

# Both answer the same, but for times that are now.
SAME = [
    "/api/v1/query?query=1&time=1e3", "/api/v1/query?query=1&time=1.2345", "/api/v1/query?query=1&time=1.9996",
    "/api/v1/query?query=1&time=-5", "/api/v1/query?query=1&time=2015-07-01T20:10:51.781%2B02:00",
    "/api/v1/query?query=1&time=abc", "/api/v1/query?query=1&timeout=abc", "/api/v1/query?query=1&timeout=1s&time=1",
    "/api/v1/query?query=1>2&time=1", "/api/v1/query?query=%22%3C%3E%26%22&time=1", "/api/v1/query?query=0.1%2B0.2&time=1",
    "/api/v1/query?query=123456789012345680000&time=1", "/api/v1/query?query=-Inf&time=1",
    "/api/v1/query_range?query=1", "/api/v1/query_range?query=1&start=1", "/api/v1/query_range?query=1&start=1&end=a",
    "/api/v1/query_range?query=1&start=1&end=3", "/api/v1/query_range?query=1&start=1&end=3&step=0",
    "/api/v1/query_range?query=1&start=1&end=3&step=-1", "/api/v1/query_range?query=1&start=3&end=1&step=1",
    "/api/v1/query_range?query=1&start=1&end=3&step=1m", "/api/v1/query_range?query=1&start=1&end=3&step=abc",
    "/api/v1/query_range?query=1&start=0&end=11001&step=1", "/api/v1/query_range?query=1&start=0&end=1&step=9e99",
    "/api/v1/series", "/api/v1/series?match[]=%7B%7D", "/api/v1/series?match[]=%7Ba=''%7D", "/api/v1/series?match[]=up&start=x",
    "/api/v1/series?match[]=requests_total&match[]=disk_free_bytes",
    "/api/v1/series?match[]=odd&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z",
    "/api/v1/series?match[]=odd&start=-9223309901257974&end=9223309901257974", "/api/v1/labels?match[]=odd&start=3e15",
    "/api/v1/labels?match[]=%7B%7D", "/api/v1/labels?match[]=odd", "/api/v1/labels?end=x",
    "/api/v1/label/kind/values?match[]=%7B%7D", "/api/v1/label/kind/values?match[]=odd", "/api/v1/label//values",
    "/api/v1/metadata?metric=odd", "/api/v1/metadata?limit=x", "/api/v1/metadata?metric=odd&limit=0",
    "/api/v1/metadata?metric=requests_total", "/api/v1/metadata?metric=nope",
    "/api/v1/targets/metadata?match_target=%7B", "/api/v1/targets/metadata?match_target=%7Bjob=%22node%22%7D&metric=odd",
    "/api/v1/targets/metadata?match_target=%7B%7D&metric=odd", "/api/v1/targets/metadata?metric=nope", "/api/v1/targets/metadata?limit=0&metric=odd",
    "/api/v1/query_exemplars?query=odd", "/api/v1/query_exemplars?query=odd&start=2&end=1", "/api/v1/query_exemplars?query=sum(",
    "/api/v1/format_query?query=sum(odd)by(a)/b", "/api/v1/format_query?query=sum(", "/api/v1/rules?type=x",
    "/api/v1/scrape_pools", "/api/v1/status/walreplay", "/api/v1/nothing", "//api/v1//query?query=1&time=1",
]


def answer(subject, path):
    got = http(subject.url + path, headers={"Accept": "application/json"})
    return got.status, re.sub(r"localhost:\d+", "HERE", got.text.strip())


@pytest.mark.parametrize("path", SAME)
def test_both_answer_the_same(pair, path):
    mine, theirs = (answer(s, path) for s in pair)
    assert mine == theirs


# What version 3 says, where 2.42 has another word for it, or does not know the parameter.
SINCE = [
    ("/api/v1/query", 400, 'invalid parameter "query": unknown position: parse error: no expression found in input'),
    ("/api/v1/query?query=1&lookback_delta=abc", 400, 'error parsing lookback delta duration: cannot parse "abc" to a valid duration'),
    ("/api/v1/query?query=1&limit=-1", 400, 'invalid parameter "limit": limit must be non-negative'),
    ("/api/v1/query_range?query=1&start=x&limit=-1", 400, 'invalid parameter "limit": limit must be non-negative'),
    ("/api/v1/query_range?query=sum(&start=1&end=2&step=1", 400, 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis'),
    ("/api/v1/query_exemplars", 400, "unknown position: parse error: no expression found in input"),
    ("/api/v1/series?match[]=up&limit=-1", 400, 'invalid parameter "limit": limit must be non-negative'),
    ("/api/v1/rules?group_limit=0", 400, 'invalid parameter "group_limit": group_limit needs to be greater than 0'),
    ("/api/v1/rules?group_next_token=x", 400,
     'invalid parameter "group_next_token": group_limit needs to be set in order to paginate over the groups'),
    ("/api/v1/status/tsdb?limit=0", 400, "limit must be a positive number"),
    ("/api/v1/label/0bad/values", 200, None),
]


@pytest.mark.parametrize("path,status,error", SINCE)
def test_where_version_3_says_otherwise_it_is_followed(pair, path, status, error):
    got = http(pair[0].url + path)
    assert (got.status, got.json().get("error")) == (status, error)


def test_targets_are_listed_by_their_jobs_and_as_others_reach_them(pair):
    def targets(subject):
        data = http(subject.url + "/api/v1/targets?state=AcTiVe").json()["data"]
        assert data["droppedTargets"] == []
        return [(t["scrapePool"], t["health"], re.sub(r":\d+/", ":PORT/", t["globalUrl"])) for t in data["activeTargets"]]
    mine, theirs = (targets(s) for s in pair)
    assert mine == theirs
    assert "localhost" not in theirs[0][2]
    for subject in pair:
        assert http(subject.url + "/api/v1/targets?state=neither").json()["data"]["activeTargets"] == []


@pytest.mark.parametrize("kind", ["alert", "record", "ALERT", "Record"])
def test_rules_of_one_kind(pair, kind):
    def names(subject):
        groups = http(subject.url + "/api/v1/rules?type=" + kind).json()["data"]["groups"]
        return [(g["name"], [(r["name"], list(r.get("labels", {}).items())) for r in g["rules"]]) for g in groups]
    mine, theirs = (names(s) for s in pair)
    assert mine == theirs


def test_rules_page_by_page_are_all_the_rules(pair):
    tolld, token, seen = pair[0].url, "", []
    for _ in range(9):
        data = http(f"{tolld}/api/v1/rules?group_limit=1&group_next_token={token}").json()["data"]
        assert len(data["groups"]) == 1
        seen += [g["name"] for g in data["groups"]]
        token = data.get("groupNextToken")
        if not token:
            break
    assert seen == [g["name"] for g in http(tolld + "/api/v1/rules").json()["data"]["groups"]]


def test_escapes_that_are_none_are_refused_in_json(pair):
    mine, theirs = (http(s.url + "/api/v1/series?match[]=%zz") for s in pair)
    assert mine.status == theirs.status == 400
    assert mine.json()["errorType"] == theirs.json()["errorType"]
    assert mine.json()["error"].startswith("error parsing form values: ") and theirs.json()["error"].startswith("error parsing form values: ")


def test_a_form_comes_before_the_query(pair):
    for body, query in (("query=1", "?query=2&time=5"), ("query=1&time=5", "?time=6"), ("", "?query=1&time=7")):
        mine, theirs = (http(s.url + "/api/v1/query" + query, "POST", body=body.encode(), headers=FORM).text for s in pair)
        assert mine == theirs
