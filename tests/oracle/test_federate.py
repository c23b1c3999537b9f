"""/federate says the same as Prometheus's, line by line, but for when and by whom it was scraped."""
import re

import pytest

from process import http

SELECTORS = [["up"], ['{__name__=~"disk_.*"}'], ['requests_total{code="500"}', 'requests_total{method="get"}'],
             ['{__name__=~".+"}'], ["odd"], ["no_such_series"], ["disk:used:ratio"], ['ALERTS{alertstate="firing"}']]


def lines(subject, selectors, others):
    """Samples without their times, sorted within each metric as nobody promises an order there."""
    query = "&".join("match[]=" + http_quote(s) for s in selectors)
    answer = http(f"{subject.url}/federate?{query}")
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = []
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            line = re.sub(r" \d{13}$", " TIME", line)
        found.append(line)
    return found


def http_quote(text):
    import urllib.parse
    return urllib.parse.quote(text)


def comparable(found):
    """What depends on the one who scrapes: own metrics, durations, ports of the two, the values of alerts' ages."""
    kept = [re.sub(r'instance="localhost:\d+"', 'instance="HERE"', line) for line in found]
    return sorted(line for line in kept
                  if 'job="prometheus"' not in line
                  and not re.match(r"(# TYPE )?(prometheus|go|process|promhttp|net_conntrack|tolld|alertmanager|"
                                   r"scrape_duration|scrape_series_added|ALERTS_FOR_STATE)", line))


@pytest.mark.parametrize("selectors", SELECTORS, ids=[" or ".join(s) for s in SELECTORS])
def test_the_same_samples_come(pair, selectors):
    mine, theirs = (comparable(lines(s, selectors, pair)) for s in pair)
    assert mine == theirs


def test_bad_selectors_are_refused(pair):
    for selector in ("up[5m]", "sum(up)", "{", "1"):
        mine, theirs = (http(f"{s.url}/federate?match[]={http_quote(selector)}") for s in pair)
        assert mine.status == theirs.status == 400, selector
