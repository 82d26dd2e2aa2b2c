"""A run of the deployment on a Prefect worker, with Dask workers and an S3 remote: the bytes are those of this machine."""

from pathlib import Path

import boto3

from tests.end_to_end.cluster import BUCKET, cluster, run_deployment
from tests.end_to_end.conftest import Project
from tests.end_to_end.kills import made_by


def test_a_deployed_run_ends_well_and_makes_the_bytes_of_this_machine(ran: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster") as found:
        ended = run_deployment(found)
        assert ended.exit_code == 0, ended.output + found.log("prefect-worker")
        assert "version 1 is published" in found.log("prefect-worker")
        assert sum(found.log(f"dask-worker-{number}").count("Registered to:") for number in range(2)) == 2
        endpoint = found.project.read(".dvc/config").split("endpointurl = ")[1].split()[0]
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        stored = boto3.client("s3", endpoint_url=endpoint, **keys).list_objects_v2(Bucket=BUCKET)["KeyCount"]
        assert stored > 20
        assert found.run("git", "tag").output.split() == ["model-v1"]
    assert made_by(found.project) == made_by(Project(ran / "project"))
