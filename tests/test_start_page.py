"""The page for developers: it says what runs here, links to what answers, and needs nothing from elsewhere."""

from __future__ import annotations

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

ROOT = Path(__file__).resolve().parents[1]
FETCHED = {"src", "srcset", "data", "poster", "action", "formaction", "background"}


class Page(HTMLParser):
    """What the tests want to know of an HTML document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        self.text += " " if tag in ("th", "td") else ""
        if "id" in given:
            self.ids.append(given["id"])

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def links(self) -> list[str]:
        return [a["href"] for a in self.all("a")]

    @property
    def resources(self) -> list[str]:
        """Everything a browser fetches for the page by itself."""
        found = [link["href"] for link in self.all("link")]
        found += [value for _, attributes in self.tags for name, value in attributes.items() if name in FETCHED]
        return found


def load(client: Client, **options: object) -> Page:
    response = client.get("/start/", **options)  # type: ignore[arg-type]
    assert response.status_code == 200
    assert response["Content-Type"] == "text/html; charset=utf-8"
    return Page(response.content.decode())


@pytest.fixture
def page(client: Client) -> Page:
    return load(client)


def stylesheet() -> str:
    found = finders.find("gateway/start.css")
    assert isinstance(found, str)
    return Path(found).read_text()


def test_the_page_says_that_the_server_runs_and_in_which_version(page: Page) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert "Running" in page.text
    assert f"version {version}" in page.text


def test_the_page_needs_nothing_from_elsewhere(page: Page) -> None:
    assert page.resources
    for resource in page.resources:
        assert resource.startswith(settings.STATIC_URL), resource
        assert finders.find(resource.removeprefix(settings.STATIC_URL)), resource
    assert not re.search(r"url\(|@import", stylesheet())


def test_the_page_has_no_script_and_no_inline_style(page: Page) -> None:
    assert not page.all("script")
    assert not page.all("style")
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not attributes.get("href", "").startswith("javascript:")


@pytest.mark.django_db
def test_every_link_answers(page: Page, client: Client) -> None:
    assert {"/admin/", "/api/v1/asyncapi.json", "/healthz", "/readyz"} <= set(page.links)
    for link in page.links:
        answer = client.get(urljoin("/start/", link), follow=True)
        assert answer.status_code == 200, link


def test_the_socket_is_where_the_visitor_has_come_to(client: Client) -> None:
    assert "ws://localhost:8010/ws/" in load(client, headers={"host": "localhost:8010"}).text
    secure = load(client, secure=True, headers={"host": "localhost"}).text
    assert "wss://localhost/ws/" in secure
    assert "https://localhost/api/v1/auth/token/" in secure
    assert "ws://" not in secure.replace("wss://", "")


def test_the_page_tells_whom_to_sign_in_as_and_where_the_passwords_are(page: Page) -> None:
    from approvals.management.commands.seed import PEOPLE

    for username, *_ in PEOPLE:
        assert re.search(rf"\b{username}\b", page.text), username
    assert "demo.json" in page.text
    assert "manage.py seed" in page.text


def test_documents_the_page_names_exist(page: Page) -> None:
    named = re.findall(r"\b(?:docs/)?[\w-]+\.md\b", page.text)
    assert named
    for name in named:
        assert (ROOT / name).is_file(), name


def test_the_page_can_be_read_without_seeing_it(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert len(set(page.ids)) == len(page.ids)
    for _, attributes in page.tags:
        for label in attributes.get("aria-labelledby", "").split():
            assert label in page.ids
    for scrollable in page.all("pre"):
        assert scrollable["tabindex"] == "0"
        assert scrollable["aria-label"]


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2, relative luminance)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_text_is_legible_in_both_colour_schemes() -> None:
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) for block in stylesheet().split("@media")[:2]]
    assert len(schemes) == 2
    for scheme in schemes:
        for text in ("text", "quiet", "accent", "good"):
            for back in ("page", "card", "sunken"):
                assert contrast(scheme[text], scheme[back]) >= 4.5, (text, back)


def test_no_link_leads_away(page: Page) -> None:
    assert not [link for link in page.links if urlsplit(link).netloc]


def test_the_page_names_the_variable_that_the_client_reads(page: Page) -> None:
    read = re.findall(r'os\.environ\.get\("(\w+)"\)', (ROOT / "bduf_realtime/client.py").read_text())
    assert re.findall(r"(\w+_TOKEN)=", page.text) == read
