from django.urls import path

from bduf_realtime.accounts import views

urlpatterns = [
    path("auth/token/", views.SignIn.as_view(), name="sign-in"),
    path("auth/token/refresh/", views.Refresh.as_view(), name="refresh"),
    path("auth/sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("auth/page/", views.PageSession.as_view(), name="page-session"),
    path("auth/socket-token/", views.SocketToken.as_view(), name="socket-token"),
    path("me/", views.Me.as_view(), name="me"),
]
