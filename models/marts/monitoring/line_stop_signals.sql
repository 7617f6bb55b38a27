-- Stand-in until the real model lands.
select
    cast(null as {{ dbt.type_string() }}) as line_id,
    cast(null as {{ dbt.type_string() }}) as state,
    cast(null as {{ dbt.type_timestamp() }}) as state_since,
    cast(null as {{ dbt.type_string() }}) as stop_id,
    cast(null as {{ dbt.type_string() }}) as reason
where false
