"""`darkroom status`: where the project stands."""


def status() -> None:
    """Shows what is out of date and why, the images, the last scores and verdict, who is at work, and the next command."""
    from pipelines.project.status import read_status, status_lines

    print(*status_lines(read_status()), sep="\n")
