"""The settings: each type is read strictly, and what is wrong is named in one line."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from bduf_realtime.gateway.conf import Conf, ConfigurationError, conf_from, fields


def test_nothing_set_means_the_defaults() -> None:
    assert conf_from({}) == Conf()
    assert conf_from({"PATH": "/bin", "bduf_hello_timeout": "1", "XBDUF_HELLO_TIMEOUT": "1"}) == Conf()


def test_each_type_is_read_from_text() -> None:
    conf = conf_from(
        {
            "BDUF_PRODUCTION": "True",
            "BDUF_LOG_JSON": "0",
            "BDUF_LOG_LEVEL": "debug",
            "BDUF_METRICS_TOKEN": "123",
            "BDUF_MESSAGE_BYTES": "1024",
            "BDUF_HELLO_TIMEOUT": "2.5",
            "BDUF_IDLE_AFTER": "3",
            "BDUF_RATE_LOGIN": "5/min",
        }
    )
    assert (conf.production, conf.log_json) == (True, False)
    assert (conf.log_level, conf.metrics_token, conf.rate_login) == ("debug", "123", "5/min")
    assert (conf.message_bytes, conf.hello_timeout, conf.idle_after) == (1024, 2.5, 3.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BDUF_PRODUCTION", "yes"),
        ("BDUF_PRODUCTION", ""),
        ("BDUF_MESSAGE_BYTES", "64k"),
        ("BDUF_MESSAGE_BYTES", "1.5"),
        ("BDUF_MESSAGE_BYTES", ""),
        ("BDUF_MESSAGE_BYTES", "-1"),
        ("BDUF_HELLO_TIMEOUT", "10s"),
        ("BDUF_HELLO_TIMEOUT", "-0.1"),
        ("BDUF_HELLO_TIMEOUT", "nan"),
        ("BDUF_HELLO_TIMEOUT", "inf"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as refused:
        conf_from({name: value})
    assert "\n" not in str(refused.value)


def test_a_variable_that_is_no_setting_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="BDUF_HELO_TIMEOUT is not a setting"):
        conf_from({"BDUF_HELO_TIMEOUT": "1"})


def test_a_wrong_setting_is_improper_configuration_to_django() -> None:
    assert issubclass(ConfigurationError, ImproperlyConfigured)


def test_every_setting_is_documented_with_variable_type_and_default() -> None:
    listed = fields()
    assert [field.variable for field in listed] == [f"BDUF_{name.upper()}" for name in Conf.__struct_fields__]
    for field in listed:
        assert field.meaning.endswith(".")
        assert field.type in ("bool", "int", "float", "str")
        if field.default:
            name = field.variable.removeprefix("BDUF_").lower()
            assert getattr(conf_from({field.variable: field.default}), name) == getattr(Conf(), name)
