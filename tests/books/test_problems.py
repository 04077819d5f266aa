# ruff: noqa: E501  (one mistake a line)
"""Every kind of mistake, by name: one edit of the good books, and the sentence it gives (R-5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rating.books import BooksError, load

CATALOGUE, AGREEMENTS, CSV = "catalogue.yml", "agreements.yaml", "cards/v1.csv"
US = "{meter: AI_CALL, dimensions: {region: US, call_outcome: resolved}"


class Mistake(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    sentence: str


# fmt: off
MISTAKES = [
    # spelling
    Mistake("broken yaml", CATALOGUE, "group_keys: [model]", "group_keys: [model", "this is no YAML"),
    Mistake("tab", CATALOGUE, "  organization", "\torganization", "this is no YAML"),
    Mistake("unquoted star", CATALOGUE, '"*"', "*", 'Quote a value that begins with a star: "*"'),
    Mistake("duplicate key", CATALOGUE, "  name: Pro\n", "  name: Pro\n  name: Pro2\n", "catalogue.yml:72 plans[0].name: `name` is given twice (first on line 71)"),
    Mistake("yaml tag", CATALOGUE, "name: Pro\n", "name: !!str Pro\n", "is a YAML tag"),
    Mistake("two documents", CATALOGUE, "rate_cards:\n", "---\nrate_cards:\n", "several YAML documents"),
    Mistake("unknown section", CATALOGUE, "rate_cards:\n", "rate_card:\n", "unknown section `rate_card`. Write `rate_cards`"),
    Mistake("section no list", CATALOGUE, "rate_cards:\n", "customers: {id: x}\nrate_cards:\n", "`customers` is no list"),
    Mistake("settings twice", AGREEMENTS, "customers:\n", "settings: {currency: USD}\ncustomers:\n", "settings are given twice (first in agreements.yaml:1 settings)"),
    Mistake("item no mapping", AGREEMENTS, "contracts:\n", "contracts:\n- acme\n", "agreements.yaml:5 contracts[0]: expected a mapping, found `acme`"),
    Mistake("list expected", CATALOGUE, "[region, call_outcome]", "region", "meters[0].group_keys: expected a list, found `region`"),
    Mistake("unknown key", CATALOGUE, "  net_terms: 30\n", "  net_term: 30\n", "plans[0].net_term: unknown key `net_term`. Write `net_terms`"),
    Mistake("unknown key, nothing near", CATALOGUE, "  net_terms: 30\n", "  colour: red\n", "Take it out; the keys here are `code`"),
    Mistake("missing key", AGREEMENTS, "  start_date: 2026-01-01\n", "", "contracts[0].start_date: `start_date` is missing. Add `start_date: 2026-01-01`"),
    Mistake("missing status", AGREEMENTS, "  status: approved\n", "", "contracts[0].status: `status` is missing. Add `status`: `draft` while it awaits review"),
    Mistake("code as number", CATALOGUE, "code: pro\n", "code: 12\n", '`12` is no text. Quote it: "12"'),
    Mistake("id as boolean", AGREEMENTS, "{id: cust_456,", "{id: true,", '`true` is no text. Quote it: "true"'),
    Mistake("code with blanks", CATALOGUE, "code: pro\n", 'code: "pro "\n', "`pro ` has blanks around it. Write `pro`"),
    Mistake("empty code", CATALOGUE, "code: pro\n", "code:\n", "expected text, found an empty value"),
    # numbers
    Mistake("exponent", CATALOGUE, 'fallback_rate: "4.00"', "fallback_rate: 1e-3", '`1e-3` is no plain decimal number. Write all its digits: "0.001"'),
    Mistake("exponent as text", CATALOGUE, 'fallback_rate: "4.00"', 'fallback_rate: "1E+2"', 'Write all its digits: "100"'),
    Mistake("underscores", CATALOGUE, "up_to: 1000, unit_amount: 0.1}", "up_to: 1_000, unit_amount: 0.1}", 'without separators or leading zeros: "1000"'),
    Mistake("thousands comma", CATALOGUE, 'base_fee: "50.00"', 'base_fee: "1,050.00"', 'separators or leading zeros: "1050.00"'),
    Mistake("octal", CATALOGUE, "net_terms: 30", "net_terms: 0o36", "`0o36` is no whole number"),
    Mistake("leading zero", CATALOGUE, 'bps: "250"', "bps: 0250", 'leading zeros: "250"'),
    Mistake("hex", CATALOGUE, 'bps: "250"', "bps: 0xFA", "`0xFA` is no plain decimal number"),
    Mistake("sexagesimal", CATALOGUE, 'bps: "250"', "bps: 1:30", "`1:30` is no plain decimal number"),
    Mistake("infinity", CATALOGUE, 'bps: "250"', "bps: .inf", "`.inf` is no plain decimal number"),
    Mistake("not a number", CATALOGUE, 'bps: "250"', "bps: NaN", "`NaN` is no plain decimal number"),
    Mistake("currency sign", CATALOGUE, 'bps: "250"', "bps: $250", "`$250` is no plain decimal number"),
    Mistake("negative rate", CATALOGUE, 'rate: "2.00"', 'rate: "-2.00"', "`-2.00` is negative. Write 0 or more"),
    Mistake("too many decimals", CATALOGUE, 'rate: "2.00"', 'rate: "2.0000000000001"', "has more than 12 decimals"),
    Mistake("price too large", CATALOGUE, 'rate: "2.00"', 'rate: "1000000000"', "is too large for a price"),
    Mistake("quantity too fine", CATALOGUE, "package_size: 1000", "package_size: 0.0000000001", "has more than 9 decimals"),
    Mistake("package of nothing", CATALOGUE, "package_size: 1000", "package_size: 0", "`0` is not above 0"),
    Mistake("share above one", CATALOGUE, '"0.05"', "5", "`5` is no share"),
    Mistake("fractional days", CATALOGUE, "net_terms: 30", "net_terms: 30.5", "`30.5` is no whole number from 0 to"),
    Mistake("no boolean", CATALOGUE, "exists: false", "exists: no", "`no` is neither true nor false. Write true or false"),
    # settings, currencies, zones
    Mistake("unknown currency", CATALOGUE, "  currency: USD\n  timezone", "  currency: UDS\n  timezone", "`UDS` is no ISO 4217 currency"),
    Mistake("unknown currency of a plan", CATALOGUE, "currency: JPY", "currency: JPX", "plans[2].currency: `JPX` is no ISO 4217 currency"),
    Mistake("no currency", CATALOGUE, "  currency: USD\n  timezone", "  timezone", "the plan has no currency"),
    Mistake("unknown zone", AGREEMENTS, "America/New_York", "America/NewYork", "`America/NewYork` is no IANA time zone. Write `America/New_York`"),
    Mistake("base fee too fine", CATALOGUE, 'base_fee: "50.00"', 'base_fee: "50.001"', "50.001 is an amount finer than the minor unit of USD. Write at most 2 decimals"),
    Mistake("yen have no decimals", CATALOGUE, "currency: JPY,", "currency: JPY, base_fee: 10.5,", "finer than the minor unit of JPY. Write a whole amount"),
    Mistake("flat amount too fine", CATALOGUE, '"99.00"', '"99.001"', "minor unit of USD (plan `pro`)"),
    # meters
    Mistake("unknown aggregation", CATALOGUE, "aggregation: max", "aggregation: maximum", "`maximum` is not possible here. Write one of `sum`, `count`, `max`, `min`, `unique`, `latest`, `average`, `percentile`, `level`, `counter` (did you mean `max`?)"),
    Mistake("two kinds of events", CATALOGUE, "  event_name: ai_call\n", "  event_name: ai_call\n  event_filter: {include: [x]}\n", "both `event_name` and `event_filter`"),
    Mistake("no events", CATALOGUE, "  event_name: seat\n", "", "the meter names no events"),
    Mistake("filter takes nothing", CATALOGUE, "exclude: [probe]", "exclude: [completion, chat]", "the filter takes no event at all"),
    Mistake("no aggregation key", CATALOGUE, "  aggregation_key: seats\n", "", "`aggregation_key` is missing: max needs"),
    Mistake("key for count", CATALOGUE, "aggregation: max", "aggregation: count", "count looks at no property"),
    Mistake("group key twice", CATALOGUE, "[model]", "[model, model]", "`model` is named twice"),
    Mistake("idle filter", CATALOGUE, ", exists: false}", "}", "the filter asks nothing"),
    Mistake("empty in", CATALOGUE, "in: [voice, 1.10, true]", "in: []", "meters[0].filters[0].in: the list is empty"),
    Mistake("duplicate meter", CATALOGUE, "code: SEATS\n", "code: LLM\n", "meter `LLM` is stated twice (first in catalogue.yml:17 meters[1])"),
    # cards
    Mistake("unknown meter of a card", CATALOGUE, "STANDARD\n  meter: AI_CALL\n", "STANDARD\n  meter: AI_CAL\n", "there is no meter `AI_CAL`. Write `AI_CALL`"),
    Mistake("no entries", CATALOGUE, "  entries_file: cards/llm.csv\n", "", "there are no entries"),
    Mistake("entries and file", CATALOGUE, "  entries_file: cards/llm.csv\n", "  entries_file: cards/llm.csv\n  entries: []\n", "are given together"),
    Mistake("no versions", CATALOGUE, "  entries_file: cards/llm.csv\n", "  versions: []\n", "there are no versions"),
    Mistake("versions overlap", CATALOGUE, "2026-03-15", "2026-01-01", "two versions overlap: both begin on 2026-01-01"),
    Mistake("versions begin together", CATALOGUE, "2026-03-15", '"2026-01-01T05:00:00Z"', "two versions overlap: 2026-01-01 05:00:00 UTC is the first instant of 2026-01-01 in America/New_York"),
    Mistake("fee at an instant", AGREEMENTS, "{pricing: AI_CALL_PRICING, fallback_rate: \"3.00\"}", '{pricing: SUPPORT, amount: 3, effective_from: "2026-02-01T00:00:00Z"}', "fees are prorated by whole days"),
    Mistake("overrides overlap by a second", AGREEMENTS, "{pricing: AI_CALL_PRICING, fallback_rate: \"3.00\"}", '{pricing: AI_CALL_PRICING, fallback_rate: 3, effective_to: "2026-02-01T00:00:01Z"}\n  - {pricing: AI_CALL_PRICING, fallback_rate: 4, effective_from: "2026-02-01T00:00:00Z"}', "are in force at once"),
    Mistake("minimum above maximum", AGREEMENTS, '  minimum_spend: "1000.00"\n', '  minimum_spend: "1000.00"\n  maximum_spend: 1500\n', "from 2026-09-01 on `minimum_spend` (2000) is more than `maximum_spend` (1500)"),
    Mistake("commitment ends first", AGREEMENTS, '  minimum_spend: "1000.00"\n', "  commitments: [{id: y, amount: 5, from: 2026-03-01, to: 2026-03-01}]\n", "the commitment ends (2026-03-01) before it has begun (2026-03-01)"),
    Mistake("commitment outside", AGREEMENTS, '  minimum_spend: "1000.00"\n', "  commitments: [{id: y, amount: 5, from: 2027-01-01, to: 2027-03-01}]\n", "the commitment lies outside of the contract"),
    Mistake("commitments overlap", AGREEMENTS, '  minimum_spend: "1000.00"\n', "  commitments: [{id: y, amount: 5, from: 2026-01-01, to: 2026-03-01}, {id: z, amount: 5, from: 2026-02-01, to: 2026-04-01, meters: [LLM]}]\n", "two commitments count the same usage (the other in agreements.yaml:"),
    Mistake("commitment of an unknown meter", AGREEMENTS, '  minimum_spend: "1000.00"\n', "  commitments: [{id: y, amount: 5, from: 2026-01-01, to: 2026-03-01, meters: [LLN]}]\n", "there is no meter `LLN`. Write `LLM`"),
    Mistake("covers itself", AGREEMENTS, '  minimum_spend: "1000.00"\n', "  covers: [cust_456, cust_123]\n", "`cust_123` is the contract's own customer"),
    Mistake("covers an unknown customer", AGREEMENTS, '  minimum_spend: "1000.00"\n', "  covers: [cust_457]\n", "there is no customer `cust_457`. Write `cust_456`"),
    Mistake("covers twice", AGREEMENTS, '  minimum_spend: "1000.00"\n', "  covers: [{customer: cust_456, to: 2026-03-02}, {customer: cust_456, from: 2026-03-01}]\n", "customer `cust_456` is covered twice at once"),
    Mistake("covered until before", AGREEMENTS, '  minimum_spend: "1000.00"\n', "  covers: [{customer: cust_456, from: 2026-03-02, to: 2026-03-01}]\n", "the customer is covered until 2026-03-01, before that has begun"),
    Mistake("percentile missing", CATALOGUE, "  aggregation: max\n", "  aggregation: percentile\n", "`percentile` is missing. Add `percentile: 95`"),
    Mistake("percentile of a maximum", CATALOGUE, "  aggregation: max\n", "  aggregation: max\n  percentile: 95\n", "max has no `percentile`"),
    Mistake("percentile above all", CATALOGUE, "  aggregation: max\n", "  aggregation: percentile\n  percentile: 100.1\n", "is more than all readings"),
    Mistake("interval of a maximum", CATALOGUE, "  aggregation: max\n", "  aggregation: max\n  interval: 5m\n", "max adds nothing up by intervals"),
    Mistake("interval across days", CATALOGUE, "  aggregation: max\n", "  aggregation: percentile\n  percentile: 95\n  interval: 7m\n", "`7m` is no part of a day"),
    Mistake("maximum too fine", CATALOGUE, '  base_fee: "50.00"\n', '  base_fee: "50.00"\n  maximum_spend: "0.001"\n', "plans[0].maximum_spend: 0.001 is an amount finer than the minor unit of USD"),
    Mistake("missing entries file", CATALOGUE, "cards/v2.csv", "cards/v3.csv", "there is no file `cards/v3.csv`"),
    Mistake("entries file outside", CATALOGUE, "cards/v2.csv", "../../v2.csv", "lies outside of the books"),
    Mistake("entries file of another kind", CATALOGUE, "cards/v2.csv", "cards/v2.xlsx", "is no .csv file"),
    Mistake("unknown group key", CATALOGUE, "{region: US, call_outcome: resolved}", "{regoin: US, call_outcome: resolved}", "`regoin` is no group key of the meter. Write `region`"),
    Mistake("partial dimensions", CATALOGUE, "{region: US, call_outcome: resolved}", "{region: US}", "partial dimensions: `call_outcome` is missing"),
    Mistake("empty group value", CATALOGUE, "{region: US,", "{region: ,", "a group value is empty"),
    Mistake("equal entries", CATALOGUE, '{region: "NO", call_outcome: "*"}', "{region: US, call_outcome: resolved}", "two entries are equal: `US` / `resolved`"),
    Mistake("entry without price", CATALOGUE, ', rate: "2.00"}', "}", "the entry has no price"),
    Mistake("entry with two prices", CATALOGUE, ', rate: "2.00"}', ', rate: "2.00", tiers: [{unit_amount: 1}]}', "both `rate` and `tiers`"),
    Mistake("tiers for per_unit", CATALOGUE, ', rate: "2.00"}', ", tiers: [{unit_amount: 1}]}", "the entry has `tiers`, but pricing `AI_CALL_PRICING` (per_unit) wants `rate`"),
    Mistake("rates for graduated", "cards/llm.csv", "model,up_to,unit_amount,flat_amount\ngpt-4,1000,0.03,\ngpt-4,,0.02,\n*,1000,0.10,\n*,,0.08,\n", "model,rate\ngpt-4,1\n", "the entry has `rate`, but pricing `LLM_GRADUATED` (graduated) wants `tiers`"),
    # a card's CSV
    Mistake("empty cell", CSV, "US,", ",", "cards/v1.csv:2 entries[0].dimensions.region: a group value is empty"),
    Mistake("bad rate in a cell", CSV, "2.00", "2;00", "cards/v1.csv:2 entries[0].rate: `2;00` is no plain decimal number"),
    Mistake("row too long", CSV, "2.00", "2.00,x", "cards/v1.csv:2: this row has 4 cells, the header has 3"),
    Mistake("unclosed quote", CSV, '"EU, West"', '"EU, West', "this is no CSV"),
    Mistake("column missing", CSV, "call_outcome,", "outcome,", "column `call_outcome` is missing"),
    Mistake("column unknown", CSV, "call_outcome,rate\nUS,resolved,", "call_outcome,country,rate\nUS,resolved,x,", "column `country` is no group key"),
    Mistake("column twice", CSV, "call_outcome,", "region,", "column `region` is there twice"),
    Mistake("column without name", CSV, "region,", ",", "column 1 has no name"),
    Mistake("no price column", CSV, ",rate\n", ",price\n", "column `price` is no group key of `AI_CALL`"),
    Mistake("rate beside tiers", "cards/llm.csv", "flat_amount", "rate", "neither `rate` nor tiers"),
    Mistake("equal rows", CSV, '"EU, West"', "US", "two entries are equal"),
    Mistake("tier rows do not ascend", "cards/llm.csv", "gpt-4,,", "gpt-4,1000,", "cards/llm.csv:3 entries[0].tiers[1].up_to: tiers do not ascend"),
    # tiers
    Mistake("no tiers", CATALOGUE, "tiers: [{up_to: 1000, unit_amount: 0.1}, {unit_amount: 0.080}]", "tiers: []", "there are no tiers"),
    Mistake("tiers do not ascend", CATALOGUE, "{up_to: 1000, unit_amount: 0.1},", "{up_to: 1000, unit_amount: 0.1}, {up_to: 500, unit_amount: 0.2},", "tiers do not ascend: 500 comes after 1000"),
    Mistake("last tier ends", CATALOGUE, "{unit_amount: 0.080}", "{up_to: 2000, unit_amount: 0.080}", "the last tier ends"),
    Mistake("open tier in the middle", CATALOGUE, "{up_to: 1000, unit_amount: 0.1}", "{unit_amount: 0.1}", "only the last tier has no `up_to`"),
    Mistake("tier without price", CATALOGUE, "{up_to: 1000, unit_amount: 0.1}", "{up_to: 1000}", "the tier has no price"),
    # pricings
    Mistake("unknown meter", CATALOGUE, "SEATS_BPS, meter: SEATS", "SEATS_BPS, meter: SEAT", "there is no meter `SEAT`. Write `SEATS`"),
    Mistake("unknown card", CATALOGUE, "rate_card: AI_CALL_STANDARD", "rate_card: AI_CALL_STANDART", "there is no rate card `AI_CALL_STANDART`. Write `AI_CALL_STANDARD`"),
    Mistake("card without fallback", CATALOGUE, '  rate_card: AI_CALL_STANDARD\n  fallback_rate: "4.00"\n', "  rate_card: AI_CALL_STANDARD\n", "a card without a fallback: `fallback_rate` is missing"),
    Mistake("tier card without fallback", CATALOGUE, '  tiers: [{up_to: 1000, unit_amount: "0.10", flat_amount: "0"}, {unit_amount: "0.08"}]\n', "", "a card without a fallback: `tiers` is missing"),
    Mistake("unit amount beside a card", CATALOGUE, '  rate_card: AI_CALL_STANDARD\n  fallback_rate: "4.00"', '  rate_card: AI_CALL_STANDARD\n  unit_amount: "4.00"', "Write it as `fallback_rate`"),
    Mistake("fallback without card", CATALOGUE, "unit_amount: 0.0000000001", "fallback_rate: 1", "Write it as `unit_amount`"),
    Mistake("foreign key of a model", CATALOGUE, 'bps: "250"', 'bps: "250", package_size: 5', "`package_size` does not belong to the model bps"),
    Mistake("missing meter", CATALOGUE, "SEATS_BPS, meter: SEATS,", "SEATS_BPS,", "`meter` is missing: bps needs it"),
    Mistake("missing price", CATALOGUE, ', bps: "250"', "", "`bps` is missing: bps needs it"),
    Mistake("card of another meter", CATALOGUE, "rate_card: AI_CALL_STANDARD", "rate_card: LLM_TIERS", "card `LLM_TIERS` prices the meter `LLM`, this pricing `AI_CALL`"),
    Mistake("per of its own", CATALOGUE, "  rate_card: LLM_TIERS\n", "  rate_card: LLM_TIERS\n  per: 1\n", "`per` is 1, but that of its card is 1000"),
    Mistake("unknown model", CATALOGUE, "model: bps", "model: discount", "is not possible here. Write one of `per_unit`"),
    # plans
    Mistake("unknown pricing", CATALOGUE, "SUPPORT, SETUP]", "SUPORT, SETUP]", "plans[0].pricings[2]: there is no pricing `SUPORT`. Write `SUPPORT`"),
    Mistake("pricing twice", CATALOGUE, "SUPPORT, SETUP]", "SUPPORT, SUPPORT]", "pricing `SUPPORT` is named twice by the plan"),
    Mistake("unknown frequency", CATALOGUE, "billing_frequency: monthly", "billing_frequency: month", "`month` is not possible here. Write one of `weekly`, `monthly`, `quarterly`, `semi_annually`, `annually` (did you mean `monthly`?)"),
    # customers and contracts
    Mistake("external id twice", AGREEMENTS, "external_id: other", "external_id: acme", "external_id `acme` belongs to two customers"),
    Mistake("unknown customer", AGREEMENTS, "customer: cust_123", "customer: cust_124", "there is no customer `cust_124`"),
    Mistake("unknown plan", AGREEMENTS, "  plan: pro\n", "  plan: Pro\n", "there is no plan `Pro`. Write `pro`"),
    Mistake("draft plan", AGREEMENTS, "plan: former", "plan: planned", "plan `planned` is a draft"),
    Mistake("ends before it begins", AGREEMENTS, "end_date: 2027-01-01", "end_date: 2026-01-01", "the contract ends (2026-01-01) before it has begun"),
    Mistake("no such day", AGREEMENTS, "end_date: 2027-01-01", "end_date: 2027-02-30", "there is no day `2027-02-30`"),
    Mistake("date in words", AGREEMENTS, "end_date: 2027-01-01", "end_date: 1 Jan 2027", "Write a date as YYYY-MM-DD"),
    Mistake("date long ago", AGREEMENTS, "  start_date: 2026-01-01", "  start_date: 0206-01-01", "is before 1970-01-01"),
    Mistake("anchor out of range", AGREEMENTS, "billing_anchor: 1", "billing_anchor: 32", "`32` is no whole number from 1 to 31"),
    Mistake("anchor on a weekly plan", AGREEMENTS, "plan: each_week,", "plan: each_week, billing_anchor: 3,", "`billing_anchor` on the weekly plan `each_week`"),
    Mistake("minimum too fine", AGREEMENTS, '"1000.00"', '"1000.005"', "1000.005 is an amount finer than the minor unit of USD"),
    Mistake("status unknown", AGREEMENTS, "status: draft", "status: drafted", "Write one of `draft`, `approved`."),
    Mistake("contract twice", AGREEMENTS, "id: week-1", "id: acme-2026", "contract `acme-2026` is stated twice (first in agreements.yaml:5 contracts[0])"),
    # amendments
    Mistake("amendment at the start", AGREEMENTS, "effective_date: 2026-06-01", "effective_date: 2026-01-01", "the amendment takes effect on 2026-01-01, the contract begins on 2026-01-01"),
    Mistake("amendment after the end", AGREEMENTS, "effective_date: 2026-09-01", "effective_date: 2027-01-01", "when the contract is over"),
    Mistake("two amendments of a day", AGREEMENTS, "effective_date: 2026-09-01", "effective_date: 2026-06-01", "two amendments take effect on 2026-06-01"),
    Mistake("amendment of nothing", AGREEMENTS, ', base_fee: null, minimum_spend: "2000"}', "}", "the amendment changes nothing"),
    Mistake("amendment takes the plan away", AGREEMENTS, "base_fee: null", "plan: null", "an amendment cannot take the plan away"),
    Mistake("unknown plan of an amendment", AGREEMENTS, "    plan: scale", "    plan: scales", "contracts[0].amendments[0].plan: there is no plan `scales`. Write `scale`"),
    Mistake("other currency", AGREEMENTS, "    plan: scale", "    plan: tokyo", "currency mismatch: plan `tokyo` bills in JPY, plan `pro` in USD"),
    Mistake("other frequency", AGREEMENTS, "    plan: scale", "    plan: each_week", "plan `each_week` bills weekly, plan `pro` monthly"),
    # overrides
    Mistake("override without target", AGREEMENTS, "pricing: AI_CALL_PRICING, fallback_rate", "fallback_rate", "names neither a meter nor a pricing"),
    Mistake("override of both", AGREEMENTS, "{pricing: AI_CALL_PRICING,", "{pricing: AI_CALL_PRICING, meter: AI_CALL,", "names a meter and a pricing"),
    Mistake("override of unknown pricing", AGREEMENTS, "{pricing: AI_CALL_PRICING,", "{pricing: AI_CALL_PRICE,", "there is no pricing `AI_CALL_PRICE`. Write `AI_CALL_PRICING`"),
    Mistake("override of unknown meter", AGREEMENTS, f'{US}, rate: "1.40"', '{meter: AI, dimensions: {}, rate: "1.40"', "there is no meter `AI`"),
    Mistake("override with partial dimensions", AGREEMENTS, ', call_outcome: resolved}, rate: "1.40"', '}, rate: "1.40"', "partial dimensions: `call_outcome` is missing"),
    Mistake("override without rate", AGREEMENTS, ', rate: "1.40"', "", "`rate` is missing"),
    Mistake("override of the wrong price", AGREEMENTS, 'fallback_rate: "3.00"', 'unit_amount: "3.00"', "`unit_amount` is no price of pricing `AI_CALL_PRICING` (per_unit). Write `fallback_rate`"),
    Mistake("override without price", AGREEMENTS, ', fallback_rate: "3.00"', "", "`fallback_rate` is missing"),
    Mistake("rate for a pricing", AGREEMENTS, 'fallback_rate: "3.00"', 'fallback_rate: "3.00", rate: 1', "`rate` does not go with a pricing"),
    Mistake("tiers for a meter", AGREEMENTS, 'rate: "1.40"', 'rate: "1.40", tiers: [{unit_amount: 1}]', "`tiers` does not go with a meter"),
    Mistake("override ends first", AGREEMENTS, "effective_to: 2026-05-01", "effective_to: 2026-02-01", "the override ends (2026-02-01) before it holds (2026-02-01)"),
    Mistake("override after the contract", AGREEMENTS, "effective_from: 2026-02-01, effective_to: 2026-05-01", "effective_from: 2027-02-01", "can never apply: it begins on 2027-02-01"),
    Mistake("override before the contract", AGREEMENTS, "effective_from: 2026-02-01, effective_to: 2026-05-01", "effective_from: 2025-02-01, effective_to: 2025-05-01", "can never apply: it ends on 2025-05-01"),
    Mistake("two in force, contract and amendment", AGREEMENTS, "effective_to: 2026-05-01", "effective_to: 2026-07-01", "two overrides of meter `AI_CALL`, `US` / `resolved`, are in force at once"),
    Mistake("two in force, pricing", AGREEMENTS, '  - {pricing: AI_CALL_PRICING, fallback_rate: "3.00"}', '  - {pricing: AI_CALL_PRICING, fallback_rate: "3.00"}\n  - {pricing: AI_CALL_PRICING, fallback_rate: "3.00"}', "two overrides of pricing `AI_CALL_PRICING` are in force"),
    Mistake("override of a pricing not billed", AGREEMENTS, '{pricing: AI_CALL_PRICING, fallback_rate: "3.00"}', "{pricing: LLM_VOLUME, tiers: [{unit_amount: 1}], effective_to: 2026-06-01}", "can never apply: pricing `LLM_VOLUME` is not in `pro`, while the override holds"),
    Mistake("dimensions without per_unit card", AGREEMENTS, f'{US}, rate: "1.40"', '{meter: LLM, dimensions: {model: x}, rate: "1.40"', "no pricing of meter `LLM` has a card and the model per_unit in `scale`"),
    Mistake("one-time override too late", AGREEMENTS, '{pricing: AI_CALL_PRICING, fallback_rate: "3.00"}', "{pricing: SETUP, amount: 5, effective_from: 2026-02-01}", "`SETUP` is billed once, on 2026-01-01"),
    Mistake("override amount too fine", AGREEMENTS, '{pricing: AI_CALL_PRICING, fallback_rate: "3.00"}', "{pricing: SUPPORT, amount: 5.001}", "5.001 is an amount finer than the minor unit"),
    # grants
    Mistake("grant of unknown contract", AGREEMENTS, "  contract: acme-2026\n", "  contract: acme-2025\n", "there is no contract `acme-2025`. Write `acme-2026`"),
    Mistake("grant without value", AGREEMENTS, '  amount: "125000.00"\n', "", "the grant has no value: `amount` is missing"),
    Mistake("grant with two values", AGREEMENTS, "credits: 1562.5,", "amount: 500, credits: 1562.5,", "both an amount and credits"),
    Mistake("credits without rate", AGREEMENTS, ', credit_rate: "0.32"', "", "`credit_rate` is missing"),
    Mistake("credit rate of nothing", AGREEMENTS, 'credit_rate: "0.32"', "credit_rate: 0", "`0` is not above 0"),
    Mistake("credits between cents", AGREEMENTS, "credits: 1562.5,", "credits: 1562.51,", "500.0032 is an amount finer than the minor unit of USD"),
    Mistake("amount too fine", AGREEMENTS, '"125000.00"', '"125000.001"', "125000.001 is an amount finer than the minor unit"),
    Mistake("free and not free", AGREEMENTS, "kind: promotional, amount: 10,", "kind: promotional, price: 5, amount: 10,", "a promotional grant is free"),
    Mistake("expires first", AGREEMENTS, "  expires_at: 2027-01-01\n", "  expires_at: 2026-01-01\n", "expires (2026-01-01 05:00:00 UTC) before it is effective"),
    Mistake("expires before the contract", AGREEMENTS, "  effective_at: 2026-01-01\n  expires_at: 2027-01-01\n", "  effective_at: 2025-01-01\n  expires_at: 2025-06-01\n", "it expires on 2025-06-01"),
    Mistake("effective after the contract", AGREEMENTS, "  effective_at: 2026-01-01\n  expires_at: 2027-01-01\n", "  effective_at: 2027-01-01\n", "when its contract is over"),
    Mistake("instant without zone", AGREEMENTS, "2026-06-01T00:00:00+02:00", "2026-06-01T00:00:00", "names no zone. Write `2026-06-01T00:00:00Z`"),
    Mistake("no such instant", AGREEMENTS, "2026-06-01T00:00:00+02:00", "2026-06-01T25:00:00Z", "there is no instant"),
    Mistake("applies to nothing", AGREEMENTS, "[AI_CALL]", "[]", "the grant applies to no meter"),
    Mistake("applies to unknown", AGREEMENTS, "[AI_CALL]", "[AI_CAL]", "there is no meter `AI_CAL`. Write `AI_CALL`"),
    Mistake("applies twice", AGREEMENTS, "[AI_CALL]", "[AI_CALL, AI_CALL]", "`AI_CALL` is named twice"),
    Mistake("comes again and expires", AGREEMENTS, "  expires_at: 2027-01-01\n", "  expires_at: 2027-01-01\n  every: period\n", "has no date of expiry"),
    Mistake("never comes", AGREEMENTS, "  expires_at: 2027-01-01\n", "  every: period\n  until: 2026-01-01\n", "the grant never comes"),
    Mistake("comes too long", AGREEMENTS, "  expires_at: 2027-01-01\n", "  every: period\n  until: 2227-01-01\n", "more than 100 years after the contract begins"),
    Mistake("times of what comes once", AGREEMENTS, "  expires_at: 2027-01-01\n", "  times: 3\n", "`times` is of grants that come again"),
    Mistake("rollover too fine", AGREEMENTS, "  expires_at: 2027-01-01\n", '  every: period\n  rollover: "1.005"\n', "1.005 is an amount finer than the minor unit"),
    Mistake("same id, other terms", AGREEMENTS, "amount: 10.0,", "amount: 10.01,", "grant `acme-free` is stated with other terms (the other in agreements.yaml:38"),
]
# fmt: on


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_a_mistake_gets_a_sentence(mistake: Mistake, good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    path = good / mistake.file
    text = path.read_text()
    assert mistake.old in text
    path.write_text(text.replace(mistake.old, mistake.new, 1))
    sentences = problems_of(good)
    assert any(mistake.sentence in sentence for sentence in sentences), sentences
    assert all(sentence.endswith(".") for sentence in sentences)


def test_a_grant_that_pays_no_meter_of_its_contract(good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    path = good / AGREEMENTS
    path.write_text(path.read_text() + "- {id: t, contract: tokyo-1, kind: promotional, amount: 5, applies_to: [LLM]}\n")
    assert "the grant can never pay usage of `LLM`" in problems_of(good)[0]


def test_a_grant_that_would_come_for_ever(good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    path = good / AGREEMENTS
    path.write_text(path.read_text() + "- {id: t, contract: tokyo-1, kind: promotional, amount: 5, every: period}\n")
    assert "the grant comes again for ever, and its contract has no end" in problems_of(good)[0]


def test_the_id_of_one_time_of_a_recurring_grant(good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    path = good / AGREEMENTS
    both = (
        "- {id: t, contract: tokyo-1, kind: promotional, amount: 5, every: period, times: 2}\n"
        '- {id: "t#7", contract: tokyo-1, kind: promotional, amount: 5}\n'
    )
    path.write_text(path.read_text() + both)
    assert "`t#7` is what one time of the recurring grant `t` is called" in problems_of(good)[0]


def test_an_unreadable_file_forgives_what_it_would_have_stated(good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    (good / CATALOGUE).write_text("meters: [")
    assert len(problems_of(good)) == 1


def test_an_item_with_a_problem_is_no_unknown_reference(good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    path = good / CATALOGUE
    path.write_text(path.read_text().replace("code: AI_CALL\n", "code: AI_CALL\n  colour: red\n", 1))
    assert len(problems_of(good)) == 1


def test_all_problems_come_at_once(good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    catalogue, agreements = good / CATALOGUE, good / AGREEMENTS
    catalogue.write_text(catalogue.read_text().replace("aggregation: max", "aggregation: maximum").replace('"2.00"', "1e-3"))
    agreements.write_text(agreements.read_text().replace("cust_123", "cust_999", 2).replace("id: cust_999", "id: cust_123"))
    sentences = problems_of(good)
    assert len(sentences) == 3
    assert sentences == sorted(sentences)


def test_a_missing_folder_a_file_and_an_empty_folder(tmp_path: Path, problems_of: Callable[[Path], list[str]]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "books.yml").write_text("meters: []")
    assert "there is no such folder" in problems_of(tmp_path / "nowhere")[0]
    assert "holds no books" in problems_of(tmp_path / "empty")[0]
    assert "this is a file" in problems_of(tmp_path / "books.yml")[0]


def test_bytes_that_are_no_text(good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    (good / "more.yml").write_bytes(b"customers:\n- {id: a, name: \xff\xfe}\n")
    assert problems_of(good) == ["more.yml:2: the file is not UTF-8 text. Save it as UTF-8."]


def test_a_file_that_cannot_be_read(good: Path, problems_of: Callable[[Path], list[str]]) -> None:
    (good / "gone.yml").symlink_to(good / "nowhere.yml")
    assert "gone.yml: it cannot be read" in problems_of(good)[0]


def test_a_linked_folder_is_not_passed_over_in_silence(
    good: Path, tmp_path: Path, problems_of: Callable[[Path], list[str]]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (good / "linked").symlink_to(tmp_path / "elsewhere")
    assert "linked: this folder is a link" in problems_of(good)[0]


def test_the_error_itself_reads_as_its_sentences(good: Path) -> None:
    (good / "more.yml").write_text("colours: []")
    with pytest.raises(BooksError, match=r"more\.yml:1 colours: unknown section `colours`") as raised:
        load(good)
    assert raised.value.problems[0].line == 1
