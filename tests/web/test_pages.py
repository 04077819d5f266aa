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

from dagster_project.register import keys, users
from dagster_project.register.users import ROLES
from dagster_project.warehouse.database import fetch, published
from dagster_project.web.listings import LISTINGS
from rating import books as contract_books
from tests.deals.conftest import ADA, BEN, NOW, UMBRA, VELA
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
    needed |= {"/desk/{id}/{act}": "editor", "/propose/{form}": "editor", "/propose/{form}/check": "editor"}
    for email, role in PEOPLE.items():
        for method, path in _routes(site):
            site.sign_in(email)
            token = re.search(r'name="token" value="([0-9a-f]+)"', site.get("/").text)
            assert token is not None
            form = {} if method == "GET" else {"data": {"token": token[1]}}
            if form:
                assert site.client.post(_filled(path), follow_redirects=False).status_code == 403, (role, path)  # no token
            said = site.client.request(method, _filled(path), follow_redirects=False, **form)  # type: ignore[arg-type]
            least = "editor" if (method, path) == ("POST", "/what-if") else needed.get(path, "viewer")
            is_enough = ROLES.index(role) >= ROLES.index(least)
            assert (said.status_code == 403) == (not is_enough), (role, method, path, said.status_code)
            assert said.status_code < 500, (role, method, path)


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
    waiting = ["/", *(one.path for one in LISTINGS), "/events", "/desk", "/refused", "/what-if", "/keys"]
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


# --- what an outsider tries --------------------------------------------------------------------------------------------------------


def test_r79_a_form_that_another_site_sends_is_refused(site: Site) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    site.client.cookies.clear()
    form = {"email": ADA, "password": PASSWORD}
    assert site.client.post("/sign-in", data=form, headers=elsewhere, follow_redirects=False).status_code == 403
    site.sign_in(ADA)
    token = re.search(r'name="token" value="([0-9a-f]+)"', site.get("/desk").text)
    assert token is not None
    said = site.client.post("/desk/sync", data={"token": token[1]}, headers=elsewhere, follow_redirects=False)
    assert said.status_code == 403
    assert "another site" in said.text


def test_r79_passwords_are_not_tried_for_ever(site: Site) -> None:
    site.client.cookies.clear()
    wrong = {"email": "carl@acme.ai", "password": "not the password"}
    assert [site.client.post("/sign-in", data=wrong).status_code for _ in range(11)] == [403] * 10 + [429]
    site.sign_in(VERA)  # nobody else waits for it


def test_r79_a_new_password_or_role_ends_sessions(site: Site) -> None:
    site.sign_in(VERA)
    site.get("/customers")
    users.add(site.serving.register, VERA, "viewer", PASSWORD, NOW)
    assert site.client.get("/customers", follow_redirects=False).status_code == 303


def test_r79_a_form_is_read_within_bounds(site: Site) -> None:
    site.client.cookies.clear()
    large = site.client.post("/sign-in", data={"email": "x" * (5 << 20), "password": "x"})
    assert large.status_code == 413
    assert site.client.post("/sign-in", files={"email": b"x"}).status_code == 415
    many = site.client.post("/sign-in", content="&".join("a=b" for _ in range(5_000)), headers=FORM)
    assert many.status_code == 400


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_r79_by_tls_a_cookie_is_of_this_host_alone(history: Path, tmp_path: Path) -> None:
    shutil.copytree(history, tmp_path / "site")
    _, client = opened(tmp_path / "site", is_secure=True)
    with client:
        client.base_url = "https://testserver"  # type: ignore[assignment]
        said = client.post("/sign-in", data={"email": ADA, "password": PASSWORD}, follow_redirects=False)
        assert said.headers["set-cookie"].startswith("__Host-meterhouse_session=")
        assert "; Secure" in said.headers["set-cookie"]
        assert "Path=/;" in said.headers["set-cookie"]
        assert client.get("/customers", follow_redirects=False).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/customers?page=%C2%B2",
        f"/customers?page={'9' * 5000}",
        "/customers?page=-1&sort=nothing&dir=sideways",
        "/customers?q=%00%27%22;--",
        "/invoices?q=%25&sort=total%22--",
        "/events?start=yesterday",
        "/events?q=%00",
        "/invoices/INV-000001/document?format=exe",
        "/invoices/..%2F..%2Fetc%2Fpasswd/document?format=pdf",
        "/customers/..%2F..%2Fetc%2Fpasswd",
        "/static/..%2Fshell.py",
        "/static/%2e%2e/pages.py",
        "/desk/..%2F..%2Fx",
    ],
)
def test_no_address_is_a_defect(site: Site, path: str) -> None:
    site.sign_in(ROOT)
    said = site.client.get(path)
    assert said.status_code in (200, 400, 404)
    assert "defect" not in said.text
    assert "root:" not in said.text
    assert "import" not in said.text


@pytest.mark.parametrize(
    "where", ["//elsewhere.example", "/\\elsewhere.example", "https:elsewhere.example", "/\t/elsewhere.example", "javascript:x"]
)
def test_r79_no_redirect_leads_away(site: Site, where: str) -> None:
    site.client.cookies.clear()
    said = site.client.post("/sign-in", data={"email": ADA, "password": PASSWORD, "next": where}, follow_redirects=False)
    assert said.headers["location"] == "/"


def test_ids_are_never_paths(site: Site) -> None:
    site.sign_in(BEN)
    fields = {"id": "../../escaped", "customer": "cust_123", "plan": "enterprise", "start_date": "2026-06-01", "end_date": ""}
    where = site.post("/propose/contract", "/propose/contract", **fields, because="curious").headers["location"]
    page = site.get(where).text
    assert re.search(r"contracts/escaped-[0-9a-f]{8}\.yml", page)
    assert "b/contracts/../" not in page


def test_months_of_a_what_if_are_months(site: Site) -> None:
    site.sign_in(BEN)
    asked = {"proposal": "change-1", "from": "--out=/tmp", "to": "2026-03"}
    assert "Months are written like 2026-01" in site.post("/what-if", "/what-if", 400, **asked).text


def test_r82_a_document_as_a_page_has_its_style_and_no_script(site: Site) -> None:
    site.sign_in(VERA)
    said = site.get("/invoices/INV-000001/document?format=html")
    assert "<style>" in said.text
    assert "sandbox" in said.headers["content-security-policy"]
    assert "script-src" not in said.headers["content-security-policy"]
    assert said.headers["content-security-policy"].startswith("default-src 'none'")


# --- lists of the desk and of the door -----------------------------------------------------------------------------------------------


def test_r80_the_desk_is_a_list_like_others(site: Site) -> None:
    site.sign_in(BEN)
    site.post("/desk/sync", "/desk")
    rows = list(csv.DictReader(io.StringIO(site.get("/desk?format=csv&sort=amount&dir=desc").text)))
    assert len(rows) > 5
    amounts = [float(row["amount"]) for row in rows if row["amount"]]
    assert amounts == sorted(amounts, reverse=True)
    assert "1 row ·" in site.get(f"/desk?q={UMBRA}").text


def _sent(site: Site, events: list[dict[str, str]], key: str) -> int:
    return site.client.post("/v1/events/batch", json=events, headers={"Authorization": f"Bearer {key}"}).status_code


def test_r80_refused_requests_are_shown_for_a_day(site: Site) -> None:
    api = {"Authorization": "Bearer mk_live_0123456789abcdef"}
    assert site.client.post("/v1/events", json={"event_name": "x"}, headers=api).status_code == 401
    site.sign_in(VERA)
    assert "refused within 24 hours (UNAUTHORIZED)" in site.get("/").text
    page = site.get("/refused?q=UNAUTHORIZED").text
    assert "/v1/events" in page
    assert "01234567" in page
    assert "89abcdef" not in page
    key = keys.create(site.serving.register, "sender", ["usage:write"], NOW)
    events = [{"event_name": "ai_call", "customer_id": "cust_123"}, {"event_name": ""}]
    deadline = time.monotonic() + 10  # the door knows a new key within two seconds
    while (said := _sent(site, events, key)) == 401 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert said == 202
    assert "1 of 2 events were refused" in site.get("/refused").text


def test_r81_what_check_says_is_said_while_one_types(site: Site) -> None:
    site.sign_in(BEN)
    combination = "region=EU, call_outcome=escalated"
    rate = {"contract": "northwind-2026", "meter": "AI_CALL", "dimensions": combination, "effective_from": ""}
    check = "/propose/override/check"
    assert "Still to fill in: Rate" in site.post(check, "/propose/override", 200, **rate, rate="").text
    assert "The books take this" in site.post(check, "/propose/override", 200, **rate, rate="1.50").text
    said = site.post(check, "/propose/override", 200, **rate, rate="<script>").text
    assert "notice bad" in said
    assert "<script>" not in said
    assert "change-" not in said


def test_r80_an_initial_invoice_is_of_a_day(site: Site) -> None:
    site.sign_in(VERA)
    with published(site.serving.warehouse) as marts:
        number, day = fetch(
            marts, "select number, period_start::date from marts.invoices where kind = 'initial' and number is not null limit 1"
        ).row(0)
    page = site.get(f"/invoices/{number}").text
    assert re.search(rf"{day} <span", page) or re.search(r"</a>, \d{4}-\d\d-\d\d <span", page)
    assert " to 20" not in page
