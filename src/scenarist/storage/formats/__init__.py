"""Formats of values: CSV, Excel, JSON, Parquet, pickle."""
