"""Settings from the environment."""

from pathlib import Path

import pytest

from backend.core.settings import InvalidSetting, load


def test_a_misspelt_name_stops_the_start_and_says_which():
    with pytest.raises(InvalidSetting, match=r"CODEYARD_PROT is not a setting\. Did you mean CODEYARD_PORT\?"):
        load({"CODEYARD_PROT": "1"})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("CODEYARD_PORT", "many", "a whole number"),
        ("CODEYARD_PORT", "70000", "<= 65535"),
        ("CODEYARD_BIN_DAYS", "-1", ">= 0"),
        ("CODEYARD_REGISTRATION", "maybe", "0 or 1"),
        ("CODEYARD_DATA", "", "a folder"),
        ("CODEYARD_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("CODEYARD_PUBLIC_URL", "code.example.com", "https://"),
        ("CODEYARD_PUBLIC_URL", "https://example.com/code", "without a path"),
        ("CODEYARD_PUBLIC_URL", "https://Code.example.com", "small letters"),
        ("CODEYARD_TRUSTED_PROXIES", "proxy", "addresses or networks"),
        ("CODEYARD_SMTP_URL", "http://mail.example.com", "smtp://"),
        ("CODEYARD_OIDC_ISSUER", "login.example.com", "https://"),
        ("CODEYARD_GITLAB_URL", "http://host:99999", "https://"),
        ("CODEYARD_PREVIEW_DOMAIN", "*.example.net", "a host's name"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(name: str, value: str, wanted: str):
    with pytest.raises(InvalidSetting, match=rf"{name}=.* is not usable: .*{wanted}"):
        load({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CODEYARD_PUBLIC_URL", "http://[::1]:8300/"),
        ("CODEYARD_PUBLIC_URL", ""),
        ("CODEYARD_TRUSTED_PROXIES", "127.0.0.1, ::1, 10.0.0.0/8"),
        ("CODEYARD_TRUSTED_PROXIES", "*"),
        ("CODEYARD_SMTP_URL", "smtps://user:password@mail.example.com:465"),
    ],
)
def test_what_fits_is_taken_as_it_is(name: str, value: str):
    assert getattr(load({name: value}), name.removeprefix("CODEYARD_").lower()) == value


def test_values_are_read_and_others_variables_ignored():
    settings = load({"CODEYARD_PORT": "8123", "CODEYARD_ALLOW_FILE_CLONE": "1", "HOME": "/x", "CODEYARD_DATA": "here"})
    assert (settings.port, settings.allow_file_clone) == (8123, True)
    assert settings.data == Path("here").absolute()


def test_a_secret_value_is_not_repeated():
    with pytest.raises(InvalidSetting) as told:
        load({"CODEYARD_METRICS_TOKEN": "hush", "CODEYARD_PORT": "x"})
    assert "hush" not in str(told.value)
