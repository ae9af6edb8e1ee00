#!/usr/bin/env python3
"""Every command of the console: `python3 manage.py up` to try it, `test`, `lint`, `worker`, `help`, ...

The first run builds .venv from requirements/ and goes on inside it (notifications_project/boot.py).
"""

import os
import signal
import sys

if sys.version_info < (3, 11):
    sys.exit("This needs Python 3.11 or newer; %s is Python %s." % (sys.executable, sys.version.split()[0]))


def main():
    from notifications_project import boot

    # Whoever started us may ignore it: then a child that failed, such as pip, would seem to have succeeded.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    boot.enter("test" if command in boot.NEED_TEST_PACKAGES else "run")
    if command in boot.NEED_TEST_PACKAGES:
        from tests import lint, run

        sys.exit({"test": run.main, "lint": lint.main}[command](sys.argv[2:]))

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    from notifications_project.runtime import commands, readiness, start

    with readiness.end_with_one_line():
        on_demo = start.take_demo_option(sys.argv)
        if command in {"help", "translations"} or {"-h", "--help"} & set(sys.argv):
            os.environ.setdefault("SECRET_KEY", "to be helped, no settings are needed")
        elif command == "up":
            start.prepared = start.prepare(sys.argv[2:], demo_asked=on_demo)
        elif on_demo:
            start.use_demo()
        settings.INSTALLED_APPS  # reads the settings: a wrong one is told before anything begins
        commands.hide_unfit()
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
