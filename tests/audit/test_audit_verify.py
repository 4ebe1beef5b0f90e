import uuid
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from bduf_realtime.audit.verifications import latest_verifications
from tests.audit.conftest import trail_of

Tamper = Callable[..., None]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_verify", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def refused(*arguments: str) -> tuple[str, str]:
    """Returns what is printed, and the error that makes the exit code 1."""
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("audit_verify", *arguments, stdout=out, no_color=True)
    assert error.value.returncode == 1
    return out.getvalue(), str(error.value)


def test_an_intact_trail_is_said_to_be_so_chain_by_chain(project: uuid.UUID) -> None:
    output = run()
    assert f"{project}  ok  100 entries" in output
    assert "3 chains, 115 entries" in output
    assert output.endswith("The audit trail is intact.\n")


def test_one_project_is_checked_alone(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq = 5")
    assert "1 chain, 10 entries" in run("--project", "server")
    refused("--project", str(project))


def test_findings_are_printed_with_their_place_and_fail_the_command(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq BETWEEN 5 AND 7")
    tamper("UPDATE {entry} SET target = 'x' WHERE chain_id = {mine} AND seq = 50")
    output, error = refused()
    lines = [line.split() for line in output.splitlines()]
    assert [str(project), "2", "findings", "100", "entries"] in lines
    assert ["seq", "5", "to", "7", "deleted", "missing"] in lines
    assert ["seq", "50", "edited", "not", "what", "was", "recorded"] in lines
    assert error == "The audit trail was tampered with: 2 findings."


def test_results_are_put_on_record_where_that_is_wanted(project: uuid.UUID, tamper: Tamper) -> None:
    run()
    assert latest_verifications() == {}
    tamper("UPDATE {entry} SET target = 'x' WHERE chain_id = {mine} AND seq = 50")
    refused("--record")
    wrong = {name: verification.wrong for name, verification in latest_verifications().items()}
    assert len(wrong) == 3
    assert (wrong[str(project)], wrong["server"]) == (1, 0)


def test_an_unknown_project_is_refused(project: uuid.UUID) -> None:
    _, error = refused("--project", "nobody")
    assert error == "There is no audit trail of nobody."


def test_exported_anchors_are_compared(project: uuid.UUID, tamper: Tamper, tmp_path: Path) -> None:
    exported = run("--export-anchors")
    assert len(exported.splitlines()) == 3
    file = tmp_path / "anchors"
    file.write_text(exported)
    trail_of(project, 3)
    assert "3 anchors compared" in run("--anchor", str(file))
    tamper("DELETE FROM {entry} WHERE chain_id = {mine}")
    tamper("DELETE FROM {head} WHERE name = {mine}")
    output, _ = refused("--anchor", str(file))
    assert "rolled back" in output
    assert "1 anchor compared" in run("--anchor", str(file), "--project", "server")


def test_anchors_of_one_project_are_exported_alone(project: uuid.UUID) -> None:
    assert run("--export-anchors", "--project", str(project)).startswith(f"{project} 100 ")


def test_a_forged_head_is_not_exported(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("UPDATE {head} SET head_seq = 90 WHERE name = {mine}")
    output, error = refused("--export-anchors")
    assert len(output.splitlines()) == 2
    assert str(project) in error
    assert run("--export-anchors", "--project", "server").startswith("server 10 ")


def test_a_file_without_anchors_is_refused(project: uuid.UUID, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    refused("--anchor", str(file))
    file.write_text("")
    assert "no anchors to compare with" in refused("--anchor", str(file))[1]
    file.write_text("nonsense")
    assert "line 1 is no anchor" in refused("--anchor", str(file))[1]


def test_help_says_how_to_keep_anchors(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("audit_verify", "--help")
    assert "--export-anchors > /mnt/elsewhere/anchors.txt" in capsys.readouterr().out
