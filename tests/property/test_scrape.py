"""Answers to whoever scrapes: bounded, read only, and for this computer alone."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.prometheus import by, one, render, unnamed
from gateway.scrape import respond

NAMES = st.dictionaries(st.text(), st.floats(allow_nan=False), max_size=5)
STATUSES = (b"200 ", b"403 ", b"404 ", b"405 ")


@given(st.binary(max_size=300))
def test_whatever_is_asked_the_answer_is_whole_http(head: bytes) -> None:
    answer = respond(head, lambda: "a 1\n")
    first, _, rest = answer.partition(b"\r\n")
    assert first.startswith(b"HTTP/1.1 ")
    assert first.removeprefix(b"HTTP/1.1 ").startswith(STATUSES)
    headers, _, body = rest.partition(b"\r\n\r\n")
    if not head.startswith(b"HEAD "):
        assert f"Content-Length: {len(body)}".encode() in headers


@given(st.from_regex(r"[a-z0-9.-]{1,30}(:[0-9]{1,5})?", fullmatch=True))
def test_a_host_that_is_not_this_computer_gets_nothing(host: str) -> None:
    head = f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    ours = host.partition(":")[0] in ("localhost", "127.0.0.1")
    assert (b"secret" in respond(head, lambda: "secret 1\n")) == ours


def test_only_reading_the_one_page_is_answered() -> None:
    for line, status in (
        ("GET /metrics HTTP/1.1\r\nHost: [::1]:9464", b"200"),
        ("GET /metrics?x=1 HTTP/1.0", b"200"),
        ("GET / HTTP/1.1", b"404"),
        ("POST /metrics HTTP/1.1", b"405"),
        ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nhost: localhost", b"403"),
    ):
        assert respond(f"{line}\r\n\r\n".encode(), lambda: "a 1\n")[9:12] == status
    assert respond(b"HEAD /metrics HTTP/1.1\r\n\r\n", lambda: "a 1\n").endswith(b"\r\n\r\n")


@given(NAMES, st.text())
def test_prometheus_reads_what_was_written(values: dict[str, float], about: str) -> None:
    made = [by("sidestream_x", "gauge", about, "source", values), one("b_total", "counter", "", 1)]
    found = {family.name: family for family in text_string_to_metric_families(render(made))}
    read = {sample.labels["source"]: sample.value for sample in found["sidestream_x"].samples}
    assert read == values
    assert found["b"].type == "counter"


@given(NAMES)
def test_without_names_none_is_written_and_counts_are_added_up(values: dict[str, float]) -> None:
    made = [
        by("sidestream_x_total", "counter", "", "member", values),
        by("sidestream_x_time_seconds", "gauge", "", "member", values),
        by("sidestream_y", "gauge", "", "reason", {"late": 2.0}),
    ]
    counted, instants, reasons = unnamed(made)
    if values:
        assert counted.values == {(): sum(values.values())}
        assert instants.values == {(): min(values.values())}
    assert "member=" not in render([counted, instants])
    assert reasons.values == {(("reason", "late"),): 2.0}
