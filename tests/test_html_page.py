"""The HTML report in a real Chromium, from a file. CODEBENCH_REQUIRE_CHROMIUM=1 (set by `make test`) forbids skipping."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from made_up_runs import ATTACKS, write_friendly, write_hostile
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from codebench.runs.html_report import write_html_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


CODE = """@cache.of
def größe(x):
    \"\"\"Say # it,
    "twice".\"\"\"
    return len(rb'\\'') @ x2, f'{x}\\\\', 0x1F, 1e5  # 'why' 😀
"open
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An open page, and what it did that a page of ours never does."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def rows(self) -> Locator:
        return self.page.locator(".grid:visible .space .row")

    def column(self, name: str) -> list[str]:
        return self.page.locator(f".grid:visible .space .c-{name}").all_inner_texts()

    def shown(self, pattern: str) -> None:
        expect(self.page.locator("#shown")).to_have_text(re.compile(pattern))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CODEBENCH_REQUIRE_CHROMIUM") == "1":
            pytest.fail(
                "tests of the HTML report are required here, and there is no chromium; run .ci/chromium install"
            )
        pytest.skip("no chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def friendly_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("friendly")
    write_html_report([write_friendly(folder / "RUN")], folder / "page.html")
    return folder / "page.html"


@pytest.fixture
def visit(browser: Browser, friendly_page: Path) -> Iterator[Visit]:
    """The page of a friendly run; at the end nothing was requested, and nothing went wrong."""
    visit = opened(browser, friendly_page)
    yield visit
    visit.page.close()
    assert visit.complaints == []
    assert visit.requests == [friendly_page.as_uri()]


def opened(browser: Browser, file: Path, **choices: object) -> Visit:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, **choices)  # type: ignore[arg-type]  # forwarded
    visit = Visit(page=page)
    page.on("console", lambda message: visit.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (visit.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: visit.requests.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready=charts]", timeout=60_000)
    return visit


def test_a_page_opens_with_scores_charts_and_all_samples(visit: Visit) -> None:
    expect(visit.page.locator("h1")).to_have_text("made-up:friendly")
    expect(visit.page.locator(".card .label").first).to_have_text("pass@1")
    assert visit.page.locator(".plot svg").count() == 3
    visit.shown("^60 samples of 60$")


def test_a_click_on_a_head_sorts_and_another_one_turns_the_order_round(visit: Visit) -> None:
    head = visit.page.get_by_role("columnheader", name="CPU")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert visit.column("cpu_s")[0] == "110.0 ms"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert visit.column("cpu_s")[0] == "0 µs"


def test_verdicts_problems_and_text_filter_the_samples(visit: Visit) -> None:
    visit.page.locator(".toggle", has_text="timeout").click()
    visit.shown("^8 samples")
    assert set(visit.column("verdict")) == {"timeout"}
    visit.page.locator(".toggle", has_text="timeout").click()
    visit.page.locator("#filter-problem").fill("up/007")
    visit.shown("^5 samples")
    visit.page.locator("#filter-words").fill("EXPECTED 19")
    visit.shown("^3 samples")


def test_flagged_answers_and_weaknesses_can_be_filtered(visit: Visit) -> None:
    visit.page.locator(".toggle", has_text="flagged").click()
    visit.shown("^20 samples")
    visit.page.locator("#filter-cwe").select_option("89")
    visit.shown("^5 samples")


def test_text_is_found_in_code_when_asked_for(visit: Visit) -> None:
    visit.page.locator("#filter-words").fill("needle of 11")
    visit.shown("^0 samples")
    expect(visit.page.locator(".grid:visible .nothing")).to_be_visible()
    visit.page.locator("#deep").check()
    visit.shown("^5 samples")


def test_a_sample_shows_its_code_prompt_output_findings_and_checks(visit: Visit) -> None:
    visit.rows.first.click()
    dialog = visit.page.locator("dialog")
    expect(dialog.locator("h2")).to_contain_text("made-up/000 · sample 0")
    expect(dialog.locator("pre.code")).to_contain_text("return 'ü0'")
    expect(dialog.locator("pre.code .h-keyword").first).to_have_text("def")
    expect(dialog.locator("pre.code .marked")).to_contain_text("# the needle of 0")
    expect(dialog.locator(".findings")).to_contain_text("CWE-89")
    for title, text in (("Prompt", "Complete def"), ("Model's output", "Here: def"), ("stdout", "printed")):
        block = dialog.locator("details", has=visit.page.locator("summary", has_text=title))
        expect(block.locator("pre")).to_contain_text(text)
    expect(dialog.locator("td", has_text="3 of 3")).to_be_visible()


def test_code_is_coloured_and_stays_as_it_is(browser: Browser, tmp_path: Path) -> None:
    write_html_report([write_friendly(tmp_path / "RUN", problems=1, samples=1, code=CODE)], tmp_path / "page.html")
    visit = opened(browser, tmp_path / "page.html")
    visit.rows.first.click()
    assert visit.page.locator("pre.code").text_content() == CODE
    coloured = {
        kind: visit.page.locator(f"pre.code .h-{kind}").all_text_contents()
        for kind in ("keyword", "name", "string", "comment", "number", "builtin", "decorator")
    }
    visit.page.close()
    assert coloured == {
        "keyword": ["def", "return"],
        "name": ["größe"],
        "string": ['"""Say # it,', '    "twice"."""', "rb'\\''", "f'{x}\\\\'", '"open'],
        "comment": ["# 'why' 😀"],
        "number": ["0x1F", "1e5"],
        "builtin": ["len"],
        "decorator": ["@cache.of"],
    }


def test_the_keyboard_finds_opens_walks_and_closes(visit: Visit) -> None:
    keyboard = visit.page.keyboard
    keyboard.press("/")
    keyboard.type("expected")
    visit.shown("^(?!60 )")
    keyboard.press("ArrowDown")
    expect(visit.page.locator(".grid-samples")).to_be_focused()
    keyboard.press("End")
    keyboard.press("Home")
    keyboard.press("ArrowDown")
    assert visit.page.locator(".grid-samples").get_attribute("aria-activedescendant") == "grid-samples-1"
    keyboard.press("Enter")
    title = visit.page.locator("dialog h2")
    expect(title).to_contain_text("made-up/000 · sample 3")
    keyboard.press("ArrowRight")
    expect(title).to_contain_text("made-up/000 · sample 4")
    keyboard.press("Escape")
    expect(visit.page.locator("dialog")).to_be_hidden()
    expect(visit.page.locator(".grid-samples")).to_be_focused()


def test_a_problem_lists_its_samples_and_leads_to_them(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Problems").click()
    assert visit.rows.count() == 12
    visit.rows.nth(2).click()
    dialog = visit.page.locator("dialog")
    expect(dialog.locator("h2")).to_contain_text("made-up/002")
    expect(dialog.locator("button.sample")).to_have_count(5)
    dialog.locator("button.sample").nth(4).click()
    expect(dialog.locator("h2")).to_contain_text("made-up/002 · sample 4")


def test_dark_and_light_follow_the_system_until_the_reader_chooses(browser: Browser, friendly_page: Path) -> None:
    visit = opened(browser, friendly_page, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = visit.page.evaluate(background)
    visit.page.locator("#scheme").click()
    light = visit.page.evaluate(background)
    visit.page.close()
    assert (dark, light) == ("rgb(20, 23, 28)", "rgb(250, 249, 247)")
    assert visit.complaints == []


def test_a_narrow_page_does_not_scroll_sideways(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.rows.first.click()
    expect(visit.page.locator("pre.code")).to_be_visible()
    width = "Math.max(document.documentElement.scrollWidth, document.querySelector('dialog').scrollWidth)"
    assert visit.page.evaluate(width) <= 390


def test_only_the_rows_in_view_are_elements(browser: Browser, tmp_path: Path) -> None:
    write_html_report([write_friendly(tmp_path / "RUN", problems=150, samples=20)], tmp_path / "page.html")
    visit = opened(browser, tmp_path / "page.html")
    visit.shown("3,000")
    assert visit.rows.count() < 60
    visit.page.locator(".grid-samples").press("End")
    expect(visit.page.locator("#grid-samples-2999")).to_contain_text("made-up/149")
    visit.page.close()
    assert visit.complaints == []


def test_runs_stand_side_by_side(browser: Browser, tmp_path: Path) -> None:
    runs = [write_friendly(tmp_path / name, model=f"replay:{name}.jsonl") for name in ("one", "two", "three")]
    write_html_report(runs, tmp_path / "page.html")
    visit = opened(browser, tmp_path / "page.html")
    visit.shown("^180 samples of 180$")
    visit.page.locator("#filter-run").select_option(label="two")
    visit.shown("^60 samples")
    assert set(visit.column("run")) == {"two"}
    visit.rows.first.click()
    expect(visit.page.locator("dialog .kicker")).to_have_text("made-up · replay:two.jsonl")
    visit.page.keyboard.press("Escape")
    visit.page.get_by_role("button", name="Problems").click()
    visit.rows.first.click()
    expect(visit.page.locator("dialog section h3")).to_have_text(["one", "two", "three"])
    visit.page.close()
    assert visit.complaints == []


def test_a_point_in_the_scatter_lists_its_problems(visit: Visit) -> None:
    visit.page.locator(".plot").last.locator("[aria-roledescription=circle]").last.click()
    expect(visit.page.locator("#picked")).to_be_visible()
    expect(visit.page.locator(".grid-problems")).to_be_visible()
    assert 0 < visit.rows.count() < 12
    visit.page.locator("#picked").click()
    visit.shown("^60 samples of 60$")


def test_nothing_of_a_hostile_run_runs_loads_or_becomes_an_element(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    write_html_report([write_hostile(tmp_path / "RUN")], file)
    visit = opened(browser, file)
    visit.page.evaluate("void (globalThis.alert = (text) => console.error(`alert: ${text}`))")
    allowed = set(visit.page.evaluate("[...document.querySelectorAll('*')].map((one) => one.localName)"))
    for place in range(visit.rows.count()):
        visit.page.locator(".grid-samples").press("Home" if place == 0 else "ArrowDown")
        visit.page.locator(".grid-samples").press("Enter")
        expect(visit.page.locator("dialog pre.code")).to_contain_text(ATTACKS[1])
        allowed |= set(visit.page.evaluate("[...document.querySelectorAll('dialog *')].map((one) => one.localName)"))
        visit.page.keyboard.press("Escape")
    visit.page.get_by_role("button", name="Problems").click()
    visit.page.locator(".plot svg path").first.hover(force=True)
    visit.page.close()
    assert allowed & {"img", "iframe", "link", "base", "template", "b", "object", "textarea"} == set()
    assert visit.complaints == []
    assert visit.requests == [file.as_uri()]


def test_a_script_that_got_into_the_page_would_not_run(visit: Visit) -> None:
    visit.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'globalThis.ran = true' }))"
    )
    assert visit.page.evaluate("globalThis.ran") is None
    assert any("Content Security Policy" in one for one in visit.complaints)
    visit.complaints.clear()
