"""Changes of single values in the text of a params.yaml."""


def put(text: str, values: dict[str, str]) -> str:
    """Writes other values in the place of those that stand there; a list of several lines becomes what is written.

    Args:
        text: of a params.yaml.
        values: YAML on one line, by `section.key`.
    """
    lines = text.splitlines()
    for where, value in values.items():
        start, end = extent(lines, where)
        key = lines[start].partition(":")[0]
        lines[start:end] = [f"{key}: {value}"]
    return "\n".join(lines) + "\n"


def extent(lines: list[str], where: str) -> tuple[int, int]:
    """The lines on which a value stands: its first, and the one after its last."""
    number = -1
    keys = where.split(".")
    for depth, key in enumerate(keys):
        start = f"{'  ' * depth}{key}:"
        number = next(n for n in range(number + 1, len(lines)) if lines[n].startswith(start))
    item = f"{'  ' * (len(keys) - 1)}- "
    end = number + 1
    while end < len(lines) and lines[end].startswith(item):
        end += 1
    return number, end
