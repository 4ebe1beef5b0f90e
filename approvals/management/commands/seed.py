import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from approvals.messages import ApprovalRequest, Subject
from approvals.services import approval_request
from bduf_realtime.accounts.models import User
from collaboration import services
from collaboration.models import Project, Session

PEOPLE = [
    ("admin", "Operator", "human", None),
    ("ada", "Ada Lovelace", "human", "owner"),
    ("grace", "Grace Hopper", "human", "moderator"),
    ("alan", "Alan Turing", "human", "participant"),
    ("mary", "Mary Shaw", "human", "observer"),
    ("scribe", "Scribe (agent)", "agent", "participant"),
]

TITLE = "How orders are paid"
TEXT = """# How orders are paid

An order is paid once, whatever is sent twice. This is a first draft: write in it, everybody sees it at once.

```mermaid
flowchart LR
  Shop -->|order| Payments
  Payments -->|charge| Bank
  Payments -->|entry| Ledger[(Ledger)]
  Ledger -->|every night| Reports
```

## Decided

- The ledger only grows: what was wrong is put right by another entry.
- A charge has the order's id, so that the bank refuses to make it again.

## Open

- Who may see the entries of other teams?
- How long do we keep them?
"""


class Command(BaseCommand):
    help = "Makes a demo project once: users, a session, a document to approve; prints how to sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print names, passwords and ids as JSON.")
        parser.add_argument("--quiet", action="store_true", help="Say nothing when it is there already.")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.DATA_DIR) / "demo.json"
        if path.exists() and User.objects.filter(username="ada").exists():
            demo = self.reopened(json.loads(path.read_text()), path)
            if options["quiet"]:
                return
        elif User.objects.filter(username="ada").exists():
            self.stdout.write("The demo project is there already; its passwords were not kept.")
            return
        else:
            demo = self.make()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(json.dumps(demo, indent=2))
        self.stdout.write(json.dumps(demo) if options["json"] else self.told(demo, path))

    def make(self) -> dict[str, Any]:
        users = {}
        passwords = {}
        for username, name, kind, _ in PEOPLE:
            passwords[username] = secrets.token_urlsafe(9)
            superuser = username == "admin"
            user = User(username=username, name=name, kind=kind, is_staff=superuser, is_superuser=superuser)
            user.set_password(passwords[username])
            user.save()
            users[username] = user
        users["scribe"].acts_for = users["ada"]
        users["scribe"].save(update_fields=["acts_for"])
        project = services.project_create(name="Orchestrator design", by=users["ada"], door="cli")
        for username, _, _, role in PEOPLE:
            if role and username != "ada":
                services.project_member_set(
                    project=project, user=users[username], role=role, by=users["ada"], door="cli"
                )
        return {"users": passwords, "project": str(project.pk), "session": self.session(project)}

    def session(self, project: Project) -> str:
        owner = User.objects.get(username="ada")
        session = services.session_create(
            project=project, by=owner, name="Architecture kick-off", tags=["demo"], door="cli"
        )
        grace = User.objects.get(username="grace")
        document = services.document_create(
            session=session.pk, title=TITLE, strategy="merge", content=TEXT, by=grace, door="cli"
        )
        request = ApprovalRequest(
            project=project.pk,
            session=session.pk,
            title=f"Sign off “{TITLE}”",
            description="Is it right so far? Two have to agree before it is built.",
            subject=Subject(document=document.pk),
            approvers=["ada", "alan"],
            quorum=2,
        )
        approval_request(message=request, by=grace, door="cli")
        return str(session.pk)

    def reopened(self, demo: dict[str, Any], path: Path) -> dict[str, Any]:
        """The demo with a session to join: the one of long ago has ended by itself."""
        if not Session.objects.filter(pk=demo["session"]).exclude(status=Session.Status.ENDED).exists():
            demo["session"] = self.session(Project.objects.get(pk=demo["project"]))
            path.write_text(json.dumps(demo, indent=2))
        return demo

    def told(self, demo: dict[str, Any], path: Path) -> str:
        project, session = Project.objects.get(pk=demo["project"]), Session.objects.get(pk=demo["session"])
        roles = {username: role or "site admin" for username, _, _, role in PEOPLE}
        lines = [
            f"Demo project “{project.name}” with the session “{session.name}” ({session.pk}).",
            "Sign in as:",
        ]
        lines += [f"  {name:<8} {password:<14} {roles[name]}" for name, password in demo["users"].items()]
        lines.append(f"These passwords are kept in {path}.")
        return "\n".join(lines)
