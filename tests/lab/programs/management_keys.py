# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the management keys that YubiKeys hold under their PINs. For a search that must not find them elsewhere.

Question: one line of JSON, serial number to PIN. Answer: serial number to management key, hexadecimal.
"""

import json
import sys

from ykman.device import list_all_devices
from ykman.piv import get_pivman_protected_data
from yubikit.core.smartcard import SmartCardConnection
from yubikit.piv import PivSession

pins = json.loads(sys.stdin.readline())
found = {}
for device, info in list_all_devices([SmartCardConnection]):
    pin = pins.get(str(info.serial))
    if pin is not None:
        with device.open_connection(SmartCardConnection) as connection:
            session = PivSession(connection)
            session.verify_pin(pin)
            found[str(info.serial)] = get_pivman_protected_data(session).key.hex()
json.dump(found, sys.stdout)
