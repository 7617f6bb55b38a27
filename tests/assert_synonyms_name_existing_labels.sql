-- A synonym of a label that does not exist would silently do nothing.
select
    synonyms.label_set,
    synonyms.spelling,
    synonyms.label
from {{ ref('label_synonyms') }} as synonyms
left join {{ ref('ods_label_spellings') }} as spellings
    on
        {{ normalised_label('synonyms.label_set') }} = spellings.label_set
        and {{ normalised_label('synonyms.label') }} = spellings.spelling
where
    not {{ matches('synonyms.label_set', '^\\s*#') }}
    and spellings.label is null
