"""Files of the developer's on their way into a sandbox."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from perdure.runtime.sandbox.copying import CHUNK_BYTES, archive_of, state_of


def extracted(copies: list[tuple[Path, str]], into: Path) -> Path:
    whole = io.BytesIO(b"".join(archive_of(copies)))
    with tarfile.open(fileobj=whole) as tar:
        assert all(member.uid == 0 and not member.uname for member in tar.getmembers())
        tar.extractall(into, filter="tar")
    return into


def test_files_and_folders_arrive_as_they_are(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "empty").mkdir(parents=True)
    large = os.urandom(2 * CHUNK_BYTES + 17)
    (source / "deep" / "large").write_bytes(large)
    (source / "run.sh").write_text("x")
    (source / "run.sh").chmod(0o755)
    (source / "link").symlink_to("run.sh")
    (source / "folder link").symlink_to("deep")
    (source / ("é" * 120)).write_text("long name")
    os.mkfifo(source / "pipe")
    copies = [(source, "/workspace/app"), (source / "run.sh", "/workspace/bin/other.sh")]
    there = extracted(copies, tmp_path / "there")
    assert (there / "app/deep/large").read_bytes() == large
    assert (there / "app/deep/empty").is_dir()
    assert (there / "app/run.sh").stat().st_mode & 0o777 == 0o755
    assert (there / "app/link").readlink() == Path("run.sh")
    assert (there / "app/folder link").readlink() == Path("deep")
    assert (there / "app" / ("é" * 120)).read_text() == "long name"
    assert (there / "bin/other.sh").read_text() == "x"
    assert not (there / "app/pipe").exists()


def test_one_that_becomes_shorter_while_it_is_read_spoils_no_other(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_bytes(b"a" * (3 * CHUNK_BYTES))
    second.write_bytes(b"b" * 10)
    pieces = archive_of([(first, "/workspace/1"), (second, "/workspace/2")])
    begun = [next(pieces), next(pieces)]
    first.write_bytes(b"")
    with tarfile.open(fileobj=io.BytesIO(b"".join([*begun, *pieces]))) as tar:
        member = tar.extractfile("2")
        assert member is not None
        assert member.read() == b"b" * 10


def test_its_state_tells_when_something_is_another(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "file"
    file.write_text("1")
    copies = [(folder, "/workspace/a")]
    states = [state_of(copies)]
    assert state_of(copies) == states[0]
    file.write_text("22")
    states.append(state_of(copies))
    file.chmod(0o700)
    states.append(state_of(copies))
    os.utime(file, ns=(1, 1))
    states.append(state_of(copies))
    (folder / "more").write_text("")
    states.append(state_of(copies))
    states.append(state_of([(folder, "/workspace/b")]))
    assert len(set(states)) == len(states)
    with pytest.raises(FileNotFoundError):
        state_of([(tmp_path / "nothing", "/workspace/x")])
