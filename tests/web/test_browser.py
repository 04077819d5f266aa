"""The whole story in a real browser: Chromium plays an editor and an approver (issue of the desk, R-77 to R-81)."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from dagster_project.api.clock import Clock
from dagster_project.api.server import Serving, application
from dagster_project.register import place, store, users
from dagster_project.warehouse.database import fetch, published
from dagster_project.warehouse.paths import Warehouse
from dagster_project.web import mounted
from tests.deals.conftest import ADA, BEN, NOW, YARROW
from tests.door.test_killed import free_port
from tests.scenarios import pipeline
from tests.web.conftest import PASSWORD, PEOPLE

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
NOT_HERE = "Chromium is not here: install the package chromium to play the pages in a browser."
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NOT_HERE)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, Serving]]:
    """Pages at an address of this machine."""
    warehouse = Warehouse(folder / "warehouse")
    (folder / "inbox").mkdir(exist_ok=True)
    register = store.opened(place.location_of(warehouse))
    for email, role in PEOPLE.items():
        users.add(register, email, role, PASSWORD, NOW)
    serving = Serving(warehouse, folder / "books", folder / "inbox", register, Clock(NOW))
    mounting = mounted.pages(str(folder / "salesforce"), "files", None, is_secure=False)
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
    deal = f"/desk/deal-{YARROW}"
    with served(tmp_path / "site") as (address, serving):
        editor = _sign_in(browser, address, BEN)
        editor.goto(f"{address}/desk")
        editor.click("text=Sync Salesforce")
        editor.click(f"text=deal-{YARROW}")
        assert editor.locator("text=Net thirty").count()
        editor.fill("input[name=term]", "net_terms")
        editor.fill("form[action$='/set'] input[name=value]", "30")
        editor.fill("form[action$='/set'] input[name=because]", "they wrote it in words")
        editor.click("text=Set term")
        assert editor.locator("h2:has-text('Open points')").count() == 0
        billed = editor.locator("h2:has-text('What will be billed') ~ div table").first.inner_text()
        assert editor.locator("text=Approve what is shown here").count() == 0
        late, approver = _sign_in(browser, address, ADA), _sign_in(browser, address, ADA)
        late.goto(f"{address}{deal}")
        approver.goto(f"{address}{deal}")
        approver.fill("form[action$='/approve'] input[name=because]", "as signed")
        approver.click("text=Approve what is shown here")
        assert approver.locator(".state.applied").count()
        late.fill("form[action$='/approve'] input[name=because]", "me too")
        late.click("text=Approve what is shown here")
        assert late.locator(f"text=already applied by {ADA}").count()
        pipeline.run(serving.books, serving.inbox, serving.warehouse.root, "2026-06-10")
        with published(serving.warehouse) as marts:
            [(total,)] = fetch(
                marts,
                "select total from marts.invoices where contract_id = $id and status = 'issued'",
                {"id": f"sf-{YARROW}"},
            ).rows()
        assert f"{total:,.2f}" in billed
        approver.goto(f"{address}{deal}")
        assert approver.locator(".state.billing").count()
        for page in (editor, approver, late):
            assert page.elsewhere == []  # type: ignore[attr-defined]


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
    """Meter, rate card, pricing, plan, customer and contract by forms; 150 events; the guide's invoice of 425.00."""
    folder = tmp_path / "site"
    (folder / "books").mkdir(parents=True)
    (folder / "salesforce").mkdir()
    (folder / "books" / "settings.yml").write_text("settings: {currency: USD, four_eyes: false}\n")
    with served(folder) as (address, serving):
        page = _sign_in(browser, address, ADA)
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
            page.fill("form[action$='/approve'] input[name=because]", "the guide")
            page.click("text=Approve what is shown here")
            assert page.locator(".state.applied").count(), page.content()[-800:]
        calls = [
            *[("US", "resolved")] * 60,
            *[("US", "transferred")] * 30,
            *[("US", "escalated")] * 10,
            *[("EU", "resolved")] * 50,
        ]
        lines = [
            f'{{"event_name":"ai_call","customer_id":"cust_1","idempotency_key":"{number}","timestamp":"2026-01-10T10:00:00Z",'
            f'"properties":{{"region":"{region}","call_outcome":"{outcome}","duration_minutes":1}}}}'
            for number, (region, outcome) in enumerate(calls)
        ]
        (serving.inbox / "guide.jsonl").write_text("\n".join(lines) + "\n")
        pipeline.run(serving.books, serving.inbox, serving.warehouse.root, "2026-02-05")
        page.goto(f"{address}/invoices")
        page.click("text=INV-000001")
        assert page.locator("tr.sum:has-text('425.00')").count()
        assert page.locator("details summary").all_inner_texts() == [
            "AI Calls - EU / Resolved",
            "AI Calls - US / Escalated",
            "AI Calls - US / Resolved",
            "AI Calls - US / Transferred",
        ]
