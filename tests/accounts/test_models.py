"""Users of every kind, and what a new password takes back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from bduf_realtime.accounts.models import RevokedToken, User
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", User.Kind.values)
def test_a_user_is_a_person_an_agent_or_a_service(kind: str) -> None:
    user = person(kind=kind)
    assert User.objects.get(pk=user.pk).kind == kind


def test_a_user_is_shown_by_name_or_else_by_username() -> None:
    assert str(person("ada", name="Ada Lovelace")) == "Ada Lovelace"
    assert person("grace").display_name == "grace"


def test_only_an_agent_acts_for_somebody() -> None:
    ada = person()
    agent = person(kind="agent", acts_for=ada)
    assert list(ada.agents.all()) == [agent]
    for kind in ("human", "service"):
        with pytest.raises(IntegrityError, match="only_agents_act_for_others"), transaction.atomic():
            person(kind=kind, acts_for=ada)


def test_an_agent_outlives_the_person_it_acted_for() -> None:
    ada = person()
    agent = person(kind="agent", acts_for=ada)
    ada.delete()
    agent.refresh_from_db()
    assert agent.acts_for is None


def test_the_first_password_takes_nothing_back() -> None:
    user = User(username="new")
    user.set_password("first")
    assert user.tokens_valid_after is None


def test_another_password_takes_all_tokens_back() -> None:
    user = person(password="first")
    before = timezone.now()
    user.set_password("second")
    user.save()
    user.refresh_from_db()
    assert user.tokens_valid_after is not None
    assert before <= user.tokens_valid_after <= timezone.now()


def test_taking_the_password_away_takes_all_tokens_back() -> None:
    user = person(password="first")
    user.set_unusable_password()
    assert user.tokens_valid_after is not None
    new = User(username="service", kind="service")
    new.set_unusable_password()
    assert new.tokens_valid_after is None


def test_a_stronger_hash_of_the_same_password_takes_nothing_back(settings: Any) -> None:
    user = person(password="same")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    assert user.check_password("same")
    user.refresh_from_db()
    assert user.password.startswith("scrypt$")
    assert user.tokens_valid_after is None


def test_a_revoked_token_is_shown_by_its_id() -> None:
    assert str(RevokedToken(jti="abc")) == "abc"
