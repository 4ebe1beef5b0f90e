from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "bduf_realtime.accounts"
    label = "accounts"
    verbose_name = "Accounts"
