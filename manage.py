#!/usr/bin/env python
"""Runs the project's commands; `python manage.py help` lists them."""

import os
import signal
import sys


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        # Until the server takes it over: a KeyboardInterrupt is lost in some corners of an import, and with it a stop.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bduf_realtime.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration error: {error}")


if __name__ == "__main__":
    main()
