"""URL patterns of the pages about people, organizations and the user's own account."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from notifications_project.accounts import (
    views_audit,
    views_email,
    views_home,
    views_invitations,
    views_members,
    views_organizations,
    views_profile,
    views_tokens,
)

app_name = "accounts"

_organization = [
    path("", views_home.show_organization, name="organization"),
    path("rename/", views_organizations.edit_organization, name="edit_organization"),
    path("members/", views_members.show_members, name="members"),
    path("members/invite/", views_invitations.invite, name="invite"),
    path("members/invitations/<invitation:invitation>/resend/", views_invitations.resend, name="resend_invitation"),
    path("members/invitations/<invitation:invitation>/revoke/", views_invitations.revoke, name="revoke_invitation"),
    path("members/leave/", views_members.leave, name="leave"),
    path("members/<user:user>/role/", views_members.change_role, name="change_role"),
    path("members/<user:user>/remove/", views_members.remove_member, name="remove_member"),
    path("audit/", views_audit.audit_log, name="audit"),
]

urlpatterns = [
    path("", views_home.show_home, name="home"),
    path("organizations/<owner:owner>/", include(_organization)),
    path("invitations/<str:token>/", views_invitations.show_invitation, name="invitation"),
    path("account/invitations/", views_invitations.show_my_invitations, name="my_invitations"),
    path("account/invitations/<invitation:invitation>/answer/", views_invitations.answer, name="answer_invitation"),
    path("account/organizations/add/", views_organizations.add_organization, name="add_organization"),
    path("account/profile/", views_profile.edit_profile, name="profile"),
    path("account/email/", views_email.change_email, name="change_email"),
    path("account/email/<str:token>/", views_email.confirm_email, name="confirm_email"),
    path("account/tokens/", views_tokens.show_tokens, name="tokens"),
    path("account/tokens/add/", views_tokens.add_token, name="add_token"),
    path("account/tokens/<str:key>/made/", views_tokens.show_new_token, name="token_made"),
    path("account/tokens/<str:key>/revoke/", views_tokens.revoke, name="revoke_token"),
    # Hides allauth's page of several addresses: here a user has one, by which others invite the user.
    path("accounts/email/", RedirectView.as_view(pattern_name="accounts:profile")),
]
