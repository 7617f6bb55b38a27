with inspections as (

    select * from {{ ref('inspections') }}

),

production_output as (

    select * from {{ ref('ods_production_output') }}

),

hourly_counts as (

    select
        line_id,
        shift,
        sku_id,
        plant_hour,
        {{ plant_day('plant_hour') }} as local_day,
        count(*) as inspections,
        cast({{ count_where('is_judged') }} as bigint) as judged,
        cast({{ count_where('is_defect') }} as bigint) as defects,
        cast({{ count_where("severity = 'Critical'") }} as bigint) as critical_defects,
        cast({{ count_where("category = 'No Defect'") }} as bigint) as no_defect,
        cast({{ count_where("category = 'Requires Manual Re-inspection'") }} as bigint) as reinspect,
        cast({{ count_where('category is null') }} as bigint) as unresolved
    from inspections
    group by
        line_id,
        shift,
        sku_id,
        plant_hour

),

-- Output is booked by the hour: the clock of the plant decides which, as it does for the inspections.
hourly_output as (

    select
        line_id,
        shift,
        sku_id,
        {{ plant_hour_start('output_hour') }} as plant_hour,
        sum(units_produced) as units_produced
    from production_output
    group by
        line_id,
        shift,
        sku_id,
        {{ plant_hour_start('output_hour') }}

)

select
    hourly_counts.line_id,
    hourly_counts.shift,
    hourly_counts.sku_id,
    hourly_counts.plant_hour,
    hourly_counts.local_day,
    hourly_counts.inspections,
    hourly_counts.judged,
    hourly_counts.defects,
    hourly_counts.critical_defects,
    hourly_counts.no_defect,
    hourly_counts.reinspect,
    hourly_counts.unresolved,
    {{ ratio('hourly_counts.defects', 'hourly_counts.judged') }} as defect_rate,
    {{ wilson_low('hourly_counts.defects', 'hourly_counts.judged') }} as defect_rate_low,
    {{ wilson_high('hourly_counts.defects', 'hourly_counts.judged') }} as defect_rate_high,
    {{ ratio('hourly_counts.defects', 'hourly_counts.inspections') }} as defects_per_inspection,
    cast(hourly_output.units_produced as bigint) as units_produced,
    {{ ratio('hourly_counts.defects', 'hourly_output.units_produced') }} as defects_per_unit_produced
from hourly_counts
left join hourly_output
    on
        hourly_counts.line_id = hourly_output.line_id
        and hourly_counts.shift = hourly_output.shift
        and hourly_counts.sku_id = hourly_output.sku_id
        and hourly_counts.plant_hour = hourly_output.plant_hour
