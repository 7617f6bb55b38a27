{#
    The files that are there under the image root, as image_path relative to it. On DuckDB the root is the folder
    FAULTLINE_IMAGES (default: `images` beside the landing folder; empty text: no check, every path counts as there);
    on Lakehouse the directory of the volume image_volume.
#}
{% macro image_files() -%}
    {{ return(adapter.dispatch('image_files', 'faultline')()) }}
{%- endmacro %}

{% macro default__image_files() -%}
    {{ exceptions.raise_compiler_error("faultline lists image files on duckdb and clickzetta, not on " ~ target.type ~ ".") }}
{%- endmacro %}

{% macro duckdb__image_files() -%}
    {%- set root = faultline.image_root() -%}
    select distinct substr(replace(file, '\', '/'), {{ root | length + 2 }}) as image_path
    from glob({{ faultline.sql_text(root ~ '/**') }})
{%- endmacro %}

{% macro clickzetta__image_files() -%}
    {%- set volume = faultline.image_volume() -%}
    {%- if volume | lower == 'user volume' -%}
    select relative_path as image_path
    from (show user volume directory)
    {%- else -%}
    select relative_path as image_path
    from directory({{ volume }})
    {%- endif -%}
{%- endmacro %}


{# The image root on DuckDB, in the form in which glob() gives its paths back. #}
{% macro image_root() -%}
    {%- set beside_landing = (faultline.landing_path().split('/')[:-1] + ['images']) | join('/') -%}
    {{ return(faultline.plain_path(env_var('FAULTLINE_IMAGES', beside_landing))) }}
{%- endmacro %}


{# A path without `.`, without empty parts and without a `..` that follows a name; an empty text stays empty. #}
{% macro plain_path(path) -%}
    {%- set parts = [] -%}
    {%- for part in path.split('/') if part not in ['', '.'] -%}
        {%- if part == '..' and parts and parts[-1] != '..' -%}
            {%- do parts.pop() -%}
        {%- else -%}
            {%- do parts.append(part) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(('/' if path.startswith('/') else '') ~ (parts | join('/'))) }}
{%- endmacro %}

{# False where the files cannot be looked at, so that a path in the landing is taken at its word. #}
{% macro checks_image_files() -%}
    {{ return(target.type != 'duckdb' or faultline.image_root() != '') }}
{%- endmacro %}
