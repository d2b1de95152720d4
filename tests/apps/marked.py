"""An application whose secrets all begin with MARK, for a test that none of them is shown."""

import os
from typing import Any

from scenarist import ConfigRegistry

registry = ConfigRegistry()

NAMES = (
    *("apikey", "bearer", "Authorization", "pin", "passcode", "pat", "key", "ssh_key", "jwt"),
    *("license_key", "customer_key", "cookie", "master_key", "sharedKey", "passwort", "psw"),
    *("pass_", "auth", "oauth", "subscription_key", "encryptionkey", "X-Auth", "X-Api-Key"),
)


def refuse(*given: object) -> None:
    raise ValueError(f"cannot use {given!r}, see https://me:MARK_raised@host/?token=MARK_asked")


def tell(value: object) -> None:
    print("connecting with", os.environ["MARKED"], "and MARK_task_note")
    raise ValueError(f"refused: {os.environ['MARKED']}", "MARK_scenario_note")


OWN = {
    **{name: f"MARK_own_{name}" for name in NAMES},
    "headers": {"X-Token": ["MARK_deep"], "shown": "shown"},
    "address": "postgresql://me:MARK_address@host/db",
    "link": "https://host/file?sig=MARK_link&page=2",
    "referred": "ENV[MARKED]",
    "joined": "https://host/ENV[MARKED]/",
    "color": "MARK_color",
}
USED: Any = {"properties": OWN, "secrets": ["color"]}
OPTIONS: Any = {
    "storage_options": {"password": "MARK_options", "user": ["MARK_user", "ENV[MARKED]"]}
}

nodes = [
    registry.configure_data_node("pickled", default_path="ENV[FOLDER]/pickled.p", **USED),
    registry.configure_in_memory_data_node("recalled", **USED),
    registry.configure_json_data_node("listed", default_path="ENV[FOLDER]/a.json", **USED),
    registry.configure_csv_data_node("rows", default_path="ENV[FOLDER].csv", **USED),
    registry.configure_csv_data_node("options", read_kwargs=OPTIONS, write_kwargs=OPTIONS),
    registry.configure_excel_data_node("sheet", read_kwargs=OPTIONS, write_kwargs=OPTIONS, **USED),
    registry.configure_parquet_data_node("pillars", read_kwargs=OPTIONS, **USED),
    registry.configure_generic_data_node(
        "drawer",
        read_fct=refuse,
        read_fct_args=["https://host/?api_key=MARK_query", "MARK_argument", "ENV[MARKED]"],
        write_fct=refuse,
        write_fct_args=[{"deep": ["MARK_written"]}],
        **USED,
    ),
    registry.configure_sql_data_node(
        "asked", db_name="asked", db_engine="sqlite", read_query="select * from MARK_select", **USED
    ),
    registry.configure_sql_table_data_node(
        "ledger",
        db_name="ledger",
        db_engine="postgresql",
        table_name="entries",
        db_username="me",
        db_password="MARK_password",
        db_host="127.0.0.1",
        db_port=1,
        db_extra_args={"options": "-c search_path=MARK_search", "connect_timeout": 2},
        **USED,
    ),
    registry.configure_mongo_collection_data_node(
        "papers",
        db_name="papers",
        collection_name="all",
        db_username="me",
        db_password="ENV[MARKED]",
        db_host="127.0.0.1",
        db_port=1,
        db_extra_args={"appname": "shown", "serverSelectionTimeoutMS": 50, "x": "MARK_extra"},
        **USED,
    ),
    registry.configure_s3_object_data_node(
        "thing",
        aws_access_key="MARK_access",
        aws_secret_access_key="MARK_secret",
        aws_s3_bucket_name="bucket",
        aws_s3_object_key="object",
        aws_s3_client_parameters={
            "aws_session_token": "MARK_session",
            "endpoint_url": "http://me:MARK_endpoint@127.0.0.1:1/",
        },
        aws_s3_get_object_parameters={
            "SSECustomerKey": "MARK_got",
            "SSECustomerAlgorithm": "AES256",
        },
        aws_s3_put_object_parameters={"SSECustomerKey": "MARK_put", "Metadata": {"a": "MARK_meta"}},
        **USED,
    ),
]
given = registry.configure_data_node("given", default_data=1)
told = registry.configure_task(
    "told",
    tell,
    given,
    [],
    properties={"note": "MARK_task_note", "api_key": "MARK_task_key"},
    secrets=["note"],
)
registry.configure_scenario(
    "marked",
    [told],
    nodes,
    sequences={"all": [told]},
    properties={"note": {"deep": "MARK_scenario_note"}, "token": "MARK_scenario_token"},
    secrets=["note"],
)
