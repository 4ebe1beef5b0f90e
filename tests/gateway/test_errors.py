"""The one error family: codes, frames, and what fits into a close frame."""

from __future__ import annotations

import json

import pytest

from bduf_realtime.gateway.errors import CODES, Close, RealtimeError, close_reason, error_frame


def test_an_error_takes_text_status_and_retry_from_its_code() -> None:
    error = RealtimeError("storage.busy")
    assert error.message == CODES["storage.busy"].text
    assert (error.status, error.retryable, error.retry_after_ms, error.close, error.details) == (
        503,
        True,
        None,
        None,
        {},
    )


def test_an_error_may_say_more() -> None:
    error = RealtimeError("session.full", "Full.", details={"max": 2}, retry_after_ms=5, close=Close.OVER_CAPACITY)
    assert (error.message, error.details, error.retry_after_ms, error.close) == ("Full.", {"max": 2}, 5, 4507)


def test_a_code_outside_the_catalogue_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        RealtimeError("no.such_code")


@pytest.mark.parametrize("id_", ["7", None])
def test_an_error_frame_has_every_field_of_the_protocol(id_: str | None) -> None:
    frame = json.loads(error_frame(RealtimeError("perm.denied", details={"needs": "write"}), id_))
    assert frame == {
        "type": "error",
        "id": id_,
        "code": "perm.denied",
        "message": CODES["perm.denied"].text,
        "retryable": False,
        "retry_after_ms": None,
        "details": {"needs": "write"},
    }


def test_frames_that_speak_no_protocol_count_as_malformed_and_a_reused_id_does_not() -> None:
    malformed = {code for code in CODES if RealtimeError(code).malformed}
    assert malformed == {code for code in CODES if code.startswith("msg.")} - {"msg.id_conflict"}


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_dotted_and_explained_in_a_sentence(code: str) -> None:
    meaning = CODES[code]
    assert code == "internal" or "." in code
    assert meaning.text.endswith(".")
    assert 400 <= meaning.status < 600


@pytest.mark.parametrize("code", Close)
def test_close_codes_are_ones_that_every_server_may_send(code: Close) -> None:
    assert code == 1000 or 4400 <= code < 4600


def test_a_close_reason_says_when_to_come_back() -> None:
    assert close_reason("server.draining", 1500) == "server.draining;retry_ms=1500"
    assert close_reason("auth.expired") == "auth.expired"


@pytest.mark.parametrize(
    "code", ["x" * 500, "é" * 100, "日本" * 50, "\U0001f600" * 40], ids=["latin", "accents", "kanji", "emoji"]
)
def test_a_close_reason_fits_into_a_control_frame(code: str) -> None:
    for reason in (close_reason(code), close_reason(code, 10_000)):
        assert len(reason.encode()) <= 123
