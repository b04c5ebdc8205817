"""Settings from the environment."""

from pathlib import Path

import pytest

from backend.core.settings import InvalidSetting, load


def test_a_misspelt_name_stops_the_start_and_says_which():
    with pytest.raises(InvalidSetting, match=r"CODEYARD_PROT is not a setting\. Did you mean CODEYARD_PORT\?"):
        load({"CODEYARD_PROT": "1"})


@pytest.mark.parametrize(
    ("name", "value"), [("CODEYARD_PORT", "many"), ("CODEYARD_PORT", "70000"), ("CODEYARD_BIN_DAYS", "-1")]
)
def test_a_value_of_the_wrong_kind_is_named(name: str, value: str):
    with pytest.raises(InvalidSetting, match=name):
        load({name: value})


def test_values_are_read_and_others_variables_ignored():
    settings = load({"CODEYARD_PORT": "8123", "CODEYARD_ALLOW_FILE_CLONE": "1", "HOME": "/x", "CODEYARD_DATA": "here"})
    assert (settings.port, settings.allow_file_clone) == (8123, True)
    assert settings.data == Path("here").absolute()


def test_a_secret_value_is_not_repeated():
    with pytest.raises(InvalidSetting) as told:
        load({"CODEYARD_METRICS_TOKEN": "hush", "CODEYARD_PORT": "x"})
    assert "hush" not in str(told.value)
