with subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

phase_sizes as (

    select
        stream_id,
        phase,
        min(chart_id) as chart_id,
        min(stream) as stream,
        min(kind) as kind,
        min(subgroup_at) as phase_starts_at,
        max(subgroup_at) as phase_ends_at,
        count(value) as points,
        min(case when value is not null then sample_size end) as smallest_sample,
        max(case when value is not null then sample_size end) as largest_sample,
        min(case when is_baseline then sample_size end) as smallest_baseline_sample,
        max(case when is_baseline then sample_size end) as largest_baseline_sample,
        max(case when ends_baseline then 1 else 0 end) = 1 as is_baseline_complete,
        min(frozen_centre_line) as frozen_centre_line,
        min(frozen_sigma) as frozen_sigma
    from subgroups
    group by stream_id, phase

),

-- The sizes that a chart is chosen by are those of its baseline: a later sample of another size changes no limits that
-- are set. Where the limits were decided upon there is no baseline, and all points count.
deciding_sizes as (

    select
        *,
        coalesce(smallest_baseline_sample, smallest_sample) as smallest_deciding_sample,
        coalesce(largest_baseline_sample, largest_sample) as largest_deciding_sample
    from phase_sizes

)

select
    deciding_sizes.stream_id,
    deciding_sizes.phase,
    deciding_sizes.chart_id,
    deciding_sizes.stream,
    deciding_sizes.kind,
    charts.chart_type as requested_chart_type,
    case
        when deciding_sizes.kind = 'gaps' and charts.chart_type = 'g' then 'geometric'
        when deciding_sizes.kind = 'gaps' or charts.chart_type = 'i_mr' then 'moving_range'
        when deciding_sizes.kind = 'defectives' then 'binomial'
        when deciding_sizes.kind = 'defects' then 'poisson'
        when charts.chart_type = 'xbar_r' then 'range'
        when charts.chart_type = 'xbar_s' then 'deviation'
        when deciding_sizes.largest_deciding_sample > 10 then 'deviation'
        when deciding_sizes.largest_deciding_sample > 1 then 'range'
        else 'moving_range'
    end as sigma_method,
    charts.k,
    charts.minimum_baseline_points,
    deciding_sizes.phase_starts_at,
    deciding_sizes.phase_ends_at,
    deciding_sizes.points,
    deciding_sizes.is_baseline_complete,
    deciding_sizes.smallest_sample,
    deciding_sizes.largest_sample,
    deciding_sizes.smallest_deciding_sample,
    deciding_sizes.largest_deciding_sample,
    deciding_sizes.frozen_centre_line,
    deciding_sizes.frozen_sigma
from deciding_sizes
inner join charts
    on deciding_sizes.chart_id = charts.chart_id
