-- R-30, R-32: credits on a line are what the ledger drew for it, less what it gave back
with

drawn as (
    select
        invoice_id,
        line_no,
        -sum(amount) as credits_applied
    from {{ ref('credit_ledger') }}
    where type in ('usage', 'reversal')
    group by
        invoice_id,
        line_no
)

select
    coalesce(lines.invoice_id, drawn.invoice_id) as invoice_id,
    coalesce(lines.line_no, drawn.line_no) as line_no,
    lines.credits_applied as on_line,
    drawn.credits_applied as in_ledger
from {{ ref('invoice_lines') }} as lines
full outer join drawn
    on
        lines.invoice_id = drawn.invoice_id
        and lines.line_no = drawn.line_no
where coalesce(lines.credits_applied, 0) <> coalesce(drawn.credits_applied, 0)
