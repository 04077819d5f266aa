-- R-45: what a closed period keeps as its usage is what its documents say, meter by meter, to the event; looked at once it has closed. It warns:
-- where the last re-rating of a period is not to be had any more, an adjustment that waits is made anew by the books of now (docs/semantics.md).
{{ config(severity='warn') }}

{{ usage_not_billed(source('closed', 'noted'), source('closed', 'unbilled_usage')) }}
