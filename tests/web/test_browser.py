"""The whole story in a real browser: Chromium plays an editor and an approver (issue of the desk, R-77 to R-81)."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from typer.testing import CliRunner

from dagster_project.api.clock import Clock
from dagster_project.api.server import Serving, application
from dagster_project.cli.app import app
from dagster_project.register import keys, place, store, users
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from dagster_project.web import mounted
from tests.deals.conftest import ADA, BEN, NOW, VELA, YARROW
from tests.door.test_killed import free_port
from tests.scenarios import pipeline
from tests.web.conftest import PASSWORD, PEOPLE, ROOT

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
NOT_HERE = "Chromium is not here: install the package chromium to play the pages in a browser."
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NOT_HERE)


@contextlib.contextmanager
def served(folder: Path, publish: str | None = "files") -> Iterator[tuple[str, Serving]]:
    """Pages at an address of this machine."""
    warehouse = Warehouse(folder / "warehouse")
    (folder / "inbox").mkdir(exist_ok=True)
    register = store.opened(place.location_of(warehouse))
    for email, role in PEOPLE.items():
        users.add(register, email, role, PASSWORD, NOW)
    serving = Serving(warehouse, folder / "books", folder / "inbox", register, Clock(NOW))
    mounting = mounted.pages(str(folder / "salesforce"), publish, None, is_secure=False)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(serving, mounting), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}", serving
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def _sign_in(browser: Browser, address: str, email: str, width: int = 1280, *, scripts: bool = False) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
    elsewhere: list[str] = []

    def within(route: Route) -> None:
        if route.request.url.startswith(address):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    context.route("**/*", within)
    page = context.new_page()
    page.elsewhere = elsewhere  # type: ignore[attr-defined]
    page.goto(address)
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    return page


def test_r77_from_a_closed_deal_to_the_invoice(browser: Browser, history: Path, tmp_path: Path) -> None:
    shutil.copytree(history, tmp_path / "site")
    _git(tmp_path / "site" / "books", "init", "--quiet")
    _committed(tmp_path / "site" / "books")
    deal = f"/desk/deal-{VELA}"
    with served(tmp_path / "site", publish=None) as (address, serving):
        editor = _sign_in(browser, address, BEN)
        editor.goto(f"{address}/desk")
        editor.click("text=Sync Salesforce")
        editor.click(f"text=deal-{VELA}")
        point = editor.locator("form[action$='/dismiss']:has(input[name=point])", has_text="").first
        assert editor.locator("text=First two months at half price").count()
        point.locator("input[name=because]").fill("sales withdrew it")
        point.locator("button").click()
        _set_term(editor, "net_terms", "45")
        assert editor.locator("h2:has-text('Open points')").count() == 0
        billed = editor.locator("h2:has-text('What will be billed') ~ div table").first.inner_text()
        assert editor.locator("text=Approve what is shown here").count() == 0
        # what was shown is no longer what it is
        stale = _sign_in(browser, address, ADA)
        stale.goto(f"{address}{deal}")
        _set_term(editor, "net_terms", "60")
        assert "CHANGED_SINCE_REVIEW" in _approves(stale)
        # whoever made the last edit may not approve it
        admin = _sign_in(browser, address, ROOT)
        admin.goto(f"{address}{deal}")
        _set_term(admin, "net_terms", "30")
        assert "FOUR_EYES" in _approves(admin)
        late, approver = _sign_in(browser, address, ADA), _sign_in(browser, address, ADA)
        late.goto(f"{address}{deal}")
        approver.goto(f"{address}{deal}")
        _approves(approver)
        assert approver.locator(".state.applied").count()
        assert f"already applied by {ADA}" in _approves(late)
        author, subject, *said = _git(serving.books, "log", "-1", "--format=%ae%n%B").splitlines()
        assert (author, subject) == (ADA, f"Apply deal-{VELA}")
        assert f"Opportunity: {VELA}" in said
        assert any(re.fullmatch("Reviewed-Hash: [0-9a-f]{64}", line) for line in said)
        assert _git(serving.books, "status", "--porcelain") == ""
        pipeline.run(serving.books, serving.inbox, serving.warehouse.root, "2026-06-10")
        with published(serving.warehouse) as marts:
            totals = fetch(
                marts,
                "select total from marts.invoices where contract_id = $id and status = 'issued' order by number",
                {"id": f"sf-{VELA}"},
            )
        assert f"{totals.row(0)[0]:,.2f}" in billed
        approver.goto(f"{address}{deal}")
        assert approver.locator(".state.billing").count()
        for page in (editor, stale, admin, approver, late):
            assert page.elsewhere == []  # type: ignore[attr-defined]


def _set_term(page: Page, term: str, value: str) -> None:
    page.fill("input[name=term]", term)
    page.fill("form[action$='/set'] input[name=value]", value)
    page.fill("form[action$='/set'] input[name=because]", "agreed by phone")
    page.click("text=Set term")


def _approves(page: Page) -> str:
    """What is shown to somebody who approves what a page shows."""
    page.fill("form[action$='/approve'] input[name=because]", "as signed")
    page.click("text=Approve what is shown here")
    return page.inner_text("body")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _committed(books: Path) -> None:
    _git(books, "config", "user.email", "ops@acme.ai")
    _git(books, "config", "user.name", "ops")
    _git(books, "add", "-A")
    _git(books, "commit", "--quiet", "-m", "Books")


@pytest.mark.parametrize("width", [360, 1280])
def test_r80_pages_fit_their_window(browser: Browser, history: Path, tmp_path: Path, width: int) -> None:
    shutil.copytree(history, tmp_path / "site")
    with served(tmp_path / "site") as (address, _):
        page = _sign_in(browser, address, ADA, width)
        page.goto(f"{address}/desk")
        page.click("text=Sync Salesforce")
        for path in (
            "/",
            "/desk",
            "/invoices",
            "/contracts/acme-2026",
            "/events",
            "/catalogue/rate-cards",
            "/propose/meter",
            "/refused",
            "/quarantine",
            f"/desk/deal-{YARROW}",
        ):
            page.goto(f"{address}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert page.locator("h1").count() == 1


def test_r81_a_form_is_checked_while_somebody_types(browser: Browser, history: Path, tmp_path: Path) -> None:
    shutil.copytree(history, tmp_path / "site")
    with served(tmp_path / "site") as (address, _):
        page = _sign_in(browser, address, BEN, scripts=True)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{address}/propose/meter")
        checked = page.locator("#checked")
        page.locator("[name=code]").press_sequentially("FAXES")
        expect(checked).to_contain_text("Still to fill in: Event Name", timeout=30_000)
        page.fill("[name=event_name]", "fax_sent")
        expect(checked).to_contain_text("aggregation_key", timeout=30_000)
        page.fill("[name=aggregation_key]", "pages")
        expect(checked).to_contain_text("The books take this", timeout=30_000)
        assert page.url.endswith("/propose/meter")
        assert said == []  # nothing that the policy of contents would have refused
        assert page.elsewhere == []  # type: ignore[attr-defined]
        page.goto(f"{address}/desk?q=change-")
        assert page.locator("text=Nothing here").count()


GUIDE = {
    "/propose/meter": {
        "code": "AI_CALL",
        "display_name": "AI Calls",
        "event_name": "ai_call",
        "aggregation": "sum",
        "aggregation_key": "duration_minutes",
        "group_keys": "region, call_outcome",
    },
    "/propose/rate-card": {
        "code": "AI_CALL_RATES",
        "meter": "AI_CALL",
        "rows": "region,call_outcome,rate\nUS,resolved,2.00\nUS,transferred,4.00\nUS,escalated,6.00\nEU,resolved,2.50",
    },
    "/propose/pricing": {
        "code": "AI_CALL_PRICING",
        "name": "AI Calls",
        "meter": "AI_CALL",
        "model": "per_unit",
        "amount": "4.00",
        "rate_card": "AI_CALL_RATES",
    },
    "/propose/plan": {
        "code": "guide",
        "name": "Guide",
        "currency": "USD",
        "billing_frequency": "monthly",
        "pricings": "AI_CALL_PRICING",
    },
    "/propose/customer": {"id": "cust_1", "name": "First"},
    "/propose/contract": {"id": "first-2026", "customer": "cust_1", "plan": "guide", "start_date": "2026-01-01"},
}


def test_the_guides_six_steps_on_empty_books(browser: Browser, tmp_path: Path) -> None:
    """Meter, rate card, pricing, plan, customer and contract by forms on what `init` writes; 150 events by HTTP; 425.00."""
    folder = tmp_path / "site"
    assert CliRunner().invoke(app, ["init", str(folder), "--empty"]).exit_code == 0
    (folder / "salesforce").mkdir()
    with served(folder) as (address, serving):
        page, approver = _sign_in(browser, address, BEN), _sign_in(browser, address, ADA)
        for path, fields in GUIDE.items():
            page.goto(f"{address}{path}")
            for name, value in fields.items():
                field = page.locator(f"[name={name}]")
                if field.evaluate("one => one.tagName") == "SELECT":
                    field.select_option(value)
                else:
                    field.fill(value)
            page.fill("input[name=because]", "the guide")
            page.click("text=Save as a proposal")
            approver.goto(page.url)
            _approves(approver)
            assert approver.locator(".state.applied").count(), approver.content()[-800:]
        calls = [
            *[("US", "resolved")] * 60,
            *[("US", "transferred")] * 30,
            *[("US", "escalated")] * 10,
            *[("EU", "resolved")] * 50,
        ]
        call = {"event_name": "ai_call", "customer_id": "cust_1", "timestamp": "2026-01-10T10:00:00Z"}
        events = [
            call | {"properties": {"region": region, "call_outcome": outcome, "duration_minutes": 1}}
            for region, outcome in calls
        ]
        key = {"authorization": f"Bearer {keys.create(serving.register, 'guide', ['usage:write'], NOW)}"}
        # a door looks every second whether its books have changed
        until = time.monotonic() + 60
        while httpx.post(f"{address}/v1/events/batch?dry_run=true", json=events[:1], headers=key).json().get("notices"):
            assert time.monotonic() < until
            time.sleep(0.2)
        said = httpx.post(f"{address}/v1/events/batch", json=events, headers=key)
        assert (said.status_code, said.json().get("notices")) == (202, None)
        pipeline.run(serving.books, serving.inbox, serving.warehouse.root, "2026-04-07")
        page.goto(f"{address}/invoices")
        page.click("text=INV-000001")
        assert page.locator("tr.sum:has-text('425.00')").count()
        assert page.locator("details summary").all_inner_texts() == [
            "AI Calls - EU / Resolved",
            "AI Calls - US / Escalated",
            "AI Calls - US / Resolved",
            "AI Calls - US / Transferred",
        ]
