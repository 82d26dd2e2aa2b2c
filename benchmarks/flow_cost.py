"""Four flows started together without a server, and what a flow costs beside one: `python -m benchmarks.flow_cost`.

The four share an empty PREFECT_HOME. What a flow adds to `dvc repro`, with nothing to do and a server running, is measured in
turns, so that both meet the same load.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.conftest import write_striped_tree
from tests.end_to_end.conftest import ENVIRONMENT, SHORT, Project, copy_project

FLOW = ("darkroom", "flow")
TOGETHER = 4
ROUNDS = 5
SERVER = "import time; from pipelines.schedule.prefect_server import server\nwith server(with_pages=True): time.sleep(9000)"


def main() -> None:
    with TemporaryDirectory(prefix="darkroom-bench-") as name:
        folder = Path(name)
        project = copy_project(folder / "project")
        write_striped_tree(project.root / "raw/tiny", classes=3, images=20)
        project.set(SHORT)
        project.repro()
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "PREFECT_API_URL"}
        start_together(project, {**environment, "PREFECT_HOME": str(folder / "empty")})
        compare_costs(project, {**environment, "PREFECT_HOME": str(folder / "prefect")})


def start_together(project: Project, environment: Mapping[str, str]) -> None:
    start = time.perf_counter()
    flows = [
        subprocess.Popen(FLOW, cwd=project.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(TOGETHER)
    ]
    outputs = [flow.communicate()[0] for flow in flows]
    waited = sum("waits for its turn" in output for output in outputs)
    print(
        f"{TOGETHER} flows together: {sum(flow.returncode == 0 for flow in flows)} ended well, {waited} waited for their turn, "
    )
    print(f"{time.perf_counter() - start:.0f} s in all, load {os.getloadavg()[0]:.1f}")
    for output in outputs:
        print(f"  {output.splitlines()[-1]}")


def compare_costs(project: Project, environment: Mapping[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=project.root, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        url = next(line.split()[-1] for line in process.stdout or () if line.startswith("serve: ")) + "/api"
        seconds: dict[str, list[float]] = {"dvc repro": [], "darkroom flow": []}
        for _ in range(ROUNDS):
            for command, took in seconds.items():
                start = time.perf_counter()
                ended = project.run(*command.split(), env={**environment, "PREFECT_API_URL": url})
                took.append(time.perf_counter() - start)
                if ended.exit_code:
                    raise RuntimeError(ended.output)
        process.terminate()
    for command, took in seconds.items():
        print(f"{command}: {', '.join(f'{own:.1f}' for own in took)} s, median {median(took):.1f} s")
    added = median(flow - repro for flow, repro in zip(seconds["darkroom flow"], seconds["dvc repro"], strict=True))
    print(f"a flow adds {added:.1f} s, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
