from django.urls import path

from notifications import views

urlpatterns = [
    path("notifications/", views.Notifications.as_view(), name="notifications"),
    path("notifications/read/", views.Read.as_view(), name="notifications-read"),
    path("notifications/unread/", views.Unread.as_view(), name="notifications-unread"),
    path("notifications/preferences/", views.Preferences.as_view(), name="notification-preferences"),
]
