from django.urls import path

from collaboration import views

urlpatterns = [
    path("projects/", views.Projects.as_view(), name="projects"),
    path("projects/<uuid:pk>/", views.ProjectDetail.as_view(), name="project"),
    path("projects/<uuid:pk>/members/", views.Members.as_view(), name="members"),
    path("projects/<uuid:pk>/members/<str:user>/", views.Member.as_view(), name="member"),
    path("sessions/", views.Sessions.as_view(), name="sessions"),
    path("sessions/<uuid:pk>/", views.SessionDetail.as_view(), name="session"),
    path("sessions/<uuid:pk>/participants/", views.Participants.as_view(), name="participants"),
    path("sessions/<uuid:pk>/events/", views.Events.as_view(), name="events"),
]
