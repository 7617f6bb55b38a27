with inspections as (

    select * from {{ ref('inspections') }}

),

settings as (

    {{ threshold_columns(['opportunities_per_unit', 'sigma_shift']) }}

),

judged_looks as (

    select
        inspection_id,
        line_id,
        station_id,
        sku_id,
        cast({{ dbt.date_trunc('month', 'local_day') }} as date) as month,
        coalesce(part_serial, inspection_id) as unit_id,
        inspect_time,
        is_defect,
        case when is_defect then greatest(coalesce(ai_defect_count, 1), 1) else 0 end as defects
    from inspections
    where is_judged

),

looks_numbered as (

    select
        *,
        row_number() over (partition by line_id, unit_id order by inspect_time, inspection_id) as look_on_line,
        row_number() over (
            partition by line_id, station_id, unit_id order by inspect_time, inspection_id
        ) as look_on_station
    from judged_looks

),

line_counts as (

    select
        line_id,
        sku_id,
        month,
        count(*) as units,
        sum(case when is_defect then 1 else 0 end) as defective_units,
        sum(defects) as defects
    from looks_numbered
    where look_on_line = 1
    group by line_id, sku_id, month

),

station_yields as (

    select
        line_id,
        sku_id,
        month,
        station_id,
        1 - avg(case when is_defect then 1.0 else 0.0 end) as station_yield
    from looks_numbered
    where look_on_station = 1
    group by line_id, sku_id, month, station_id

),

-- A product of shares as the exponential of a sum; a step at which nothing passes makes it 0.
rolled_yields as (

    select
        line_id,
        sku_id,
        month,
        count(*) as steps,
        case
            when min(station_yield) <= 0 then 0.0
            else exp(sum(ln(case when station_yield > 0 then station_yield end)))
        end as rolled_throughput_yield
    from station_yields
    group by line_id, sku_id, month

),

counts as (

    select
        line_counts.*,
        rolled_yields.steps,
        rolled_yields.rolled_throughput_yield,
        settings.opportunities_per_unit,
        settings.sigma_shift,
        {{ ratio('line_counts.defects', 'line_counts.units') }} as defects_per_unit,
        line_counts.units * settings.opportunities_per_unit as opportunities
    from line_counts
    inner join rolled_yields
        on
            line_counts.line_id = rolled_yields.line_id
            and line_counts.sku_id = rolled_yields.sku_id
            and line_counts.month = rolled_yields.month
    cross join settings

),

figures as (

    select
        *,
        {{ ratio('defects', 'opportunities') }} as defects_per_opportunity,
        1 - power(0.05, cast(1 as {{ type_double() }}) / opportunities) as zero_defect_bound
    from counts

),

-- The share of defects itself, not what it leaves of one: there the last digits of a small share would be lost.
shares as (

    select
        *,
        case when defects = 0 then zero_defect_bound else defects_per_opportunity end as defect_share
    from figures

)

select
    line_id,
    sku_id,
    month,
    units,
    defective_units,
    defects,
    opportunities_per_unit,
    defects_per_unit,
    1e6 * defects_per_opportunity as defects_per_million_opportunities,
    case when defects = 0 then zero_defect_bound end as zero_defect_upper_bound,
    -- Nine decimals: what comes after them is a matter of the machine's logarithm.
    round(sigma_shift - ({{ inverse_normal('defect_share') }}), 9) as sigma_level,
    defects = 0 as is_sigma_level_a_lower_bound,
    1 - {{ ratio('defective_units', 'units') }} as first_pass_yield,
    steps,
    rolled_throughput_yield
from shares
