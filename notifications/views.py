"""Notifications over REST."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.rest import read_body, refuse_unknown
from bduf_realtime.rooms.events import Author
from notifications import selectors, services
from notifications.messages import (
    NotificationInfo,
    NotificationPreferences,
    NotificationsMark,
    NotificationsMarked,
    NotificationsUnread,
    PreferencesInfo,
)
from notifications.models import Notification


class NotificationSerializer(serializers.BaseSerializer[Notification]):
    def to_representation(self, notification: Notification) -> Any:
        return msgspec.to_builtins(selectors.notification_info(notification))  # to the letter what sockets say of it


class NotificationFilters(filters.FilterSet):
    unread = filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")
    must_act = filters.BooleanFilter()
    kind = filters.CharFilter(method="of_kind", max_length=100, help_text="A kind, or `approval.*`.")
    project = filters.UUIDFilter()
    session = filters.UUIDFilter()

    def of_kind(self, notifications: QuerySet[Notification], name: str, pattern: str) -> QuerySet[Notification]:
        return notifications.filter(selectors.of_kind(pattern))


class Notifications(generics.ListAPIView[Notification]):
    """The caller's notifications, newest first."""

    serializer_class = NotificationSerializer
    filterset_class = NotificationFilters
    ordering_fields = ("created_at",)
    queryset = Notification.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[Notification]:
        return selectors.notifications_of(caller(self.request).pk)

    @extend_schema(responses={200: shape(NotificationInfo)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class Read(APIView):
    """What the caller has read."""

    @extend_schema(request={"application/json": shape(NotificationsMark)}, responses={200: shape(NotificationsMarked)})
    def post(self, request: Request) -> Response:
        """Notes that the caller has read some notifications, or all."""
        mark, user = read_body(request, NotificationsMark), caller(request)
        by = Author(str(user.pk), user.display_name, user.kind)
        return Response(msgspec.to_builtins(services.notifications_read(by=by, ids=mark.ids, all_=mark.all)))


class Unread(APIView):
    """How many the caller has not read."""

    @extend_schema(responses={200: shape(NotificationsUnread)})
    def get(self, request: Request) -> Response:
        refuse_unknown(request, set())
        return Response(msgspec.to_builtins(NotificationsUnread(selectors.unread(caller(request).pk).count())))


class Preferences(APIView):
    """What the caller is told of, and how."""

    @extend_schema(responses={200: shape(PreferencesInfo)})
    def get(self, request: Request) -> Response:
        refuse_unknown(request, set())
        return Response(msgspec.to_builtins(selectors.preferences_of(caller(request).pk)))

    @extend_schema(
        request={"application/json": shape(NotificationPreferences)}, responses={200: shape(PreferencesInfo)}
    )
    def patch(self, request: Request) -> Response:
        """Changes what is named."""
        changes = read_body(request, NotificationPreferences)
        return Response(msgspec.to_builtins(services.preferences_set(user=caller(request).pk, changes=changes)))
