from django.urls import path

from collaboration.views import documents, invitations, participants, projects, sessions, status, versions

SESSION = "sessions/<uuid:pk>/"
DOCUMENT = "documents/<uuid:pk>/"
VERSION = f"{DOCUMENT}versions/<uuid:version>/"
PARTICIPANT = f"{SESSION}participants/<uuid:user>/"

urlpatterns = [
    path("projects/", projects.Projects.as_view(), name="projects"),
    path("projects/<uuid:pk>/", projects.ProjectDetail.as_view(), name="project"),
    path("projects/<uuid:pk>/members/", projects.Members.as_view(), name="members"),
    path("projects/<uuid:pk>/members/<str:user>/", projects.Member.as_view(), name="member"),
    path("sessions/", sessions.Sessions.as_view(), name="sessions"),
    path(SESSION, sessions.SessionDetail.as_view(), name="session"),
    path(f"{SESSION}pause/", sessions.Pause.as_view(), name="session-pause"),
    path(f"{SESSION}resume/", sessions.Resume.as_view(), name="session-resume"),
    path(f"{SESSION}end/", sessions.End.as_view(), name="session-end"),
    path(f"{SESSION}events/", sessions.Events.as_view(), name="events"),
    path(f"{SESSION}participants/", participants.Participants.as_view(), name="participants"),
    path(PARTICIPANT, participants.ParticipantDetailView.as_view(), name="participant"),
    path(f"{PARTICIPANT}admit/", participants.Admit.as_view(), name="participant-admit"),
    path(f"{PARTICIPANT}deny/", participants.Deny.as_view(), name="participant-deny"),
    path(f"{SESSION}invitations/", invitations.Invitations.as_view(), name="invitations"),
    path(f"{SESSION}invitations/<uuid:invitation>/", invitations.InvitationDetail.as_view(), name="invitation"),
    path("invitations/accept/", invitations.AcceptInvitation.as_view(), name="invitation-accept"),
    path("documents/", documents.Documents.as_view(), name="documents"),
    path(DOCUMENT, documents.DocumentDetail.as_view(), name="document"),
    path(f"{DOCUMENT}content/", documents.Content.as_view(), name="document-content"),
    path(f"{DOCUMENT}attribution/", documents.Attribution.as_view(), name="document-attribution"),
    path(f"{DOCUMENT}export/", versions.Export.as_view(), name="document-export"),
    path(f"{DOCUMENT}versions/", versions.Versions.as_view(), name="versions"),
    path(VERSION, versions.Version.as_view(), name="version"),
    path(f"{VERSION}restore/", versions.Restore.as_view(), name="version-restore"),
    path(f"{VERSION}diff/current/", versions.Diff.as_view(), name="version-diff-current"),
    path(f"{VERSION}diff/<uuid:other>/", versions.Diff.as_view(), name="version-diff"),
    path("status/", status.StatusView.as_view(), name="status"),
]
