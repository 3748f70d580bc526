"""Take the pictures of docs/html-report.md: python docs/screenshots.py PAGE.html [FOLDER]; needs Chromium and Pillow.

PAGE.html is what `codebench report RUN --html PAGE.html` writes.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

QUIET = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"


def main() -> None:
    page, folder = Path(sys.argv[1]), Path(*sys.argv[2:3] or ["docs/images"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET.split())
        for scheme in ("light", "dark"):
            save(opened(browser, page, scheme, 1280), folder / f"html-report-{scheme}.png")
        save(opened(browser, page, "light", 390), folder / "html-report-narrow.png", height=1700)
        save(with_sample(opened(browser, page, "light", 1280)), folder / "html-report-sample.png", height=0)
        save(with_problems(opened(browser, page, "dark", 1280)), folder / "html-report-problems.png", height=0)
        browser.close()


def opened(browser: Browser, file: Path, scheme: str, width: int) -> Page:
    height = 1000 if width > 1000 else 844
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # one of two
    page.goto(file.absolute().as_uri())
    page.wait_for_selector("html[data-ready=charts]")
    return page


def with_sample(page: Page) -> Page:
    """A sample with findings, or else one that is wrong."""
    flagged = page.locator(".toggle", has_text="flagged")
    (flagged if flagged.count() else page.locator(".toggle", has_text="fail")).click()
    page.wait_for_timeout(200)
    page.locator(".grid:visible .space .row").first.click()
    page.wait_for_selector("pre.code")
    return page


def with_problems(page: Page) -> Page:
    page.locator(".tabs button[name=problems]").click()
    page.locator("#samples").evaluate("(element) => element.scrollIntoView({ behavior: 'instant' })")
    return page


def save(page: Page, file: Path, height: int = 2000) -> None:
    """The top `height` pixels of the page, or what is in view where it is 0."""
    page.wait_for_timeout(300)
    shot = Image.open(io.BytesIO(page.screenshot(full_page=height > 0)))
    image = shot.crop((0, 0, shot.width, min(shot.height, height or shot.height)))
    image.convert("RGB").save(file, optimize=True)
    page.close()


if __name__ == "__main__":
    main()
