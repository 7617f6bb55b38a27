with subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

rules as (

    select * from {{ ref('spc_rules') }}

),

streams as (

    select * from {{ ref('spc_streams') }}

),

settings as (

    {{ threshold_columns(['overdispersion_significance']) }}

),

rule_set_versions as (

    select
        rule_set,
        {{ rows_fingerprint(
            ['rule', 'pattern', 'hit_points', 'window_points', 'is_enabled', 'description'],
            ['sigma']
        ) }} as rules_version
    from rules
    group by rule_set

),

subgroup_versions as (

    select
        stream_id,
        phase,
        min(chart_id) as chart_id,
        {{ rows_fingerprint(
            [
                'point_number', 'phase_point', 'subgroup_key', 'subgroup_at', 'kind', 'counted', 'is_baseline',
                'exclusion_reason'
            ],
            ['sample_size', 'value', 'subgroup_range', 'subgroup_deviation', 'frozen_centre_line', 'frozen_sigma']
        ) }} as subgroups_version
    from subgroups
    group by stream_id, phase

),

settings_of_each_phase as (

    select
        subgroup_versions.stream_id,
        subgroup_versions.phase,
        concat(
            subgroup_versions.subgroups_version, '-', rule_set_versions.rules_version, '-',
            {{ rows_fingerprint(
                ['charts.chart_type', 'charts.rule_set', 'streams.stream'],
                [
                    'charts.k', 'charts.smoothing', 'charts.cusum_allowance', 'charts.cusum_decision',
                    'streams.lower_spec', 'streams.target', 'streams.upper_spec', 'settings.overdispersion_significance'
                ]
            ) }}
        ) as fingerprint
    from subgroup_versions
    inner join charts
        on subgroup_versions.chart_id = charts.chart_id
    inner join streams
        on subgroup_versions.stream_id = streams.stream_id
    left join rule_set_versions
        on charts.rule_set = rule_set_versions.rule_set
    cross join settings
    group by
        subgroup_versions.stream_id,
        subgroup_versions.phase,
        subgroup_versions.subgroups_version,
        rule_set_versions.rules_version

)

select
    stream_id,
    phase,
    concat(stream_id, '|', cast(phase as {{ dbt.type_string() }})) as phase_key,
    fingerprint
from settings_of_each_phase
