"""Realistic samples of the data of each kind of event, for the catalogue's page, test events and the tests.

The field lists of stacks, servers, jobs, processes and apps are those of the Cloud 66 API.
"""

from __future__ import annotations

from typing import Any

Data = dict[str, Any]

_USER = "grace@example.com"
_STACK_UID = "5999b763474b0eafa5fafb64bff0ba80"
_SERVER_UID = "0d388a6ab7ba2aa9d4d4e9dd8c2b0a3f"
_STATUS = {"deployed": 1, "failed": 2, "deploying": 6}
_HEALTH = {"deployed": 3, "failed": 4, "deploying": 1}


def build_stack(status: str) -> Data:
    """Return the data of a stack that is `deployed`, `failed` or `deploying`."""
    return {
        "uid": _STACK_UID,
        "name": "Shop",
        "git": "https://git.example.com/acme/shop.git",
        "git_branch": "main",
        "environment": "production",
        "cloud": "aws",
        "fqdn": "shop.example.com",
        "language": "ruby",
        "framework": "rails",
        "status": _STATUS[status],
        "health": _HEALTH[status],
        "last_activity": "2026-01-05 12:30:45 UTC",
        "last_activity_iso": "2026-01-05T12:30:45Z",
        "maintenance_mode": False,
        "has_loadbalancer": True,
        "created_at": "2025-08-14 00:38:14 UTC",
        "updated_at": "2026-01-05 12:30:45 UTC",
        "created_at_iso": "2025-08-14T00:38:14Z",
        "updated_at_iso": "2026-01-05T12:30:45Z",
        "deploy_directory": "/var/deploy/shop",
        "cloud_status": "partial",
    }


def build_deployment(outcome: str) -> Data:
    """Return the data of a stack with a deployment whose `outcome` is `success`, `failure` or `started`."""
    ended = outcome in {"success", "failure"}
    return build_stack({"success": "deployed", "failure": "failed"}.get(outcome, "deploying")) | {
        "deploy_context": {
            "triggered_by": _USER,
            "outcome": outcome if ended else None,
            "started_at": "2026-01-05T12:20:03Z",
            "finished_at": "2026-01-05T12:30:45Z" if ended else None,
        },
    }


def build_redeploy_hook() -> Data:
    return build_stack("deployed") | {"reason": "The repository's branch does not match the stack's branch."}


def build_deployment_ended() -> Data:
    """Return the data of an ended deployment; its `state` can be OK, FAIL or CANCELLED."""
    return {
        "uuid": "deployment_6f5c2c1e-5c62-4f0e-9e0f-d3a3d1a1b7a1",
        "name": "Shop",
        "state": "OK",
        "action": "DEPLOY",
        "commit": "4c5e0b3a2f9d8e7c6b5a49382716f5e4d3c2b1a0",
        "cause": "Git",
    }


def build_server(status: int) -> Data:
    return {
        "uid": "b1d5d4bba5f1c8fb4b3a3b4bb2b6d2ac",
        "status": status,
        "server": _SERVER_UID,
        "created_at": "2025-08-14 00:50:20 UTC",
        "updated_at": "2026-01-05 12:30:45 UTC",
        "created_at_iso": "2025-08-14T00:50:20Z",
        "updated_at_iso": "2026-01-05T12:30:45Z",
    }


def build_job(status: int) -> Data:
    """Return the data of a job; `status` is 2 for succeeded, 3 for failed."""
    return {
        "uid": "b375a3ef0b1d4c5e8a7f9b6c2d1e0f34",
        "name": "Nightly invoices",
        "type": "DockerHostTaskJob",
        "cron": "01 00 1 * *",
        "status": status,
        "paused": False,
        "params": {"command": "bundle exec rake invoices:send"},
        "server": _SERVER_UID,
        "stack": _STACK_UID,
        "created_at": "2025-10-24 15:38:29 UTC",
        "updated_at": "2026-01-05 00:01:12 UTC",
    }


def build_process() -> Data:
    return {"process_name": "nginx", "server": {"name": "Meerkat", "uid": _SERVER_UID}}


def build_authorization() -> Data:
    return {"user": _USER, "app": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}


def build_application(state: str = "SHOULD_BE_UP") -> Data:
    return {
        "id": "app_3c2b8a52-4e1f-4f0b-9d3e-2a7f5f6b7c81",
        "name": "Shop",
        "state": state,
        "zone": "par",
        "instance_type": "python",
        "branch": "main",
        "commit_id": "4c5e0b3a2f9d8e7c6b5a49382716f5e4d3c2b1a0",
        "by": _USER,
    }


def build_addon() -> Data:
    return {
        "id": "addon_7d1c9e40-0b6a-4b52-8f3d-6c5a4e3b2d10",
        "name": "Shop database",
        "provider": "postgresql",
        "plan": "xs_sml",
        "region": "eu",
        "by": _USER,
    }


def build_git_push() -> Data:
    return {
        "repository": "https://git.example.com/acme/shop.git",
        "branch": "main",
        "before": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        "after": "4c5e0b3a2f9d8e7c6b5a49382716f5e4d3c2b1a0",
        "pushed_by": _USER,
        "commits": [
            {"id": "4c5e0b3a2f9d8e7c6b5a49382716f5e4d3c2b1a0", "message": "Show prices with tax", "author": _USER}
        ],
    }


def build_organization() -> Data:
    return {"name": "Acme", "by": _USER}


def build_member() -> Data:
    return {"user": "linus@example.com", "role": "developer", "by": _USER}


def build_account() -> Data:
    return {"user": _USER, "name": "Grace"}


def build_credits_added() -> Data:
    return {"amount": "50.00", "currency": "EUR", "balance": "62.40", "by": _USER}


def build_credits_warning() -> Data:
    return {
        "balance": "4.20",
        "currency": "EUR",
        "threshold": "5.00",
        "runs_out_at": "2026-01-09T00:00:00Z",
    }


def build_command_line() -> Data:
    return {"user": _USER, "command": "restart", "version": "3.12.0", "address": "192.0.2.17"}


def build_hook(state: str) -> Data:
    """Return the data of a hook of this console that is `failing`, `disabled` or `recovered`."""
    good = state == "recovered"
    return {
        "hook": {
            "id": "hook_2f1e0d9c-8b7a-4c6d-9e5f-4a3b2c1d0e9f",
            "kind": "webhook",
            "name": "Deployments to the chat",
        },
        "state": state,
        "failing_since": "2026-01-05T12:20:03Z",
        "last_answer": "204 No Content" if good else "503 Service Unavailable",
    }


def build_digest() -> Data:
    """Return the data of a digest after a quiet time: the first notifications in full, the rest counted by type."""
    acme = {"id": "orga_0f8c2c4e-6a3b-4c1d-8e2f-1a2b3c4d5e6f", "name": "Acme"}
    shop = {"id": "app_3c2b8a52-4e1f-4f0b-9d3e-2a7f5f6b7c81", "kind": "application", "name": "Shop"}
    return {
        "total": 4,
        "notifications": [
            {
                "event_type": "process.down",
                "timestamp": 1_767_573_041,
                "event_id": "evt_019b8b7a-1c2d-7e3f-8a4b-5c6d7e8f9a0b",
                "organization": acme,
                "resource": shop,
                "delivery_id": "dlv_019b8b7a-1c2e-7f40-9b5c-6d7e8f9a0b1c",
                "title": "Process nginx of Shop is down",
            },
            {
                "event_type": "credits.warning",
                "timestamp": 1_767_580_200,
                "event_id": "evt_019b8be7-5f60-7a1b-8c2d-3e4f5a6b7c8d",
                "organization": acme,
                "resource": None,
                "delivery_id": "dlv_019b8be7-5f61-7b2c-9d3e-4f5a6b7c8d9e",
                "title": "The credits of Acme are running out",
            },
        ],
        "more": [{"event_type": "job.fail", "label": "Job run failed", "number": 2}],
    }
