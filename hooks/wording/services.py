"""The words for the event types of applications and add-ons, Git, organizations, accounts, credits and hooks.

States of `stack.deploy.ended` with words of their own have the type and the state as key.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from hooks.wording.words import DURATION, SOURCE, UNTIL_THEN, Words

BALANCE = (_("the balance is now %(balance)s"),)
THRESHOLD = (_("the warning threshold is %(threshold)s"),)

SERVICES: dict[str, Words] = {
    "stack.deploy.ended": Words(
        what=(_("deployment ended"),),
        title=(_("Deployment of %(application)s ended"), _("Deployment ended")),
        line=(_("The deployment of the application %(application)s ended"), _("A deployment ended")),
        details=(SOURCE, DURATION),
    ),
    "stack.deploy.ended OK": Words(
        what=(_("deployment ended, it succeeded"),),
        title=(_("Deployment of %(application)s ended: it succeeded"), _("Deployment ended: it succeeded")),
        line=(
            _("The deployment of the application %(application)s ended successfully"),
            _("A deployment ended successfully"),
        ),
        details=(SOURCE, DURATION),
    ),
    "stack.deploy.ended FAIL": Words(
        what=(_("deployment ended, it failed"),),
        title=(_("Deployment of %(application)s ended: it failed"), _("Deployment ended: it failed")),
        line=(
            _("The deployment of the application %(application)s ended with a failure"),
            _("A deployment ended with a failure"),
        ),
        details=(SOURCE, UNTIL_THEN),
    ),
    "stack.deploy.ended CANCELLED": Words(
        what=(_("deployment cancelled"),),
        title=(_("Deployment of %(application)s cancelled"), _("Deployment cancelled")),
        line=(
            _("The deployment of the application %(application)s was cancelled"),
            _("A deployment was cancelled"),
        ),
        details=(SOURCE, UNTIL_THEN),
    ),
    "application.created": Words(
        what=(_("application created"),),
        title=(_("Application %(application)s created"), _("Application created")),
        line=(
            _("%(who)s created the application %(application)s"),
            _("The application %(application)s was created"),
            _("An application was created"),
        ),
    ),
    "application.edited": Words(
        what=(_("application edited"),),
        title=(_("Application %(application)s edited"), _("Application edited")),
        line=(
            _("%(who)s edited the application %(application)s"),
            _("The application %(application)s was edited"),
            _("An application was edited"),
        ),
    ),
    "application.deleted": Words(
        what=(_("application deleted"),),
        title=(_("Application %(application)s deleted"), _("Application deleted")),
        line=(
            _("%(who)s deleted the application %(application)s"),
            _("The application %(application)s was deleted"),
            _("An application was deleted"),
        ),
    ),
    "application.redeploy": Words(
        what=(_("redeployment requested"),),
        title=(_("Redeployment of %(application)s requested"), _("Redeployment requested")),
        line=(
            _("%(who)s requested a redeployment of the application %(application)s"),
            _("A redeployment of the application %(application)s was requested"),
            _("The redeployment of an application was requested"),
        ),
        details=(SOURCE,),
    ),
    "application.stopped": Words(
        what=(_("application stopped"),),
        title=(_("Application %(application)s stopped"), _("Application stopped")),
        line=(
            _("%(who)s stopped the application %(application)s"),
            _("The application %(application)s was stopped"),
            _("An application was stopped"),
        ),
    ),
    "addon.created": Words(
        what=(_("add-on created"),),
        title=(_("Add-on %(addon)s created"), _("Add-on created")),
        line=(
            _("%(who)s created the add-on %(addon)s"),
            _("The add-on %(addon)s was created"),
            _("An add-on was created"),
        ),
    ),
    "addon.deleted": Words(
        what=(_("add-on deleted"),),
        title=(_("Add-on %(addon)s deleted"), _("Add-on deleted")),
        line=(
            _("%(who)s deleted the add-on %(addon)s"),
            _("The add-on %(addon)s was deleted"),
            _("An add-on was deleted"),
        ),
    ),
    "git.push": Words(
        what=(_("push to branch %(branch)s"), _("push to the Git repository")),
        title=(
            _("Git push to branch %(branch)s of %(application)s"),
            _("Git push to %(application)s"),
            _("Git push to branch %(branch)s"),
            _("Git push"),
        ),
        line=(
            _("%(who)s pushed %(commits)s to branch %(branch)s of the application %(application)s"),
            _("%(who)s pushed %(commits)s to the application %(application)s"),
            _("%(who)s pushed %(commits)s to branch %(branch)s"),
            _("Somebody pushed %(commits)s to branch %(branch)s of the application %(application)s"),
            _("Somebody pushed %(commits)s to the application %(application)s"),
            _("%(who)s pushed %(commits)s"),
            _("Somebody pushed %(commits)s to branch %(branch)s"),
            _("Somebody pushed to a Git repository"),
        ),
    ),
    "organization.created": Words(
        what=(_("organization created"),),
        title=(_("Organization %(organization)s created"), _("Organization created")),
        line=(
            _("%(who)s created the organization %(organization)s"),
            _("The organization %(organization)s was created"),
            _("An organization was created"),
        ),
    ),
    "organization.edited": Words(
        what=(_("organization edited"),),
        title=(_("Organization %(organization)s edited"), _("Organization edited")),
        line=(
            _("%(who)s edited the organization %(organization)s"),
            _("The organization %(organization)s was edited"),
            _("An organization was edited"),
        ),
    ),
    "organization.deleted": Words(
        what=(_("organization deleted"),),
        title=(_("Organization %(organization)s deleted"), _("Organization deleted")),
        line=(
            _("%(who)s deleted the organization %(organization)s"),
            _("The organization %(organization)s was deleted"),
            _("An organization was deleted"),
        ),
    ),
    "organization.member_added": Words(
        what=(_("new member %(member)s"), _("new member")),
        title=(_("New member of %(organization)s: %(member)s"), _("New member of the organization")),
        line=(
            _("%(who)s added %(member)s to the organization %(organization)s (role: %(role)s)"),
            _("%(who)s added %(member)s to the organization %(organization)s"),
            _("%(member)s is now a member of the organization %(organization)s"),
            _("The organization has a new member"),
        ),
    ),
    "account.created": Words(
        what=(_("account %(who)s created"), _("account created")),
        title=(_("Account %(who)s created"), _("Account created")),
        line=(_("The account %(who)s was created"), _("An account was created")),
    ),
    "account.edited": Words(
        what=(_("account %(who)s edited"), _("account edited")),
        title=(_("Account %(who)s edited"), _("Account edited")),
        line=(_("The account %(who)s was edited"), _("An account was edited")),
    ),
    "account.deleted": Words(
        what=(_("account %(who)s deleted"), _("account deleted")),
        title=(_("Account %(who)s deleted"), _("Account deleted")),
        line=(_("The account %(who)s was deleted"), _("An account was deleted")),
    ),
    "credits.added": Words(
        what=(_("credits added"),),
        title=(_("Credits added to %(organization)s"), _("Credits added")),
        line=(
            _("%(who)s added %(amount)s of credits to the organization %(organization)s"),
            _("%(amount)s of credits were added to the organization %(organization)s"),
            _("Credits were added to the organization"),
        ),
        details=(BALANCE,),
    ),
    "credits.warning": Words(
        what=(_("credits are running out"),),
        title=(_("Credits of %(organization)s are running out"), _("Credits are running out")),
        line=(
            _("The organization %(organization)s has %(balance)s of credits left, enough until %(runs_out)s"),
            _("The organization %(organization)s has %(balance)s of credits left"),
            _("The credits of the organization %(organization)s are running out"),
            _("The credits of the organization are running out"),
        ),
        details=(THRESHOLD,),
    ),
    "cli.request": Words(
        what=(_("command line request “%(command)s”"), _("command line request")),
        title=(_("Command line request: “%(command)s”"), _("Request by the command line tools")),
        line=(
            _("%(who)s ran “%(command)s” with the command line tools"),
            _("%(who)s made a request with the command line tools"),
            _("Somebody ran “%(command)s” with the command line tools"),
            _("Somebody made a request with the command line tools"),
        ),
    ),
    "hook.failing": Words(
        what=(_("hook “%(hook)s” is failing"), _("a hook is failing")),
        title=(_("Hook “%(hook)s” is failing"), _("A hook is failing")),
        line=(
            _("The hook “%(hook)s” has been failing since %(since)s"),
            _("The hook “%(hook)s” is failing"),
            _("A hook of the organization is failing"),
        ),
    ),
    "hook.disabled": Words(
        what=(_("hook “%(hook)s” was disabled"), _("a hook was disabled")),
        title=(_("Hook “%(hook)s” was disabled"), _("A hook was disabled")),
        line=(
            _("The hook “%(hook)s”, which had been failing since %(since)s, was disabled"),
            _("The hook “%(hook)s” was disabled"),
            _("A hook of the organization was disabled"),
        ),
    ),
    "hook.failing address_failing": Words(
        what=(_("e-mails to %(refused)s are refused"), _("e-mails to an address are refused")),
        title=(_("E-mails to %(refused)s are refused"), _("E-mails to an address are refused")),
        line=(
            _("All e-mails to %(refused)s have been refused since %(since)s"),
            _("All e-mails to %(refused)s are refused"),
            _("All e-mails to an address are refused"),
        ),
    ),
    "hook.disabled address_refused": Words(
        what=(_("e-mails to %(refused)s have stopped"), _("e-mails to an address have stopped")),
        title=(_("E-mails to %(refused)s have stopped"), _("E-mails to an address have stopped")),
        line=(
            _("E-mails to %(refused)s have stopped until somebody has the address tried again"),
            _("E-mails to an address have stopped until somebody has it tried again"),
        ),
    ),
    "hook.recovered": Words(
        what=(_("hook “%(hook)s” works again"), _("a hook works again")),
        title=(_("Hook “%(hook)s” works again"), _("A hook works again")),
        line=(
            _("The hook “%(hook)s” works again after failing since %(since)s"),
            _("The hook “%(hook)s” works again"),
            _("A hook of the organization works again"),
        ),
    ),
    "account.digest": Words(
        what=(_("your quiet time is over: %(count)s notifications"), _("your quiet time is over")),
        title=(_("%(count)s notifications from your quiet time"), _("Notifications from your quiet time")),
        line=(
            _("These %(count)s notifications waited for the end of your quiet time"),
            _("These notifications waited for the end of your quiet time"),
        ),
    ),
    # About a personal channel; only its user is told.
    "hook.failing channel_failing": Words(
        what=(_("your channel %(channel)s is failing"), _("a channel of yours is failing")),
        title=(_("Your channel %(channel)s is failing"), _("A channel of yours is failing")),
        line=(
            _("Your channel %(channel)s has been failing since %(since)s"),
            _("Your channel %(channel)s fails to deliver"),
            _("A channel of yours fails to deliver"),
        ),
    ),
    "hook.disabled channel_disabled": Words(
        what=(_("your channel %(channel)s was disabled"), _("a channel of yours was disabled")),
        title=(_("Your channel %(channel)s was disabled"), _("A channel of yours was disabled")),
        line=(
            _("Your channel %(channel)s, which had been failing since %(since)s, was disabled"),
            _("Nothing is sent to your channel %(channel)s any more"),
            _("Nothing is sent to a channel of yours any more"),
        ),
    ),
    "hook.recovered channel_recovered": Words(
        what=(_("your channel %(channel)s works again"), _("a channel of yours works again")),
        title=(_("Your channel %(channel)s works again"), _("A channel of yours works again")),
        line=(
            _("Your channel %(channel)s works again after failing since %(since)s"),
            _("Your channel %(channel)s delivers again"),
            _("A channel of yours delivers again"),
        ),
    ),
}

# For a type that was removed from the catalogue.
UNKNOWN = Words(
    what=(_("event %(type)s"), _("event")),
    title=(_("Event %(type)s of %(application)s"), _("Event %(type)s"), _("Event")),
    line=(
        _("The event %(type)s happened to the application %(application)s"),
        _("The event %(type)s happened"),
        _("Something happened"),
    ),
)
