"""A flow that pushes to S3 over a line that breaks, and again when it is mended: `python -m benchmarks.cut_push`.

The server is moto's, on loopback. After the break it is looked whether anything is half published, and after the second flow
whether a fresh clone needs a pull and nothing else.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import write_striped_tree
from tests.end_to_end.conftest import ENVIRONMENT, SHORT, Project, copy_project
from tests.end_to_end.s3 import KEYS, Line, s3_server

BYTES_BEFORE_THE_BREAK = 100_000


def main() -> None:
    with TemporaryDirectory(prefix="darkroom-bench-") as name, s3_server("models") as port:
        folder, line = Path(name), Line(port)
        project = copy_project(folder / "project")
        write_striped_tree(project.root / "raw/tiny", classes=3, images=20)
        project.set({**SHORT, "publish.commit": True, "publish.push": True})
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "PREFECT_API_URL"}
        environment |= {**KEYS, "PREFECT_HOME": str(folder / "prefect")}
        for command in (
            "dvc remote add -q -d store s3://models/project",
            f"dvc remote modify -q store endpointurl http://127.0.0.1:{line.port}",
            "git add -A",
            "git commit -qm remote",
        ):
            if (ended := project.run(*command.split())).exit_code:
                raise RuntimeError(ended.output)
        line.carry(BYTES_BEFORE_THE_BREAK)
        _flow(project, environment, "line breaks")
        line.carry(float("inf"))
        _flow(project, environment, "line mended")
        clone = Project(folder / "clone")
        project.run("git", "clone", "-q", str(project.root), str(clone.root))
        (clone.root / "raw").symlink_to(project.root / "raw")
        print(f"clone: {clone.run('dvc', 'pull', env=environment).output.splitlines()[-1]}")
        print(f"clone: stages that run: {clone.run('dvc', 'repro', env=environment).ran()}")
        line.close()


def _flow(project: Project, environment: dict[str, str], what: str) -> None:
    start = time.perf_counter()
    ended = project.run("darkroom", "flow", env=environment)
    print(f"{what}: exit code {ended.exit_code} after {time.perf_counter() - start:.0f} s")
    print("  " + "\n  ".join(line for line in ended.output.splitlines() if "'push'" in line))
    print(f"  {next(line for line in reversed(ended.output.splitlines()) if line.startswith(('error: ', 'rebuild: ')))}")
    tags, versions = project.run("git", "tag").output.split(), sorted(path.name for path in project.root.glob("versions/*"))
    status = project.run("git", "status", "--porcelain").output.split()
    print(f"  tags {tags}, records {versions}, published {project.root.joinpath('published/current.json').exists()}, {status}")


if __name__ == "__main__":
    main()
