# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugins without Ansible's executor: the host is a recording."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase


class Host:
    """What reached the host, and what it answers."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.seen: list[dict[str, Any]] = []

    def run(self, plugin: type[ActionBase], monkeypatch: pytest.MonkeyPatch, **options: Any) -> dict[str, Any]:
        """Run an action with these options, and ``check_mode``."""
        check_mode = bool(options.pop("check_mode", False))
        monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
        monkeypatch.setattr(plugin, "__init__", lambda _self: None)
        monkeypatch.setattr(plugin, "_execute_module", self.execute)
        action = plugin()
        action._task = SimpleNamespace(args=options, check_mode=check_mode)
        found: dict[str, Any] = action.run(task_vars={})
        return found

    def execute(self, _name: str, args: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """As the host's Python would."""
        self.seen.append(args)
        return self.answers.pop(0)
