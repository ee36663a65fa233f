"""The Hub's own client library against the Hub double: hub_client.py BASE_URL TOKEN READ_TOKEN"""

import os
import pathlib
import sys
import tempfile

BASE_URL, TOKEN, READ_TOKEN = sys.argv[1:4]
os.environ.update(HF_ENDPOINT=BASE_URL, HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HOME=tempfile.mkdtemp())

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from harness import check, raises, run

API = HfApi(endpoint=BASE_URL, token=TOKEN)


@check
def a_token_says_who_it_belongs_to():
    me = API.whoami()
    assert me["name"] == "reader" and me["auth"]["accessToken"]["role"] == "write", me


@check
def a_space_is_created_once_with_its_secrets():
    arguments = dict(repo_type="space", space_sdk="docker", space_secrets=[{"key": "A", "value": "b"}])
    url = API.create_repo("reader/bot", **arguments)
    assert url.repo_id == "reader/bot", url
    assert raises(HfHubHTTPError, lambda: API.create_repo("reader/bot", **arguments)).response.status_code == 409
    API.create_repo("reader/bot", exist_ok=True, **arguments)
    assert API.space_info("reader/bot").sdk == "docker"


@check
def secrets_and_variables_are_set():
    API.add_space_secret("reader/bot", "GEMINI_API_KEY", "secret")
    API.add_space_variable("reader/bot", "LOG_LEVEL", "info")
    assert API.get_space_variables("reader/bot")["LOG_LEVEL"].value == "info"


@check
def a_folder_with_large_files_is_uploaded():
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "README.md").write_text("---\nsdk: docker\n---\n")
    (folder / "empty").write_text("")
    (folder / "one.bin").write_bytes(bytes(range(256)) * 4096)
    (folder / "parts.bin").write_bytes(bytes(20 * 1024 * 1024))
    commit = API.upload_folder(repo_id="reader/bot", repo_type="space", folder_path=folder)
    info = API.space_info("reader/bot")
    assert info.sha == commit.oid, (info.sha, commit)
    names = {file.rfilename for file in info.siblings}
    assert {"README.md", "empty", "one.bin", "parts.bin"} <= names, names


@check
def the_runtime_is_read_until_it_runs():
    stages = [API.get_space_runtime("reader/bot").stage for _ in range(8)]
    assert "BUILDING" in stages and stages[-1] == "RUNNING", stages
    assert API.restart_space("reader/bot").stage == "APP_STARTING"


@check
def logs_are_read_line_by_line():
    lines = list(API.fetch_space_logs("reader/bot", build=True))
    assert lines[0].startswith("===== Build Queued") and "--> Pushing image\n" in lines, lines
    assert list(API.fetch_space_logs("reader/bot", follow=True))[-1].startswith("ready at"), "the container's log"


@check
def errors_are_the_librarys_own():
    raises(RepositoryNotFoundError, lambda: API.get_space_runtime("reader/nobody"))
    reader = HfApi(endpoint=BASE_URL, token=READ_TOKEN)
    assert raises(HfHubHTTPError, lambda: reader.add_space_secret("reader/bot", "A", "b")).response.status_code == 403
    stranger = HfApi(endpoint=BASE_URL, token="hf_wrong")
    assert raises(HfHubHTTPError, lambda: stranger.get_space_runtime("reader/bot")).response.status_code == 401


run(lambda: None)
