{# Ranges, deviations and gaps are skewed, and weighted points follow from each other: only their limits say anything. #}
{% macro is_judged_by_limits_only(statistic) -%}
    {{ return(statistic ~ " in ('mr', 'r', 's', 'g', 'ewma', 'cusum_high', 'cusum_low')") }}
{%- endmacro %}


{#
    Every hit of every run rule on standardised values, as the CTE rule_hits with stream_id, statistic, phase, point_number,
    rule_set, rule, window_start_point and is_both_sides.

    points  stream_id, statistic, phase, point_number, z, k, rule_set; rows with NULL z must be left out: they are no points
    rules   rule_set, rule, pattern, hit_points, window_points, sigma (NULL: the k of the point)

    Windows run over the points of one stream, statistic and phase in their order and never leave it. A comparison is strict: a
    value on a line is inside. How each pattern is found:

    same_side, trend, alternating   a run began at the last point that broke the pattern; its length is the distance to it
    within, outside                 points that fit are numbered; while position minus number stays the same, the run goes on
    beyond                          points beyond the line are numbered on each side; the point hit_points - 1 places
                                    earlier on that side must lie in the window. At most 8 hit points.
#}
{% macro run_rule_hits(points, rules) -%}
{%- set series = "stream_id, statistic, phase" -%}
points_in_order as (

    select
        *,
        row_number() over (partition by stream_id, statistic, phase order by point_number) as position,
        lag(z) over (partition by stream_id, statistic, phase order by point_number) as z_1,
        lag(z, 2) over (partition by stream_id, statistic, phase order by point_number) as z_2
    from {{ points }}

),

points_with_breaks as (

    select
        *,
        sign(z) as side,
        sign(z - z_1) as step,
        case when coalesce(sign(z) * sign(z_1), 0) <> 1 then position end as side_break,
        case when coalesce(sign(z - z_1) * sign(z_1 - z_2), 0) <> 1 then position end as trend_break,
        case when coalesce(sign(z - z_1) * sign(z_1 - z_2), 0) <> -1 then position end as alternation_break
    from points_in_order

),

points_with_runs as (

    select
        *,
        position + 1 - {{ highest_so_far('side_break', series, 'point_number') }} as same_side_run,
        position + 2 - {{ highest_so_far('trend_break', series, 'point_number') }} as trend_run,
        position + 2 - {{ highest_so_far('alternation_break', series, 'point_number') }} as alternating_run,
        {{ highest_so_far('case when side = 1 then position end', series, 'point_number') }} as last_above,
        {{ highest_so_far('case when side = -1 then position end', series, 'point_number') }} as last_below
    from points_with_breaks

),

run_hits as (

    select
        points.stream_id,
        points.statistic,
        points.phase,
        points.position,
        points.point_number,
        rules.rule_set,
        rules.rule,
        rules.hit_points as window_points
    from points_with_runs as points
    inner join {{ rules }} as rules
        on
            points.rule_set = rules.rule_set
            and case rules.pattern
                when 'same_side' then case when points.side <> 0 then points.same_side_run end
                when 'trend' then case when points.step <> 0 then points.trend_run end
                when 'alternating' then case when points.step <> 0 then points.alternating_run end
            end >= rules.hit_points

),

fitting_points as (

    select
        points.stream_id,
        points.statistic,
        points.phase,
        points.position,
        points.point_number,
        points.last_above,
        points.last_below,
        points.side,
        rules.rule_set,
        rules.rule,
        rules.pattern,
        rules.hit_points,
        rules.window_points
    from points_with_runs as points
    inner join {{ rules }} as rules
        on
            points.rule_set = rules.rule_set
            and rules.pattern in ('within', 'outside', 'beyond')
            and case rules.pattern
                when 'within' then abs(points.z) < coalesce(rules.sigma, points.k)
                else abs(points.z) > coalesce(rules.sigma, points.k)
            end

),

points_beyond as (

    select
        *
        {%- for places in range(1, 8) %},
        lag(position, {{ places }}) over (
            partition by stream_id, statistic, phase, rule_set, rule, side order by position
        ) as position_{{ places }}
        {%- endfor %}
    from fitting_points
    where pattern = 'beyond'

),

points_in_islands as (

    select
        *,
        position - row_number() over (
            partition by stream_id, statistic, phase, rule_set, rule order by position
        ) as island
    from fitting_points
    where pattern <> 'beyond'

),

points_with_island_runs as (

    select
        *,
        row_number() over (partition by stream_id, statistic, phase, rule_set, rule, island order by position) as run
    from points_in_islands

),

hits as (

    select
        stream_id,
        statistic,
        phase,
        position,
        point_number,
        rule_set,
        rule,
        window_points,
        false as is_both_sides
    from run_hits
    union all
    select
        stream_id,
        statistic,
        phase,
        position,
        point_number,
        rule_set,
        rule,
        window_points,
        false as is_both_sides
    from points_beyond
    where
        position >= window_points
        and case hit_points
            when 1 then position
            {%- for places in range(1, 8) %}
            when {{ places + 1 }} then position_{{ places }}
            {%- endfor %}
        end > position - window_points
    union all
    select
        stream_id,
        statistic,
        phase,
        position,
        point_number,
        rule_set,
        rule,
        window_points,
        coalesce(
            pattern = 'outside'
            and last_above > position - window_points
            and last_below > position - window_points,
            false
        ) as is_both_sides
    from points_with_island_runs
    where run >= hit_points

),

rule_hits as (

    select
        hits.stream_id,
        hits.statistic,
        hits.phase,
        hits.point_number,
        hits.rule_set,
        hits.rule,
        first_points.point_number as window_start_point,
        hits.is_both_sides
    from hits
    inner join points_in_order as first_points
        on
            hits.stream_id = first_points.stream_id
            and hits.statistic = first_points.statistic
            and hits.phase = first_points.phase
            and hits.position - hits.window_points + 1 = first_points.position

)
{%- endmacro %}
