-- R-45: what a closed period keeps as its usage is what its documents say, meter by meter, to the event. It warns: where the last re-rating of
-- a period is not to be had any more, an adjustment that waits is made anew by the books of now (docs/semantics.md).
{{ config(severity='warn') }}

{%- set on_record -%}
    (
        select
            contract_id,
            period_start
        from {{ source('schedule', 'closed_periods') }}
        where contents_record is not null
    ) as closed
{%- endset %}
{{ usage_not_billed(on_record, source('closed', 'unbilled_usage')) }}
