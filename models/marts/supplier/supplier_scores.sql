with rates as (

    select * from {{ ref('supplier_rates') }}

),

score_weights as (

    select * from {{ ref('supplier_score_weights') }}

),

metrics as (

    select
        supplier_id,
        report_month,
        'ppm' as metric,
        rejected_share * 1000000 as metric_value
    from rates
    union all
    select
        supplier_id,
        report_month,
        'lot_acceptance' as metric,
        lot_acceptance as metric_value
    from rates
    union all
    select
        supplier_id,
        report_month,
        'on_time' as metric,
        on_time_share as metric_value
    from rates

)

select
    metrics.supplier_id,
    metrics.report_month,
    sum(
        score_weights.weight * 100 * greatest(0.0, least(
            1.0, (metrics.metric_value - score_weights.worst) / nullif(score_weights.best - score_weights.worst, 0)
        ))
    ) / nullif(sum(score_weights.weight), 0) as score
from metrics
inner join score_weights
    on metrics.metric = score_weights.metric
where metrics.metric_value is not null
group by
    metrics.supplier_id,
    metrics.report_month
