"""`darkroom open`: the report in the browser."""

import webbrowser


def open() -> None:  # noqa: A001  # a verb is a function of its name
    """Opens the report of the last run in the browser."""
    from dataprep.core.artifacts import missing
    from pipelines.workspace.dvc_graph import output_path

    report = output_path("diagnose", "index.html")
    if not report.is_file():
        raise missing(report, "diagnose")
    address = report.resolve().as_uri()
    opened = webbrowser.open(address)
    print(f"report: {address}" if opened else f"no browser was found. The report: {address}")
