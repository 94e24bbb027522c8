# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A YubiKey for tests: the PIV, Management and OTP applets of a key, behind vsmartcard's virtual reader."""
