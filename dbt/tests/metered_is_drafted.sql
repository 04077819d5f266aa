-- R-16, R-47: what was metered of a period that is not issued yet is on its draft, meter by meter, to the event.
-- Of issued periods a correction that is worth nothing makes no document (R-42), so there only money is compared, by the kernel.
with

drafts as (
    select
        invoice_id,
        contract_id,
        period_start
    from {{ ref('invoices') }}
    where
        status = 'draft'
        and kind = 'period'
),

metered as (
    select
        drafts.invoice_id,
        usage.meter_code,
        sum(usage.quantity) as quantity,
        sum(usage.event_count) as events
    from {{ ref('usage') }} as usage
    inner join drafts
        on
            usage.contract_id = drafts.contract_id
            and usage.period_start = drafts.period_start
    group by
        drafts.invoice_id,
        usage.meter_code
),

drafted as (
    select
        lines.invoice_id,
        lines.meter_code,
        sum(lines.quantity) as quantity,
        sum(lines.event_count) as events
    from {{ ref('invoice_lines') }} as lines
    inner join drafts
        on lines.invoice_id = drafts.invoice_id
    where lines.kind = 'usage'
    group by
        lines.invoice_id,
        lines.meter_code
)

select
    coalesce(metered.invoice_id, drafted.invoice_id) as invoice_id,
    coalesce(metered.meter_code, drafted.meter_code) as meter_code,
    metered.quantity as metered,
    drafted.quantity as drafted,
    metered.events as events_metered,
    drafted.events as events_drafted
from metered
full outer join drafted
    on
        metered.invoice_id = drafted.invoice_id
        and metered.meter_code = drafted.meter_code
where
    coalesce(metered.quantity, 0) <> coalesce(drafted.quantity, 0)
    or coalesce(metered.events, 0) <> coalesce(drafted.events, 0)
