-- Newcombe (1998), table II, method 10: 56/70 against 48/80, published as 0.0524 to 0.3339; 10/10 against 0/10 as 0.6075 to 1.
with published as (

    select 56 as after_hits, 70 as after_trials, 48 as before_hits, 80 as before_trials, 0.0524 as low, 0.3339 as high
    union all
    select 10, 10, 0, 10, 0.6075, 1.0000

),

computed as (

    select
        *,
        {{ newcombe_low('after_hits', 'after_trials', 'before_hits', 'before_trials') }} as computed_low,
        {{ newcombe_high('after_hits', 'after_trials', 'before_hits', 'before_trials') }} as computed_high
    from published

)

select *
from computed
where
    computed_low is null
    or abs(computed_low - low) > 0.00005
    or abs(computed_high - high) > 0.00005
