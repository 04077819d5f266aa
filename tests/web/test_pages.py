"""What pages show and refuse (R-79 to R-81): every route with every role, tokens, headers, escaping, figures that are the marts'."""

from __future__ import annotations

import csv
import io
import re
import shutil
import time
from pathlib import Path

import pytest
from starlette.routing import Route

from dagster_project.register.users import ROLES
from dagster_project.warehouse.database import fetch, published
from dagster_project.web.listings import LISTINGS
from rating import books as contract_books
from tests.deals.conftest import ADA, BEN, UMBRA, VELA
from tests.web.conftest import PASSWORD, PEOPLE, ROOT, VERA, Site, opened

INSIDE = re.compile(r'href="(/[^"#]*)"')


def _routes(site: Site) -> list[tuple[str, str]]:
    found = [route for route in site.client.app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]
    return [
        (method, route.path)
        for route in found
        for method in sorted((route.methods or set()) - {"HEAD"})
        if not route.path.startswith(("/v1", "/health", "/sign-in"))
    ]


def _filled(path: str) -> str:
    return re.sub(r"\{[a-z]+(:[a-z]+)?\}", lambda found: "1" if ":int" in found[0] else "x", path)


def test_r79_no_route_opens_without_a_session(site: Site) -> None:
    site.client.cookies.clear()
    for method, path in _routes(site):
        said = site.client.request(method, _filled(path), follow_redirects=False)
        assert said.status_code == 303, path
        assert said.headers["location"].startswith("/sign-in?next="), path


def test_r79_every_route_knows_its_role(site: Site) -> None:
    needed = {"/desk/sync": "editor", "/desk/{id}/approve": "approver", "/desk/{id}/reject": "approver", "/keys": "admin"}
    needed |= {"/desk/{id}/{act}": "editor", "/propose/{form}": "editor"}
    for email, role in PEOPLE.items():
        site.sign_in(email)
        for method, path in _routes(site):
            said = site.client.request(method, _filled(path), follow_redirects=False)
            is_enough = ROLES.index(role) >= ROLES.index(needed.get(path, "viewer"))
            if method == "GET":
                assert (said.status_code == 403) == (not is_enough), (role, path, said.status_code)
            else:
                assert said.status_code == 403, (role, path)  # no token, or no role
        site.sign_in(email)


def test_r79_a_form_without_its_token_is_refused(site: Site) -> None:
    site.sign_in(ADA)
    for fields in ({}, {"token": "0" * 64}):
        said = site.client.post("/desk/sync", data=fields, follow_redirects=False)
        assert said.status_code == 403
        assert "not one of this session" in said.text


def test_r79_cookies_headers_and_redirects(site: Site) -> None:
    site.client.cookies.clear()
    said = site.client.post(
        "/sign-in", data={"email": ADA, "password": PASSWORD, "next": "//elsewhere.example"}, follow_redirects=False
    )
    assert said.headers["location"] == "/"
    cookie = said.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    page = site.get("/customers")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert page.headers["x-frame-options"] == "DENY"
    assert "<script" not in page.text
    assert " style=" not in page.text
    site.post("/sign-out", "/")
    assert site.client.get("/", follow_redirects=False).status_code == 303


def test_r79_a_wrong_password_is_told_apart_from_nothing(site: Site) -> None:
    site.client.cookies.clear()
    answers = [
        site.client.post("/sign-in", data={"email": email, "password": "not the password"}).text.replace(email, "")
        for email in (ADA, "nobody@acme.ai")
    ]
    assert answers[0] == answers[1]
    assert "is wrong" in answers[0]


def test_r80_every_link_of_every_page_leads_somewhere(site: Site) -> None:
    site.sign_in(ROOT)
    waiting = ["/", *(one.path for one in LISTINGS), "/events", "/desk", "/what-if", "/keys"]
    seen, shapes = set[str](), dict[str, int]()
    while waiting:
        path = waiting.pop()
        shape = re.sub(r"[^/?]*\d[^/?]*", "N", path.partition("?")[0])
        if path in seen or shapes.get(shape, 0) > 3:
            continue
        seen.add(path)
        shapes[shape] = shapes.get(shape, 0) + 1
        said = site.client.get(path)
        assert said.status_code == 200, f"{path}: {said.status_code}"
        if "text/html" in said.headers["content-type"]:
            waiting += [one.replace("&amp;", "&") for one in INSIDE.findall(said.text) if not one.startswith("/static")]
    assert len(seen) > 40


def test_r80_lists_are_the_marts_filtered_sorted_and_whole_as_csv(site: Site) -> None:
    site.sign_in(VERA)
    with published(site.serving.warehouse) as marts:
        expected = fetch(
            marts, "select number, total from marts.invoices where customer_id = 'cust_123' order by total desc"
        ).rows()
    said = site.get("/invoices?q=cust_123&sort=total&dir=desc&format=csv")
    rows = list(csv.DictReader(io.StringIO(said.text)))
    assert [row["total"] for row in rows] == [f"{total:f}" for _, total in expected]
    assert f"{len(expected):,} rows" in site.get("/invoices?q=cust_123").text
    for listing in LISTINGS:
        assert "as of 2026-04-05" in site.get(listing.path).text


def test_r80_an_invoice_opens_down_to_its_events(site: Site) -> None:
    site.sign_in(VERA)
    with published(site.serving.warehouse) as marts:
        number, line, events, total = fetch(
            marts,
            """
            select invoices.number, lines.line_no, lines.event_count, invoices.total
            from marts.invoice_lines as lines inner join marts.invoices as invoices on lines.invoice_id = invoices.invoice_id
            where lines.kind = 'usage' and lines.meter_code = 'AI_CALL' and invoices.number is not null
            order by lines.event_count desc limit 1
            """,
        ).row(0)
    page = site.get(f"/invoices/{number}").text
    assert f"{total:,.2f}" in page
    behind = site.get(f"/invoices/{number}/lines/{line}/events").text
    assert f"{events:,} events" in behind
    assert site.get(f"/invoices/{number}/document?format=pdf").content.startswith(b"%PDF")
    assert site.get("/invoices/INV-999999", 400).text.count("There is no invoice")


def test_r81_a_form_makes_a_proposal_that_somebody_else_approves(site: Site) -> None:
    site.sign_in(BEN)
    meter = {
        "code": "FAXES",
        "display_name": "Faxes",
        "event_name": "fax_sent",
        "aggregation": "sum",
        "aggregation_key": "pages",
        "group_keys": "country",
        "because": "we sell them now",
    }
    wrong = site.post("/propose/meter", "/propose/meter", 400, **(meter | {"aggregation_key": ""}))
    assert "aggregation_key" in wrong.text
    assert "The books take this" in site.post("/propose/meter", "/propose/meter", 200, act="check", **meter).text
    where = site.post("/propose/meter", "/propose/meter", act="save", **meter).headers["location"]
    page = site.get(where).text
    assert "+- code: FAXES" in page
    hash_ = re.search(r"Review hash ([0-9a-f]{64})", page)
    assert hash_ is not None
    name = where.rpartition("/")[2]
    site.post(f"/desk/{name}/approve", where, 403, hash=hash_[1], because="mine")
    site.sign_in(ADA)
    site.post(f"/desk/{name}/approve", where, hash=hash_[1], because="as agreed")
    loaded = contract_books.load(site.serving.books)
    assert "FAXES" in loaded.meters.get_column("meter_code").to_list()
    deadline = time.monotonic() + 10
    while "FAXES" not in site.get("/catalogue/meters?q=FAXES").text.partition("<tbody>")[2] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "FAXES" in site.get("/catalogue/meters?q=FAXES").text.partition("<tbody>")[2]


def test_r81_a_contract_is_amended_by_a_form(site: Site) -> None:
    site.sign_in(BEN)
    fields = {
        "contract": "northwind-2026",
        "effective_date": "2026-06-01",
        "plan": "",
        "base_fee": "600.00",
        "minimum_spend": "",
    }
    where = site.post("/propose/amendment", "/propose/amendment", **fields, maximum_spend="", because="second site").headers[
        "location"
    ]
    assert "+  - effective_date: 2026-06-01" in site.get(where).text


def test_r77_the_desk_on_pages(site: Site) -> None:
    site.sign_in(BEN)
    site.post("/desk/sync", "/desk")
    deal = f"/desk/deal-{VELA}"
    page = site.get(deal).text
    assert "First two months at half price" in page
    point = re.search(r'name="point" value="([^"]+)"', page)
    assert point is not None
    site.post(f"{deal}/dismiss", deal, point=point[1], because="sales withdrew it")
    site.post(f"{deal}/set", deal, term="net_terms", value="45", because="agreed by phone")
    old = re.search(r"Review hash ([0-9a-f]{64})", site.get(deal).text)
    site.post(f"{deal}/set", deal, term="net_terms", value="60", because="agreed again")
    site.sign_in(ADA)
    assert old is not None
    stale = site.post(f"{deal}/approve", deal, 409, hash=old[1], because="fine")
    assert "CHANGED_SINCE_REVIEW" in stale.text
    new = re.search(r'name="hash" value="([0-9a-f]{64})"', site.get(deal).text)
    assert new is not None
    site.post(f"{deal}/approve", deal, hash=new[1], because="fine")
    assert ">applied</span>" in site.get(deal).text
    again = site.post(f"{deal}/approve", deal, 409, hash=new[1], because="fine")
    assert f"already applied by {ADA}" in again.text


def test_r86_what_if_runs_beside_the_door(site: Site) -> None:
    site.sign_in(BEN)
    fields = {"contract": "acme-2026", "meter": "AI_CALL", "dimensions": "region=EU, call_outcome=resolved"}
    more = {"rate": "1.00", "effective_from": "2026-01-01", "because": "what if"}
    where = site.post("/propose/override", "/propose/override", **fields, **more).headers["location"]
    months = {"proposal": where.rpartition("/")[2], "from": "2026-01", "to": "2026-03"}
    site.post("/what-if", "/what-if", **months)
    assert "is being worked on" in site.post("/what-if", "/what-if", 400, **months).text
    deadline = time.monotonic() + 240
    while 'http-equiv="refresh"' in (page := site.get("/what-if").text) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert "cust_123" in page
    assert "changed" in page


def test_everything_is_escaped(site: Site) -> None:
    site.sign_in(BEN)
    hostile = "<script>alert(1)</script>"
    site.post("/desk/sync", "/desk")
    site.post(f"/desk/deal-{UMBRA}/comment", f"/desk/deal-{UMBRA}", because=hostile)
    for path in (f"/desk/deal-{UMBRA}", f"/customers/{hostile}", f"/invoices?q={hostile}", f"/contracts/{hostile}"):
        text = site.client.get(path).text
        assert hostile not in text


def test_r79_a_proxy_may_name_people(history: Path, tmp_path: Path) -> None:
    shutil.copytree(history, tmp_path / "site")
    _, client = opened(tmp_path / "site", trusted="X-Forwarded-Email")
    with client:
        assert client.get("/customers", follow_redirects=False).status_code == 303
        assert (
            client.get("/customers", headers={"X-Forwarded-Email": "nobody@acme.ai"}, follow_redirects=False).status_code == 303
        )
        assert client.get("/keys", headers={"X-Forwarded-Email": ROOT}).status_code == 200
        assert client.get("/keys", headers={"X-Forwarded-Email": VERA}).status_code == 403


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x"])
def test_csv_of_a_list_is_no_formula(site: Site, cell: str) -> None:
    import polars as pl

    from dagster_project.web.cells import csv_of

    said = csv_of(pl.DataFrame({"name": [cell], "total": [-1]}), "/customers")
    assert bytes(said.body).decode().splitlines()[1] == f"'{cell},-1"
