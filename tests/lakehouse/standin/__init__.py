"""A stand-in for Singdata Lakehouse: speaks the connector's protocol, refuses what Lakehouse refuses, runs on DuckDB."""
