{#
    Exponentially weighted sums without recursion. From `points` (stream_id, phase, phase_point 1, 2, 3 ..., deviation,
    point_sigma, smoothing) makes the CTE ewma_points with `ewma` = sum over j <= t of s * (1-s)^(t-j) * deviation_j and
    `ewma_sigma`, the square root of the same sum over s^2 * (1-s)^(2(t-j)) * point_sigma_j^2: with one sigma that is
    sigma * sqrt(s / (2-s) * (1 - (1-s)^(2t))).

    Written over a whole stream the weights (1-s)^(-j) overflow. So the stream is cut into blocks of B = 40 / -ln(1-s) points:
    inside a block the sum is a running sum, from the block before comes one number, and what is older weighs less
    than e^-40, which is below the last digit of a double.
#}
{% macro ewma_of(points) -%}
blocked_points as (

    select
        *,
        cast(floor((phase_point - 1) / block_points) as bigint) as block,
        phase_point - 1 - block_points * floor((phase_point - 1) / block_points) as step
    from (
        select
            *,
            case when smoothing >= 1 then 1.0 else ceil(40 / -ln(1 - smoothing)) end as block_points
        from {{ points }}
    ) as points_with_block_size

),

weighted_points as (

    select
        *,
        deviation * power(1 - smoothing, -step) as weighted_deviation,
        point_sigma * point_sigma * power(1 - smoothing, -2 * step) as weighted_variance
    from blocked_points

),

block_sums as (

    select
        *,
        sum(weighted_deviation) over (
            partition by stream_id, phase, block
            order by phase_point
            rows between unbounded preceding and current row
        ) as deviation_sum,
        sum(weighted_variance) over (
            partition by stream_id, phase, block
            order by phase_point
            rows between unbounded preceding and current row
        ) as variance_sum
    from weighted_points

),

block_ends as (

    select
        stream_id,
        phase,
        block + 1 as next_block,
        sum(weighted_deviation) * max(smoothing * power(1 - smoothing, block_points - 1)) as carried_deviation,
        sum(weighted_variance) * max(smoothing * smoothing * power(1 - smoothing, 2 * (block_points - 1))) as carried_variance
    from weighted_points
    group by stream_id, phase, block

),

ewma_points as (

    select
        block_sums.*,
        block_sums.smoothing * power(1 - block_sums.smoothing, block_sums.step) * block_sums.deviation_sum
        + coalesce(power(1 - block_sums.smoothing, block_sums.step + 1) * block_ends.carried_deviation, 0) as ewma,
        sqrt(
            block_sums.smoothing * block_sums.smoothing
            * power(1 - block_sums.smoothing, 2 * block_sums.step) * block_sums.variance_sum
            + coalesce(power(1 - block_sums.smoothing, 2 * (block_sums.step + 1)) * block_ends.carried_variance, 0)
        ) as ewma_sigma
    from block_sums
    left join block_ends
        on
            block_sums.stream_id = block_ends.stream_id
            and block_sums.phase = block_ends.phase
            and block_sums.block = block_ends.next_block

)
{%- endmacro %}


{#
    Tabular CUSUM without recursion: C_t = max(0, z_t - k + C_(t-1)) equals S_t - min(0, S_1 ... S_t) with S the running sum of
    z - k, and the lower side by symmetry. From `points` (stream_id, phase, phase_point, z, allowance) makes the CTE cusum_points
    with cusum_high and cusum_low, both >= 0, in units of sigma.
#}
{% macro cusum_of(points) -%}
running_sums as (

    select
        *,
        sum(z - allowance) over (
            partition by stream_id, phase
            order by phase_point
            rows between unbounded preceding and current row
        ) as sum_high,
        sum(-z - allowance) over (
            partition by stream_id, phase
            order by phase_point
            rows between unbounded preceding and current row
        ) as sum_low
    from {{ points }}

),

cusum_points as (

    select
        *,
        sum_high - least(0.0, min(sum_high) over (
            partition by stream_id, phase
            order by phase_point
            rows between unbounded preceding and current row
        )) as cusum_high,
        sum_low - least(0.0, min(sum_low) over (
            partition by stream_id, phase
            order by phase_point
            rows between unbounded preceding and current row
        )) as cusum_low
    from running_sums

)
{%- endmacro %}
