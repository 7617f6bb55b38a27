-- depends_on: {{ ref('spc_signals') }}
with phase_versions as (

    select * from {{ ref('spc_phase_versions') }}

)

select
    phase_key,
    fingerprint
from phase_versions
