#!/usr/bin/env python3
"""Every command of the console: `python3 manage.py up` to try it, `test`, `lint`, `worker`, `help`, ...

The first run builds .venv from requirements/ and goes on inside it (notifications_project/boot.py).
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("This needs Python 3.11 or newer; %s is Python %s." % (sys.executable, sys.version.split()[0]))


def main():
    from notifications_project import boot

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    boot.enter("test" if command in boot.NEED_TEST_PACKAGES else "run")
    if command in boot.NEED_TEST_PACKAGES:
        from tests import lint, run

        sys.exit({"test": run.main, "lint": lint.main}[command](sys.argv[2:]))

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from notifications_project import start

    try:
        if command == "help" or {"-h", "--help"} & set(sys.argv):
            os.environ.setdefault("SECRET_KEY", "to be helped, no settings are needed")
        elif command == "up":
            start.prepared = start.prepare(sys.argv[2:])
        settings.INSTALLED_APPS  # reads the settings: a wrong one is told before anything begins
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write("Cannot start: %s\n" % error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
