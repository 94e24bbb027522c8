# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a person at the terminal. Only the controller's side has one: Ansible's workers call setsid."""

from __future__ import annotations

from collections.abc import Sequence

from ansible.errors import AnsibleActionFail, AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.utils.display import Display
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.document import visible

try:  # ansible-core 2.22 and newer mask registered secrets in all output
    from ansible.module_utils.secrets import register_secret
except ImportError:

    def register_secret(value: str) -> None:
        """Older cores mask by no_log alone."""


display = Display()
__all__ = ("ask", "ask_parts", "ask_secret", "display", "register_secret")


def ask(text: str, otherwise: str, private: bool = False) -> str:
    """What the person enters.

    Args:
        text: the prompt.
        otherwise: what to do where there is no terminal.
        private: it is not echoed.
    """
    try:
        entered = display.prompt_until(visible(text), private=private)
    except AnsiblePromptNoninteractive:
        raise AnsibleActionFail(f"There is no terminal to ask at: {text.strip(': ')}. {otherwise}") from None
    except AnsiblePromptInterrupt:
        raise AnsibleActionFail("Interrupted by the person at the terminal.") from None
    return bytes(entered).decode(errors="replace").strip("\r\n")


def ask_parts(holders: Sequence[str], title: str, purpose: str, otherwise: str, new: bool = False) -> str:
    """A secret in parts: each holder enters their own part, and nobody sees another's. Without holders it is whole."""
    if not holders:
        return ask_secret(title, purpose, otherwise, new)
    parts = [ask_secret(f"{holder}: your part of the {title}", purpose, otherwise, new) for holder in holders]
    register_secret("".join(parts))
    return "".join(parts)


def ask_secret(title: str, purpose: str, otherwise: str, new: bool = False) -> str:
    """A secret, masked from now on; a new one is asked for twice."""
    value = ask(f"{title} to {purpose}: ", otherwise, private=True)
    if new and ask(f"{title} again: ", otherwise, private=True) != value:
        raise AnsibleActionFail(f"The two entries of the {title} differ. Nothing was done.")
    if not value:
        raise AnsibleActionFail(f"No {title} was entered. Nothing was done.")
    register_secret(value)
    return value
