"""Approved files on their way into the books: written, committed, or on a branch for a merge (R-78)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dagster_project.deals.files import content_of
from dagster_project.errors import UserError
from dagster_project.warehouse.files import write_atomically

WAYS = ("files", "commit", "branch")


def way_of(folder: Path, asked: str | None) -> str:
    """How approved files get into these books: as asked, else by a commit where they lie in a git work tree."""
    if asked is not None and asked not in WAYS:
        raise UserError(f"{asked} is no way to publish. Ways are {', '.join(WAYS)}.")
    return asked or ("commit" if _top(folder) is not None else "files")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let nobody else write approved files into these books meanwhile, another door neither: git refuses the second of two commits."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def publish(way: str, folder: Path, files: Mapping[str, bytes], proposal: str, author: str, trailers: Mapping[str, str]) -> str:
    """Put approved files where they belong, what is there already apart; `applied`, or `branch` where a merge is still to come.

    Raises `UserError` where git refuses.
    """
    if way == "branch":
        _branch(folder, files, proposal, author, _message(proposal, trailers))
        return "branch"
    for name, content in files.items():
        if content_of(folder, name) != content:
            write_atomically(folder / name, content)
    if way == "commit":
        _commit(folder, list(files), author, _message(proposal, trailers))
    return "applied"


def _message(proposal: str, trailers: Mapping[str, str]) -> str:
    said = "\n".join(f"{name}: {value}" for name, value in trailers.items())
    return f"Apply {proposal}\n\n{said}\n"


def _top(folder: Path) -> Path | None:
    """The work tree that a folder lies in."""
    try:
        return Path(_git(folder, "rev-parse", "--show-toplevel"))
    except UserError:
        return None


def _commit(folder: Path, names: Sequence[str], author: str, message: str) -> None:
    """One commit of these files only, whatever else is changed or staged; nothing where they are committed already."""
    _git(folder, "add", "--intent-to-add", "--", *names)
    if not _git(folder, "status", "--porcelain", "--", *names):
        return
    _git(folder, "commit", "--quiet", "--only", "--author", _author(author), "-m", message, "--", *names, by=author)


def _branch(folder: Path, files: Mapping[str, bytes], proposal: str, author: str, message: str) -> None:
    """A commit on desk/<proposal> that changes these files of HEAD; the work tree stays as it is."""
    top = _top(folder)
    if top is None:
        raise UserError(f"{folder} is no git work tree: publish files instead.")
    inner, branch = folder.resolve().relative_to(top.resolve()), f"refs/heads/desk/{proposal}"
    if all(_on_branch(top, branch, (inner / name).as_posix()) == content for name, content in files.items()):
        return  # it waits for its merge
    with tempfile.TemporaryDirectory(prefix="meterhouse-") as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        _git(folder, "read-tree", "HEAD", env=index)
        for name, content in files.items():
            blob = _git(folder, "hash-object", "-w", "--stdin", content=content)
            _git(top, "update-index", "--add", "--cacheinfo", f"100644,{blob},{(inner / name).as_posix()}", env=index)
        tree = _git(folder, "write-tree", env=index)
    commit = _git(folder, "commit-tree", tree, "-p", "HEAD", "-m", message, by=author)
    _git(folder, "update-ref", branch, commit)


def _on_branch(top: Path, branch: str, name: str) -> bytes | None:
    """A file as a branch has it."""
    done = subprocess.run(["git", "-C", str(top), "show", f"{branch}:{name}"], capture_output=True, check=False)  # noqa: S603, S607
    return done.stdout if done.returncode == 0 else None


def _author(email: str) -> str:
    return f"{email.partition('@')[0]} <{email}>"


def _git(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None, content: bytes = b"", by: str | None = None
) -> str:
    """What git says. Raises `UserError` with its own words where it refuses, or is not there."""
    name = {} if by is None else {"GIT_AUTHOR_NAME": by.partition("@")[0], "GIT_AUTHOR_EMAIL": by}
    committer = {"GIT_COMMITTER_NAME": "Meterhouse", "GIT_COMMITTER_EMAIL": "desk@meterhouse.invalid"} if by else {}
    try:
        done = subprocess.run(  # noqa: S603 - arguments, never a shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            input=content,
            capture_output=True,
            check=True,
            env={**os.environ, **name, **committer, **(env or {})},
        )
    except FileNotFoundError:
        raise UserError("git is not here. Install it, or publish files.") from None
    except subprocess.CalledProcessError as failed:
        said = failed.stderr.decode("utf-8", "replace").strip().splitlines() or ["git refused"]
        raise UserError(f"git {arguments[0]}: {said[-1]}") from None
    return done.stdout.decode().strip()
