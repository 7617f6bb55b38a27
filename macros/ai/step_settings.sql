{# The kinds of AI call, in the order in which they are made. #}
{% macro ai_steps() -%}
    {{ return(['classify', 'extract', 'diagnose']) }}
{%- endmacro %}


{#
    What a step asks, and of whom: the rows of ai_models and ai_prompts named by the vars ai_step_models and
    ai_step_prompts, with the label set of classify
    and, where a diagnose prompt asks for them, the codes of root_causes. Raises a compile error for a step, model or prompt that does not
    exist, a text-only model that would be given an image, and a label set that is empty or longer than 20.

    Before the seeds are built (parse, first compile) the names are returned unchecked, with `is_checked` false.
#}
{% macro ai_step_settings(step) -%}
    {%- if step not in faultline.ai_steps() -%}
        {{ faultline.raise_ai_error("there is no step '" ~ step ~ "'; steps are " ~ (faultline.ai_steps() | join(', '))) }}
    {%- endif -%}
    {%- set model_name = var('ai_step_models').get(step) -%}
    {%- set prompt_version = var('ai_step_prompts').get(step) -%}
    {%- if not model_name -%}
        {{ faultline.raise_ai_error("the var ai_step_models names no model for step '" ~ step ~ "'") }}
    {%- endif -%}
    {%- if not prompt_version -%}
        {{ faultline.raise_ai_error("the var ai_step_prompts names no prompt for step '" ~ step ~ "'") }}
    {%- endif -%}

    {%- set models = faultline.seed_rows(ref('ai_models')) -%}
    {%- set prompts = faultline.seed_rows(ref('ai_prompts')) -%}
    {%- set categories = faultline.seed_rows(ref('defect_categories')) -%}
    {%- set all_labels = faultline.seed_rows(ref('labels')) -%}
    {%- set root_causes = faultline.seed_rows(ref('root_causes')) -%}
    {%- if models is none or prompts is none or categories is none or all_labels is none or root_causes is none -%}
        {{ return({
            'step': step, 'model': model_name, 'prompt_version': prompt_version, 'provider_model_id': model_name,
            'sends_image': step != 'diagnose', 'prompt_text': '', 'response_schema': '', 'labels': [],
            'prompt_md5': '', 'currency': none, 'estimated_cost': none, 'actions': [],
            'structured_output': '', 'request_options': '', 'is_checked': false,
        }) }}
    {%- endif -%}

    {%- set prompt = faultline.ai_prompt(step, prompt_version, prompts) -%}
    {%- set model = faultline.ai_model(model_name, models) -%}
    {%- if prompt.sends_image and not model.is_multimodal -%}
        {{ faultline.raise_ai_error(
            "step '" ~ step ~ "' sends an image, but model '" ~ model_name ~ "' reads text only: it would ignore the image "
            ~ "and still answer. Choose a model with is_multimodal = true in ai_models"
        ) }}
    {%- endif -%}

    {%- set labels = [] -%}
    {%- if step == 'classify' -%}
        {%- for category in categories | sort(attribute='sort_order') if category.category -%}
            {%- do labels.append(category.category) -%}
        {%- endfor -%}
        {%- do faultline.check_ai_labels(labels) -%}
    {%- endif -%}
    {%- set prompt_text = prompt.prompt_text or '' -%}
    {%- if '[root_cause_codes]' in prompt_text -%}
        {%- set meanings = [] -%}
        {%- for root_cause in root_causes | sort(attribute='sort_order') if root_cause.six_m != 'Unclassified' -%}
            {%- do labels.append(root_cause.root_cause_code) -%}
            {%- do meanings.append(root_cause.root_cause_code ~ ' (' ~ root_cause.cause ~ ')') -%}
        {%- endfor -%}
        {%- set prompt_text = prompt_text | replace('[root_cause_codes]', meanings | join('; ')) -%}
    {%- endif -%}

    {%- set input_tokens = (prompt.estimated_prompt_tokens or 0) + (model.image_tokens or 0 if prompt.sends_image else 0) -%}
    {%- set estimated_cost = none -%}
    {%- if model.input_price_per_million_tokens is not none and model.output_price_per_million_tokens is not none -%}
        {%- set estimated_cost = (
            input_tokens * (model.input_price_per_million_tokens | float)
            + (prompt.estimated_answer_tokens or 0) * (model.output_price_per_million_tokens | float)
        ) / 1000000 -%}
    {%- endif -%}

    {{ return({
        'step': step,
        'model': model_name,
        'provider_model_id': model.provider_model_id,
        'prompt_version': prompt_version,
        'sends_image': prompt.sends_image,
        'prompt_text': prompt_text,
        'response_schema': prompt.response_schema or '',
        'labels': labels,
        'prompt_md5': local_md5([prompt.prompt_text, prompt.response_schema, labels] | tojson),
        'input_price': model.input_price_per_million_tokens,
        'output_price': model.output_price_per_million_tokens,
        'estimated_input_tokens': input_tokens,
        'estimated_output_tokens': prompt.estimated_answer_tokens or 0,
        'estimated_cost': estimated_cost,
        'currency': model.currency,
        'actions': all_labels | selectattr('label_set', 'equalto', 'action') | sort(attribute='sort_order')
            | map(attribute='label') | list,
        'structured_output': model.structured_output or '',
        'request_options': model.request_options or '',
        'is_checked': true,
    }) }}
{%- endmacro %}


{# The row of ai_prompts for a step. #}
{% macro ai_prompt(step, prompt_version, prompts) -%}
    {%- for prompt in prompts if prompt.prompt_version == prompt_version -%}
        {%- if prompt.step != step -%}
            {{ faultline.raise_ai_error(
                "prompt '" ~ prompt_version ~ "' belongs to step '" ~ prompt.step ~ "', not to '" ~ step ~ "'"
            ) }}
        {%- endif -%}
        {{ return(prompt) }}
    {%- endfor -%}
    {{ faultline.raise_ai_error(
        "ai_prompts has no prompt '" ~ prompt_version ~ "' (step '" ~ step ~ "'); it has "
        ~ (prompts | map(attribute='prompt_version') | join(', '))
    ) }}
{%- endmacro %}


{# The row of ai_models. A replay accepts any recorded name: as multimodal and at no price, for nothing is asked. #}
{% macro ai_model(model_name, models) -%}
    {%- for model in models if model.model == model_name -%}
        {{ return(model) }}
    {%- endfor -%}
    {%- if target.type == 'duckdb' and var('ai_backend') == 'replay' -%}
        {{ return({
            'model': model_name, 'provider_model_id': model_name, 'is_multimodal': true, 'image_tokens': 0,
            'input_price_per_million_tokens': 0, 'output_price_per_million_tokens': 0, 'currency': none,
        }) }}
    {%- endif -%}
    {{ faultline.raise_ai_error(
        "ai_models has no model '" ~ model_name ~ "'; it has " ~ (models | map(attribute='model') | join(', '))
    ) }}
{%- endmacro %}


{# AI_CLASSIFY takes 1 to 20 labels; the mock and the replay keep to the same law. #}
{% macro check_ai_labels(labels) -%}
    {%- if labels | length == 0 -%}
        {{ faultline.raise_ai_error("the label set of classify is empty: defect_categories has no rows") }}
    {%- endif -%}
    {%- if labels | length > 20 -%}
        {{ faultline.raise_ai_error(
            "the label set of classify has " ~ (labels | length) ~ " labels; AI_CLASSIFY takes at most 20"
        ) }}
    {%- endif -%}
{%- endmacro %}


{% macro raise_ai_error(message) -%}
    {{ exceptions.raise_compiler_error("faultline AI: " ~ message ~ ".") }}
{%- endmacro %}
