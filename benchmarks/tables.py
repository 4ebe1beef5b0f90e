"""Rows of results as aligned text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]
SILENT_AT_ZERO = ("acks_per_s", "others_cpu")

# Column -> heading, in the order of the tables; whatever else a row holds goes to the JSON file only.
COLUMNS = {
    "target": "server",
    "phase": "phase",
    "connections": "connections",
    "connects_per_s": "connects/s",
    "updates_per_s": "updates/s",
    "deliveries_per_s": "deliveries/s",
    "acks_per_s": "acks/s",
    "ratio": "ratio",
    "delivery_p50_ms": "delivery p50 ms",
    "delivery_p99_ms": "p99 ms",
    "delivery_p999_ms": "p999 ms",
    "ack_p50_ms": "ack p50 ms",
    "ack_p99_ms": "ack p99 ms",
    "missing": "missing",
    "duplicates": "duplicates",
    "failures": "errors",
    "kib_per_connection": "KiB/connection",
    "kib_per_document": "KiB/document",
    "seconds_to_open": "seconds until open",
    "seconds_to_recover": "seconds until all back",
    "recovered": "recovered",
    "close": "close code",
    "rss_growth_mib": "RSS by it MiB",
    "server_us_per_update": "server µs/update",
    "server_cpu": "server core",
    "load_cpu": "load core",
    "others_cpu": "others on server core",
    "target_value": "target",
    "met": "met",
}


def headings(rows: list[Row]) -> list[str]:
    """Returns the columns in which at least one row says something."""
    silent: tuple[object, ...] = (None, "", {})
    return [
        name
        for name in COLUMNS
        if any(row.get(name) not in silent for row in rows)
        and (name not in SILENT_AT_ZERO or any(row.get(name) for row in rows))
    ]


def cell(value: Any) -> str:
    """Formats one value for a table."""
    if value is None or value == "" or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {name}" for name, count in value.items())
    return str(value)


def text_table(rows: list[Row]) -> str:
    """Aligns rows for a terminal."""
    names = headings(rows)
    lines = [[COLUMNS[name] for name in names], *([cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(names))]
    return "\n".join("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)) for line in lines)


def markdown_table(rows: list[Row]) -> str:
    """Renders rows as a Markdown table."""
    names = headings(rows)
    lines = [[COLUMNS[name] for name in names], ["---"] * len(names)]
    lines += [[cell(row.get(name)) for name in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def show(title: str, rows: list[Row]) -> None:
    """Prints one scenario's rows."""
    print(f"\n{title}\n{text_table(rows)}", flush=True)


def markdown(environment: dict[str, str], results: dict[str, list[Row]]) -> str:
    """Renders a whole run for docs/benchmarks.md: the environment, then a table per scenario."""
    parts = ["\n".join(f"- {name}: {value}" for name, value in environment.items())]
    parts += [f"## {title}\n\n{markdown_table(rows)}" for title, rows in results.items()]
    return "\n\n".join(parts) + "\n"


def write_json(path: Path, environment: dict[str, str], results: dict[str, list[Row]]) -> None:
    """Writes everything that was measured, tables' columns and all others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"environment": environment, "results": results}, indent=2) + "\n")


def read_json(path: Path) -> tuple[dict[str, str], dict[str, list[Row]]]:
    """Reads what write_json wrote."""
    whole = json.loads(path.read_text())
    return whole["environment"], whole["results"]
