-- R-16, R-42, R-47: what was metered of a period that this run rated is billed or drafted, meter by meter, to the event.
{{ usage_not_billed(source('rating', 'rated_periods'), source('rating', 'unbilled_usage')) }}
