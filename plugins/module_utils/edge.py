# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge between Ansible and the domain: the only module_utils file that knows AnsibleModule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import TrustAnchorError
from .text.document import printable, shown


def run(
    module: AnsibleModule,
    handler: Callable[[AnsibleModule], dict[str, Any]],
    missing: tuple[str, str] | None = None,
) -> None:
    """Run ``handler`` and turn its outcome into the module's result.

    Args:
        module: the module, its options parsed.
        handler: takes the module, returns the result (with ``changed``).
        missing: name of a Python library that could not be imported, and the traceback of the attempt.
    """
    if missing is not None:
        reason = missing[1].strip().rpartition("\n")[2]
        module.fail_json(msg=f"{missing_required_lib(missing[0])} ({reason})", exception=missing[1])
    try:
        result = handler(module)
    except TrustAnchorError as error:
        module.fail_json(**failure(error))
    module.exit_json(**shown(result))


def warn(module: AnsibleModule, text: str) -> None:
    """Warn; what the text quotes from elsewhere moves no cursor."""
    module.warn(printable(text))


def refuse(module: AnsibleModule) -> None:
    """What a module says whose work is its action plugin's: without that plugin it was not called by Ansible."""
    module.fail_json(msg="This module works by its action plugin only. Use it in a task, by its full name.")


def failure(error: TrustAnchorError) -> dict[str, Any]:
    """A failed result, the same of modules and of actions: ``msg`` for people, ``error`` in its parts."""
    found: dict[str, Any] = shown({"failed": True, "msg": str(error), "error": error.as_dict()})
    return found


def diff(before: dict[str, Any], after: dict[str, Any], header: str) -> dict[str, Any]:
    """A diff of parsed facts in the form that Ansible prints.

    Args:
        before: facts before, JSON-serialisable, without secrets.
        after: facts after.
        header: names the thing that changed.
    """
    return {"before": before, "after": after, "before_header": header, "after_header": header}
