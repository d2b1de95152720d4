"""What a server without authorization refuses to be started with."""

import pytest

from scenarist.domain.errors import InvalidError
from scenarist.server.auth_setup import require_named_origins


@pytest.mark.parametrize("origins", [["*"], ["https://planner.example.com", "*"]])
def test_pages_of_all_sites_need_authorization_or_a_word(origins: list[str]) -> None:
    with pytest.raises(InvalidError, match="or use --insecure"):
        require_named_origins(origins)


def test_pages_of_named_sites_do_not() -> None:
    require_named_origins([])
    require_named_origins(["https://planner.example.com"])
