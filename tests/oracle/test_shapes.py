"""The JSON of each endpoint has the shape that Prometheus's own has."""
import time

import pytest

from process import http


def shape(value):
    """Types in place of values; a list becomes the shapes that stand in it, a map of labels one entry."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(v) for v in value]
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "null" if value is None else "string"


def merged(shapes):
    """All the keys that any of these shapes has."""
    if all(isinstance(s, dict) for s in shapes):
        keys = {k for s in shapes for k in s}
        return {k: merged([s[k] for s in shapes if k in s]) for k in keys}
    if all(isinstance(s, list) for s in shapes):
        inner = [x for s in shapes for x in s]
        return [merged(inner)] if inner else []
    return shapes[0]


# Free-form maps: their keys are the data.
FREE = {"labels", "annotations", "metric", "discoveredLabels", "groupLabels"}


def missing(mine, theirs, path=""):
    """Where `mine` lacks what `theirs` has. More than theirs is fine."""
    if isinstance(theirs, dict):
        if not isinstance(mine, dict):
            yield f"{path or '.'}: {mine!r} in place of an object"
            return
        for key, value in theirs.items():
            if key not in mine:
                yield f"{path}.{key} is missing"
            elif key in FREE and isinstance(value, dict):
                if not isinstance(mine[key], dict):
                    yield f"{path}.{key}: {mine[key]!r} in place of an object"
            else:
                yield from missing(mine[key], value, f"{path}.{key}")
    elif isinstance(theirs, list):
        if not isinstance(mine, list):
            yield f"{path}: {mine!r} in place of an array"
        elif theirs and mine:
            yield from missing(merged(mine), merged(theirs), path + "[]")
        elif theirs and not mine:
            yield f"{path}: an empty array in place of a full one"
    elif mine != theirs:
        yield f"{path}: {mine} in place of {theirs}"


NOW = int(time.time())
PROMETHEUS = [
    "/api/v1/query?query=up",
    "/api/v1/query?query=up[10s]",
    "/api/v1/query?query=1",
    "/api/v1/query?query=%22a%22",
    "/api/v1/query?query=no_such_series",
    f"/api/v1/query_range?query=vector(1)&start={NOW - 60}&end={NOW}&step=15",
    "/api/v1/series?match[]=up",
    "/api/v1/labels",
    "/api/v1/label/job/values",
    "/api/v1/label/no_such_label/values",
    "/api/v1/rules",
    "/api/v1/rules?type=alert",
    "/api/v1/rules?type=record",
    "/api/v1/alerts",
    "/api/v1/targets",
    "/api/v1/targets?state=active",
    "/api/v1/status/buildinfo",
    "/api/v1/status/runtimeinfo",
    "/api/v1/status/config",
    "/api/v1/status/tsdb",
    "/api/v1/status/walreplay",
    "/api/v1/targets/metadata",
    "/api/v1/targets/metadata?metric=disk_free_bytes",
    "/api/v1/targets/metadata?match_target={job=%22node%22}&limit=2",
    "/api/v1/targets/metadata?limit=x",
    "/api/v1/alertmanagers",
    "/api/v1/query_exemplars?query=up&start=0&end=1",
    "/api/v1/query_exemplars?query=up&start=1&end=0",
    "/api/v1/format_query?query=sum(up)by(job)",
    "/api/v1/format_query?query=sum(",
    "/api/v1/query?query=rats(",
    "/api/v1/query?query=up&stats=true",
    "/api/v1/query_range?query=up&start=1&end=5&step=1&stats=all",
    "/api/v1/query",
]

@pytest.mark.parametrize("path", PROMETHEUS)
def test_prometheus_v1_has_its_shape(pair, path):
    mine, theirs = (http(s.url + path) for s in pair)
    assert mine.status == theirs.status, mine.text
    assert mine.headers.get_content_type() == theirs.headers.get_content_type()
    faults = list(missing(shape(mine.json()), shape(theirs.json())))
    assert not faults, "\n".join(faults)


def test_the_comparison_itself_finds_what_differs():
    theirs = {"a": [{"b": 1, "labels": {"x": "y"}}], "c": "s"}
    good = {"a": [{"b": 2.5, "labels": {}}, {"b": 1, "labels": {}, "more": 1}], "c": "t", "d": None}
    assert list(missing(shape(good), shape(theirs))) == []
    for bad in ({"a": [], "c": "t"}, {"a": [{"labels": {}}], "c": "t"}, {"a": [{"b": "1", "labels": {}}], "c": "t"},
                {"a": [{"b": 1, "labels": []}], "c": "t"}, {"a": [{"b": 1, "labels": {}}]}, {"a": {}, "c": "t"}):
        assert list(missing(shape(bad), shape(theirs))), bad
