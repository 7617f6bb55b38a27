with defect_categories as (

    select * from {{ ref('defect_categories') }}

),

labels as (

    select * from {{ ref('labels') }}

),

label_synonyms as (

    select * from {{ ref('label_synonyms') }}

),

closed_labels as (

    select
        'category' as label_set,
        category as label
    from defect_categories

    union all

    select
        label_set,
        label
    from labels

),

-- A row whose first cell begins with # is a comment: the seed ships with examples that do nothing.
opted_in_synonyms as (

    select
        label_set,
        spelling,
        label
    from label_synonyms
    where not {{ matches('label_set', '^\\s*#') }}

),

spellings as (

    select
        label_set,
        {{ normalised_label('label') }} as spelling,
        label,
        'label' as origin
    from closed_labels

    union all

    select
        closed_labels.label_set,
        {{ normalised_label('opted_in_synonyms.spelling') }} as spelling,
        closed_labels.label,
        'synonym' as origin
    from opted_in_synonyms
    inner join closed_labels
        on
            {{ normalised_label('opted_in_synonyms.label_set') }} = closed_labels.label_set
            and {{ normalised_label('opted_in_synonyms.label') }} = {{ normalised_label('closed_labels.label') }}

)

select
    label_set,
    spelling,
    label,
    origin
from spellings
