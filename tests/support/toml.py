"""Writes dictionaries as TOML: as much of it as configurations of the gateway need."""

import json


def value(item):
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{key} = {value(inner)}" for key, inner in item.items()) + " }"
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(value(inner) for inner in item) + "]"
    if isinstance(item, (bool, int, float)):
        return json.dumps(item)
    return json.dumps(str(item))


def document(tree):
    """Scalars first, then tables, then arrays of tables (a list of dictionaries)."""
    lines, tables = [], []
    for key, item in tree.items():
        if isinstance(item, dict):
            tables.append(f"[{key}]")
            tables += [f"{name} = {value(inner)}" for name, inner in item.items()]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            for element in item:
                tables.append(f"[[{key}]]")
                tables += [f"{name} = {value(inner)}" for name, inner in element.items()]
        else:
            lines.append(f"{key} = {value(item)}")
    return "\n".join(lines + tables) + "\n"
