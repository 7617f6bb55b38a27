import pytest
from test_emitted_sql import NOBODY, Offline


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Offline:
    """The project parsed for Lakehouse, for commands of dbt in this process that need no connection."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        yield Offline(tmp_path_factory.mktemp("project"))
