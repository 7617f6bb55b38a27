-- Thresholds that contradict each other would stop no line, or every line, without a word. The models look at most 999
-- hours or days back.
with settings as (

    {{ threshold_columns(line_stop_thresholds()) }}

)

select *
from settings
where
    line_stop_window_hours < 1
    or line_stop_window_hours <> floor(line_stop_window_hours)
    or line_stop_hold_hours < 0
    or line_stop_window_hours + line_stop_hold_hours > 999
    or line_stop_minimum_inspections < 1
    or line_stop_rate < 0
    or line_stop_rate >= 1
    or line_stop_release_rate < 0
    or line_stop_release_rate > line_stop_rate
    or line_stop_confidence_z <= 0
    or line_stop_chart_minimum_expected < 0
    or line_stop_agreement_floor < 0
    or line_stop_agreement_floor > 1
    or line_stop_agreement_minimum_reviews < 1
    or line_stop_agreement_days < 1
    or line_stop_agreement_days > 999
