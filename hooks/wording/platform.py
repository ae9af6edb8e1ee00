"""The words for the platform's own event types: stacks, servers, jobs, processes and access."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from hooks.wording.words import DURATION, SOURCE, UNTIL_THEN, Words

PLATFORM: dict[str, Words] = {
    "stack.provision.ok": Words(
        what=(_("provisioning succeeded"),),
        title=(_("Provisioning of %(application)s succeeded"), _("Provisioning succeeded")),
        line=(
            _("%(who)s provisioned the application %(application)s"),
            _("The application %(application)s was provisioned"),
            _("An application was provisioned"),
        ),
        details=(SOURCE, DURATION),
    ),
    "stack.provision.fail": Words(
        what=(_("provisioning failed"),),
        title=(_("Provisioning of %(application)s failed"), _("Provisioning failed")),
        line=(
            _("The provisioning of the application %(application)s started by %(who)s failed"),
            _("The provisioning of the application %(application)s failed"),
            _("The provisioning of an application failed"),
        ),
        details=(SOURCE, UNTIL_THEN),
    ),
    "stack.redeploy.ok": Words(
        what=(_("deployment succeeded"),),
        title=(_("Deployment of %(application)s succeeded"), _("Deployment succeeded")),
        line=(
            _("%(who)s deployed the application %(application)s"),
            _("The application %(application)s was deployed"),
            _("An application was deployed"),
        ),
        details=(SOURCE, DURATION),
    ),
    "stack.redeploy.fail": Words(
        what=(_("deployment failed"),),
        title=(_("Deployment of %(application)s failed"), _("Deployment failed")),
        line=(
            _("The deployment of the application %(application)s started by %(who)s failed"),
            _("The deployment of the application %(application)s failed"),
            _("The deployment of an application failed"),
        ),
        details=(SOURCE, UNTIL_THEN),
    ),
    "stack.redeploy.hook.fail": Words(
        what=(_("redeployment hook failed"),),
        title=(_("Redeployment hook of %(application)s failed"), _("Redeployment hook failed")),
        line=(
            _("The redeployment hook of the application %(application)s failed"),
            _("The redeployment hook of an application failed"),
        ),
        details=(SOURCE,),
    ),
    "stack.deploy.started": Words(
        what=(_("deployment started"),),
        title=(_("Deployment of %(application)s started"), _("Deployment started")),
        line=(
            _("%(who)s started a deployment of the application %(application)s"),
            _("A deployment of the application %(application)s started"),
            _("A deployment started"),
        ),
        details=(SOURCE,),
    ),
    "server.stopped": Words(
        what=(_("server %(server)s stopped responding"), _("a server stopped responding")),
        title=(
            _("Server %(server)s of %(application)s stopped responding"),
            _("Server %(server)s stopped responding"),
            _("A server of %(application)s stopped responding"),
            _("A server stopped responding"),
        ),
        line=(
            _("The heartbeat of the server %(server)s of the application %(application)s stopped"),
            _("The heartbeat of the server %(server)s stopped"),
            _("The heartbeat of a server of the application %(application)s stopped"),
            _("The heartbeat of a server stopped"),
        ),
    ),
    "server.backon": Words(
        what=(_("server %(server)s is back"), _("a server is back")),
        title=(
            _("Server %(server)s of %(application)s is back"),
            _("Server %(server)s is back"),
            _("A server of %(application)s is back"),
            _("A server is back"),
        ),
        line=(
            _("The heartbeat of the server %(server)s of the application %(application)s is back"),
            _("The heartbeat of the server %(server)s is back"),
            _("The heartbeat of a server of the application %(application)s is back"),
            _("The heartbeat of a server is back"),
        ),
    ),
    "job.fail": Words(
        what=(_("job “%(job)s” failed"), _("a job failed")),
        title=(
            _("Job “%(job)s” of %(application)s failed"),
            _("Job “%(job)s” failed"),
            _("A job of %(application)s failed"),
            _("A job failed"),
        ),
        line=(
            _("The job “%(job)s” of the application %(application)s failed"),
            _("The job “%(job)s” failed"),
            _("A job of the application %(application)s failed"),
            _("The run of a job failed"),
        ),
        details=(UNTIL_THEN,),
    ),
    "job.backon": Words(
        what=(_("job “%(job)s” succeeds again"), _("a job succeeds again")),
        title=(
            _("Job “%(job)s” of %(application)s succeeds again"),
            _("Job “%(job)s” succeeds again"),
            _("A job of %(application)s succeeds again"),
            _("A job succeeds again"),
        ),
        line=(
            _("The job “%(job)s” of the application %(application)s succeeded after a failure"),
            _("The job “%(job)s” succeeded after a failure"),
            _("A job of the application %(application)s succeeded after a failure"),
            _("A job succeeded after a failure"),
        ),
        details=(DURATION,),
    ),
    "process.down": Words(
        what=(_("process %(process)s is down"), _("a process is down")),
        title=(
            _("Process %(process)s of %(application)s is down"),
            _("Process %(process)s is down"),
            _("A process of %(application)s is down"),
            _("A process is down"),
        ),
        line=(
            _("The process %(process)s of the application %(application)s is down on the server %(server)s"),
            _("The process %(process)s of the application %(application)s is down"),
            _("The process %(process)s is down on the server %(server)s"),
            _("The process %(process)s is down"),
            _("A process of the application %(application)s is down"),
            _("A process is no longer running"),
        ),
    ),
    "app.auth": Words(
        what=(_("app %(app)s authorized"), _("app authorized")),
        title=(_("App %(app)s authorized to access the account"), _("App authorized to access the account")),
        line=(
            _("%(who)s authorized the app %(app)s to access the account"),
            _("%(who)s authorized an app to access the account"),
            _("The app %(app)s was authorized to access the account"),
            _("An app was authorized to access the account"),
        ),
    ),
    "app.deauth": Words(
        what=(_("app %(app)s no longer authorized"), _("app no longer authorized")),
        title=(_("App %(app)s may no longer access the account"), _("An app may no longer access the account")),
        line=(
            _("%(who)s withdrew the access of the app %(app)s to the account"),
            _("%(who)s withdrew the access of an app to the account"),
            _("The access of the app %(app)s to the account was withdrawn"),
            _("The access of an app to the account was withdrawn"),
        ),
    ),
}
