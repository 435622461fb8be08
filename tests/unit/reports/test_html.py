"""The page of a batch: whole in one file, readable by machines that read to people, and bounded in size."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jobs.reports.html import MOST_DETAILED, render_html, steps
from jobs.specs import Outcome, Verdict
from recovery import BrowserType, RecoveryLevel
from tests.unit.reports.verdicts import SLOWER, attempt, compared, header, verdict

_VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """The page's elements, and whether each that opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


RECOVERED = verdict(
    "chrome/bert/wasm",
    attempts=(attempt(1, "crash", cause="the browser died"), attempt(2, "passed", RecoveryLevel.MODERATE)),
    recovered=True,
)
EVERY_KIND = [
    *(verdict(outcome.value, outcome, reason=f"it {outcome.value}") for outcome in Outcome),
    RECOVERED,
    verdict("other", degraded=True, browser=BrowserType.FIREFOX),
    verdict("native", simulated=True, browser=None, measurement=None),
]


def test_it_asks_nothing_of_anybody() -> None:
    text = render_html(header(), EVERY_KIND, compared(SLOWER))
    page = Page(text)
    assert {"script", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in page.elements)
    assert not re.search(r"(src|srcset|action)=|@import|url\(|https?:", text)
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert "default-src 'none'" in text
    assert all((link["href"] or "").startswith("#") for link in page.all("a"))


def test_it_tells_of_every_kind_of_verdict_and_of_the_way_there() -> None:
    page = Page(render_html(header(), EVERY_KIND, compared(SLOWER)))
    for said in (
        "it failed", "it error", "the browser died", "level 2 moderate", "native onnxruntime", "firefox on webgpu",
        "1 passed degraded , which this batch does not allow", "10.0 ms", "30.0 ms", "By model type",
        "7 tests, 7 of them with their attempts",
    ):  # fmt: skip
        assert said in page.text, said


def test_tables_are_told_by_captions_and_headings_and_what_scrolls_can_be_reached() -> None:
    page = Page(render_html(header(), EVERY_KIND, compared(SLOWER)))
    assert len(page.all("caption")) == len(page.all("table")) >= 8
    assert all(cell.get("scope") in {"col", "row"} for cell in page.all("th"))
    scrolled = [one for one in page.all("div") if one.get("class") == "scroll"]
    assert scrolled
    assert all(one.get("tabindex") == "0" and (one.get("aria-label") or one.get("aria-labelledby")) for one in scrolled)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert set(named) <= set(ids)
    assert {(link["href"] or "")[1:] for link in page.all("a")} <= set(ids)
    assert page.all("html") == [{"lang": "en"}]


@given(st.text())
def test_no_text_of_a_test_becomes_markup(text: str) -> None:
    said = f"<b>{text}</b><script>"
    one = verdict("a", Outcome.FAILED, reason=said, attempts=(attempt(1, "failed", cause=said),))
    page = Page(render_html(header(), [one]))
    assert not page.all("b")
    assert not page.all("script")


def test_ten_thousand_tests_make_a_page_that_opens_and_says_what_it_leaves_out() -> None:
    many = [verdict(f"t{number}") for number in range(9_000)]
    many += [verdict(f"e{number}", Outcome.ERROR) for number in range(1_000)]
    text = render_html(header(), many)
    page = Page(text)
    assert len([one for one in page.all("details") if one.get("class") == "test"]) == MOST_DETAILED
    assert "open" not in str(page.all("details"))
    assert "10,000 tests, 500 of them with their attempts; the JSON report has all" in page.text
    assert len(text.encode()) < 4_000_000
    assert f"This page: {len(text.encode()) / 1e6:.1f} MB" in page.text


def test_attempts_lie_on_one_line_of_time() -> None:
    first, second = (attempt(number, "crash") for number in (1, 2))
    one = verdict(attempts=(first, second.model_copy(update={"started_at": 1.5, "seconds": 0.5})))
    assert [(step.left, step.width) for step in steps(one)] == [(0.0, 25.0), (75.0, 25.0)]


def test_tests_without_a_verdict_are_told() -> None:
    page = Page(render_html(header().model_copy(update={"total": 3}), [verdict()]))
    assert "2 tests have no verdict" in page.text


def test_a_batch_without_verdicts_has_a_page() -> None:
    none: list[Verdict] = []
    assert "No test has a verdict." in Page(render_html(header(), none)).text


def test_an_attempt_links_to_its_artefacts_from_where_the_page_lies() -> None:
    one = verdict(attempts=(attempt(1, "crash"), attempt(2, "passed", RecoveryLevel.MODERATE)), recovered=True)
    files = {(one.test, 1): {"driver.log": Path("/kept/a b/t.1.driver.log")}, ("other", 1): {"x": Path("/kept/other")}}
    page = Page(render_html(header(), [one], files=files, path=Path("/reports/report.html")))
    links = [link["href"] for link in page.all("a") if not str(link["href"]).startswith("#")]
    assert links == ["../kept/a%20b/t.1.driver.log"]
    assert " driver.log " in page.text
