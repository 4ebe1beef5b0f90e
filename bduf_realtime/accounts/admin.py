from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, Permission
from django.db.models import ManyToManyField
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from bduf_realtime.accounts.models import RevokedToken, User

for unmanaged in (Group, OutstandingToken, BlacklistedToken):  # token pages would show raw refresh tokens
    admin.site.unregister(unmanaged)

RIGHTS = ("is_staff", "is_superuser", "user_permissions")


def is_superuser(request: HttpRequest) -> bool:
    """Whether the visitor is a superuser who may sign in."""
    return bool(request.user.is_active and request.user.is_superuser)


@admin.register(User)
class BdufUserAdmin(UserAdmin, ModelAdmin):
    """Accounts. Rights are given by superusers only, and accounts that have rights are theirs to change."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "display_name", "kind", "is_active", "is_staff", "last_login"]
    list_filter = ["kind", "is_guest", "is_active", "is_staff"]
    search_fields = ["username", "name", "email"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Who", {"fields": ["name", "email", "kind", "acts_for", "is_guest"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "user_permissions"]}),
        ("Times", {"fields": ["last_login", "date_joined", "tokens_valid_after"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "name", "kind", "password1", "password2"]})]
    # An account is shut and opened, and tokens are taken back, by actions that end live sockets and leave a trail.
    readonly_fields = ["is_guest", "is_active", "last_login", "date_joined", "tokens_valid_after"]
    autocomplete_fields = ["acts_for"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Django lets anybody who may change users make themselves a superuser.
        return [*self.readonly_fields, *(() if is_superuser(request) else RIGHTS)]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Whoever sets the password of an account has its rights.
        return super().has_change_permission(request, obj) and self.may_manage(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self.may_manage(request, obj)

    def may_manage(self, request: HttpRequest, user: Any) -> bool:
        """Whether the visitor may change an account that has, or may have, rights in the admin."""
        return not isinstance(user, User) or is_superuser(request) or not (user.is_staff or user.is_superuser)

    def formfield_for_manytomany(self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user_permissions":  # each is shown with its content type
            kwargs["queryset"] = Permission.objects.select_related("content_type").order_by("content_type", "codename")
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(RevokedToken)
class RevokedTokenAdmin(ModelAdmin):
    list_display = ["jti", "user", "revoked_at", "expires_at"]
    list_select_related = ["user"]
    search_fields = ["jti", "user__username", "user__name"]
    date_hierarchy = "revoked_at"

    def has_change_permission(self, request: HttpRequest, obj: RevokedToken | None = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
