from collections.abc import Iterable

from django.contrib import admin
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import ReadOnlyAdmin
from bduf_realtime.audit.pages import column
from bduf_realtime.rooms.models import Room


@admin.register(Room)
class RoomAdmin(ReadOnlyAdmin):
    list_display = ["name", "belongs_to", "head", "held", "epoch", "since"]
    search_fields = ["name"]
    search_help_text = "Part of a name, such as the id of a session."
    date_hierarchy = "created_at"
    fields = ["name", "belongs_to", "head", "floor", "held", "epoch", "since"]
    readonly_fields = ["belongs_to", "held", "since"]

    def references(self, row: Room) -> Iterable[str]:
        return (row.name,)

    @column("Belongs to")
    def belongs_to(self, row: Room) -> SafeString | str:
        return self.link_to(row, row.name)

    @column("Events held")
    def held(self, row: Room) -> int:
        return row.head - row.floor + 1

    @column("Created", ordering="created_at")
    def since(self, row: Room) -> SafeString:
        return pages.at(row.created_at)
