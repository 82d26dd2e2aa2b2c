"""`darkroom recipes`: the known experiments."""


def recipes() -> None:
    """Lists the known experiments: their data, and the score and the time that were measured."""
    from pipelines.project.recipes import read_header, recipe_names
    from pipelines.run.printed_names import print_table

    headers = {name: read_header(name) for name in recipe_names()}
    rows = [(name, header.data, header.score, header.time) for name, header in headers.items()]
    print_table(("recipe", "data", "score", "time"), rows)
    print("Apply one: darkroom recipe NAME [--source FOLDER]")
