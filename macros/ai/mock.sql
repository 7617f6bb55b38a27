{#
    The mock: a stand-in for a model, pure SQL and a function of the row's content alone. It starts from what the
    inspector said and errs on purpose (var ai_mock, shares from 0 to 1): `wrong` judgements, `malformed` answers,
    JSON in a `fenced` block, calls that are `refused` for good and calls with a `transient` failure.
    It shows how the chain behaves. It knows nothing about pictures: never report its figures as a model's quality.
#}
{% macro mock_can_answer(settings, request) -%}
    {{ return('true') }}
{%- endmacro %}

{# A number in [0, 1) from the request's content; each salt gives another one. MD5 is the same in every version. #}
{% macro mock_draw(settings, request, salt) -%}
    {{ return(
        "(md5_number_lower(concat_ws('|', " ~ request ~ ".content_key, "
        ~ faultline.sql_text([settings.step, settings.model, settings.prompt_version, salt] | join('|'))
        ~ ")) % 1000000 / 1000000.0)"
    ) }}
{%- endmacro %}

{# One of several texts, each as likely, chosen by the content. #}
{% macro mock_choice(settings, request, salt, choices) -%}
    {%- set draw = faultline.mock_draw(settings, request, salt) -%}
    {{ return(
        "list_extract([" ~ faultline.sql_text_list(choices) ~ "], 1 + cast(floor(" ~ draw ~ " * " ~ (choices | length)
        ~ ") as integer))"
    ) }}
{%- endmacro %}

{% macro mock_answer(settings, request) -%}
    {%- set shares = var('ai_mock') -%}
    {%- set refused = faultline.mock_draw(settings, request, 'refused') ~ " < " ~ shares.refused -%}
    {%- set transient_draw -%}
        (md5_number_lower(concat_ws('|', {{ request }}.content_key, {{ request }}.attempt, 'transient', '{{ settings.step }}'))
        % 1000000 / 1000000.0)
    {%- endset -%}
    {%- set transient = transient_draw ~ " < " ~ shares.transient -%}
    {%- if settings.step == 'classify' -%}
        {%- set response = faultline.mock_classify_response(settings, request, shares) -%}
    {%- elif settings.step == 'extract' -%}
        {%- set response = faultline.mock_extract_response(settings, request, shares) -%}
    {%- else -%}
        {%- set response = faultline.mock_diagnose_response(settings, request, shares) -%}
    {%- endif -%}
    struct_pack(
        raw_response := case when {{ refused }} or {{ transient }} then null else {{ response }} end,
        error := case
            when {{ refused }} then 'mock: the model refused the request'
            when {{ transient }} then 'mock: the request timed out'
        end,
        is_retryable := not ({{ refused }}),
        input_tokens := cast({{ settings.estimated_input_tokens }} as bigint),
        output_tokens := cast({{ settings.estimated_output_tokens }} as bigint),
        latency_ms := 200 + 800 * {{ faultline.mock_draw(settings, request, 'latency') }},
        finish_reason := 'stop',
        served_model := {{ faultline.sql_text(settings.model) }}
    )
{%- endmacro %}

{# The first judgement where there is one, else what the camera said, else a guess. #}
{% macro mock_category(settings, request) -%}
    case
        when {{ request }}.raw_category is not null then {{ request }}.raw_category
        when {{ request }}.aoi_verdict = 'pass' then 'No Defect'
        else {{ faultline.mock_choice(settings, request, 'category', settings.labels) }}
    end
{%- endmacro %}

{% macro mock_classify_response(settings, request, shares) -%}
    case
        when {{ faultline.mock_draw(settings, request, 'malformed') }} < {{ shares.malformed }}
            then {{ faultline.mock_choice(settings, request, 'malformed text', [
                '', 'I cannot judge this image.', 'Scratch', 'Appearance Defect or Material Issue', '外观缺陷',
            ]) }}
        when {{ faultline.mock_draw(settings, request, 'wrong') }} < {{ shares.wrong }}
            then {{ faultline.mock_choice(settings, request, 'wrong text', settings.labels) }}
        when {{ faultline.mock_draw(settings, request, 'spelling') }} < 0.05
            then concat('  ', lower({{ faultline.mock_category(settings, request) }}))
        else {{ faultline.mock_category(settings, request) }}
    end
{%- endmacro %}

{# A larger area for what the inspector called worse; empty values where nothing is wrong. #}
{% macro mock_extract_response(settings, request, shares) -%}
    {%- set area_draw = faultline.mock_draw(settings, request, 'area') -%}
    case
        when {{ faultline.mock_draw(settings, request, 'malformed') }} < {{ shares.malformed }}
            then {{ faultline.mock_choice(settings, request, 'malformed text', [
                '', '[]', '{"location": "centre", "area_ratio": "0.0', 'There is a scratch in the centre.',
                '{"location": "edge", "area_ratio": "2.1%", "count": "several", "confidence": "high"}',
            ]) }}
        else concat(
            case when {{ faultline.mock_draw(settings, request, 'fenced') }} < {{ shares.fenced }} then '```json' || chr(10) else '' end,
            '{"location": "',
            case
                when {{ request }}.raw_category = 'No Defect' then ''
                else {{ faultline.mock_choice(settings, request, 'location', ['centre', 'upper left', 'lower right', 'edge', 'corner']) }}
            end,
            '", "area_ratio": "',
            case
                when {{ request }}.raw_category = 'No Defect' then '0'
                when {{ request }}.raw_severity = 'Critical' then cast(round(0.04 + 0.3 * {{ area_draw }} * {{ area_draw }}, 4) as varchar)
                when {{ request }}.raw_severity = 'Minor' then cast(round(0.01 + 0.08 * {{ area_draw }} * {{ area_draw }}, 4) as varchar)
                else cast(round(0.002 + 0.03 * {{ area_draw }} * {{ area_draw }}, 4) as varchar)
            end,
            '", "count": "',
            case
                when {{ request }}.raw_category = 'No Defect' then '0'
                else cast(1 + cast(floor(4 * {{ area_draw }} * {{ faultline.mock_draw(settings, request, 'count') }}) as integer) as varchar)
            end,
            '", "confidence": "',
            cast(round(0.6 + 0.39 * {{ faultline.mock_draw(settings, request, 'confidence') }}, 2) as varchar),
            '"}',
            case when {{ faultline.mock_draw(settings, request, 'fenced') }} < {{ shares.fenced }} then chr(10) || '```' else '' end
        )
    end
{%- endmacro %}

{% macro mock_diagnose_response(settings, request, shares) -%}
    case
        when {{ faultline.mock_draw(settings, request, 'malformed') }} < {{ shares.malformed }}
            then {{ faultline.mock_choice(settings, request, 'malformed text', [
                '', 'I am sorry, I cannot help with that.', '{"root_cause": "", "action": "Rework", "confidence": 0.8}',
                '{"root_cause": "worn tool", "action": "Ship it", "confidence": 0.8}',
            ]) }}
        else concat(
            case when {{ faultline.mock_draw(settings, request, 'fenced') }} < {{ shares.fenced }} then 'Here is my answer:' || chr(10) || '```json' || chr(10) else '' end,
            '{"root_cause": "',
            case {{ request }}.category
                when 'Appearance Defect' then {{ faultline.mock_choice(settings, request, 'cause', ['handling damage', 'contaminated fixture', 'paste residue']) }}
                when 'Dimension Deviation' then {{ faultline.mock_choice(settings, request, 'cause', ['tool wear', 'fixture offset', 'wrong program version']) }}
                when 'Functional Failure' then {{ faultline.mock_choice(settings, request, 'cause', ['solder bridge', 'open joint', 'bearing failure']) }}
                when 'Material Issue' then {{ faultline.mock_choice(settings, request, 'cause', ['inclusion in purchased material', 'material batch out of specification']) }}
                else 'not determined'
            end,
            '", "action": "',
            case
                when {{ faultline.mock_draw(settings, request, 'wrong') }} < {{ shares.wrong }} then 'Re-inspect'
                when {{ request }}.severity = 'Critical' then {{ faultline.mock_choice(settings, request, 'action', ['Scrap', 'Scrap', 'Rework']) }}
                when {{ request }}.severity = 'Minor' then {{ faultline.mock_choice(settings, request, 'action', ['Rework', 'Rework', 'Pass']) }}
                else 'Pass'
            end,
            '", "confidence": ',
            cast(round(0.5 + 0.49 * {{ faultline.mock_draw(settings, request, 'confidence') }}, 2) as varchar),
            '}',
            case when {{ faultline.mock_draw(settings, request, 'fenced') }} < {{ shares.fenced }} then chr(10) || '```' else '' end
        )
    end
{%- endmacro %}
