"""Selections travel to workers as plain data."""

import json

from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator, JoinOperator

conditions = st.builds(
    Condition,
    key=st.text(),
    operator=st.sampled_from(FilterOperator),
    value=st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
)
selections = st.builds(
    Selection,
    conditions=st.lists(conditions).map(tuple),
    join=st.sampled_from(JoinOperator),
    columns=st.none() | st.lists(st.text()).map(tuple),
    limit=st.none() | st.integers(min_value=0),
)


@given(selection=selections)
def test_selection_comes_back_from_json(selection: Selection) -> None:
    assert Selection.from_data(json.loads(json.dumps(selection.to_data()))) == selection
