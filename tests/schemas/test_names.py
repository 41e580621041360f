"""SQL has to spell attribute names; it spells none that Python does not know."""

import re

from spanbook_schemas import gen_ai, names
from spanbook_storage import migrations

# Older than the pinned conventions, or nobody's: read from senders, never sent.
FOREIGN = {"gen_ai.usage.cost", "gen_ai.usage.cache_creation.input_tokens"}


def test_attributes_of_spans_in_sql_are_names_that_python_knows() -> None:
    known = {value for module in (gen_ai, names) for value in vars(module).values() if isinstance(value, str)}
    spelled = {
        key
        for change in migrations.migrations()
        if change.name < "migrations/0003"
        for key in re.findall(r"'((?:gen_ai|spanbook)\.[a-z_.]+)'", migrations.without_comments(change.text))
    }
    assert len(spelled) > 20
    assert spelled - known - FOREIGN == set()
