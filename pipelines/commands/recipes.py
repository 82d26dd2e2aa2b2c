"""`darkroom recipes`: the known experiments."""


def recipes() -> None:
    """Lists the known experiments: their data, and the score and the time that were measured."""
    from rich.table import Table

    from pipelines.project.recipes import read_header, recipe_names
    from pipelines.run.printed_names import plain_console

    table = Table("recipe", "data", "score", "time")
    for name in recipe_names():
        header = read_header(name)
        table.add_row(name, header.data, header.score, header.time)
    plain_console().print(table)
    print("Apply one: darkroom recipe NAME [--source FOLDER]")
