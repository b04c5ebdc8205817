"""What a test may need of the machine: skipped with the reason where it lacks, failed where CODEYARD_TEST_REQUIRE says it
must not."""

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.page import chromium

IMAGES = Path(__file__).resolve().parents[1] / "deploy" / "images" / "build"


@functools.cache
def missing(need: str) -> str:
    """Why the machine lacks `need`; empty when it has it."""
    if need == "browser":
        return "" if chromium.found() else "no Chromium: install Debian's package chromium-headless-shell"
    if shutil.which("docker") is None:
        return "no Docker: install Debian's package docker.io"
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=20, check=False)
    if answer.returncode != 0:
        return "no Docker engine answers: start dockerd"
    return _missing_images("base", "session")


@functools.cache
def _missing_images(*names: str) -> str:
    made = subprocess.run([str(IMAGES), *names], capture_output=True, text=True, timeout=1200, check=False)
    return (
        "" if made.returncode == 0 else f"no images for the Docker engine: {(made.stdout + made.stderr).strip()[-300:]}"
    )


def images(*names: str) -> None:
    """Called in a test that needs stand-ins of `deploy/images`: made where they are not there yet."""
    if reason := _missing_images(*names):
        (pytest.fail if "docker" in os.environ.get("CODEYARD_TEST_REQUIRE", "") else pytest.skip)(reason)


def program(name: str, need: str, package: str) -> str:
    """The path of a program; without it the test is skipped, or fails where CODEYARD_TEST_REQUIRE names `need`."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        required = need in os.environ.get("CODEYARD_TEST_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)(f"no {name}: install Debian's package {package}")
    return str(found)


def check(item: pytest.Item) -> None:
    """Called before each test."""
    required = os.environ.get("CODEYARD_TEST_REQUIRE", "").split(",")
    for need in ("docker", "browser"):
        if item.get_closest_marker(need) is not None and (reason := missing(need)):
            (pytest.fail if need in required else pytest.skip)(reason)
