"""Classes that are replaced by what they mean, since no worker has to import them."""

from typing import Any

_TABLE_CLASSES = {
    "modin": "pandas",
    "pandas:DataFrame": "pandas",
    "pandas.core.frame:DataFrame": "pandas",
    "numpy:ndarray": "numpy",
    "polars:DataFrame": "polars",
    "polars.dataframe.frame:DataFrame": "polars",
    "pyarrow:Table": "pyarrow",
    "pyarrow.lib:Table": "pyarrow",
}
"""What can be passed as ``exposed_type``, with the word that storages use: Modin means pandas."""

_TAIPY_DOCUMENT = "taipy.core.common.mongo_default_document:MongoDefaultDocument"
"""What a backup by Taipy has as ``custom_document`` where none was declared."""


def replace_known_classes(properties: dict[str, Any]) -> dict[str, Any]:
    """Replace table classes in ``exposed_type`` by plain words; sheets may have one class each.

    The class with which Taipy reads documents is left out: documents without a class are dicts.
    """
    if properties.get("custom_document") == _TAIPY_DOCUMENT:
        properties = {key: properties[key] for key in properties if key != "custom_document"}
    kinds = properties.get("exposed_type")
    if isinstance(kinds, dict):
        kinds = {name: _to_plain_word(kind) for name, kind in kinds.items()}
    elif isinstance(kinds, list):
        kinds = [_to_plain_word(kind) for kind in kinds]
    return properties if kinds is None else {**properties, "exposed_type": _to_plain_word(kinds)}


def _to_plain_word(kind: Any) -> Any:
    return _TABLE_CLASSES.get(kind, kind) if isinstance(kind, str) else kind
