"""Looking a host's name up. The system does that in a call that waits, so it runs in a short-lived process."""

import asyncio
import ipaddress
import os
import subprocess
import sys

from .problem import Cure, Problem

LOOK_UP_SECONDS = 10.0
PROGRAM = """
import socket, sys
try:
    found = socket.getaddrinfo(sys.argv[1], None, type=socket.SOCK_STREAM)
except OSError as error:
    sys.exit(error.strerror or str(error))
print("\\n".join(dict.fromkeys(entry[4][0] for entry in found)))
"""


async def look_up(host: str) -> list[str]:
    """The IP addresses of a name. Raises `Problem`."""
    python = sys.executable
    if not python or not os.access(python, os.X_OK):
        raise Problem(
            f"The name '{host}' cannot be looked up in this Blender. Write the daemon's address in numbers",
            Cure.PREFERENCES,
        )
    # Isolated: neither the user's environment nor the folder Blender runs in may put modules in the way.
    process = subprocess.Popen(
        [python, "-I", "-S", "-c", PROGRAM, host],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            while process.poll() is None:
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise Problem(
            f"The name '{host}' could not be looked up within {LOOK_UP_SECONDS:.0f} s. Check this computer's network",
            Cure.PREFERENCES,
        ) from None
    finally:
        process.kill()  # nothing happens to one that has ended
        found, reason = (text.decode(errors="replace").split("\n") for text in process.communicate())
    # An address with a zone (`fe80::1%eth0`) means nothing to asyncio without a thread.
    addresses = [str(ipaddress.ip_address(line)) for line in found if line and "%" not in line]
    if process.returncode != 0 or not addresses:
        raise Problem(
            f"There is no computer of the name '{host}' ({reason[0] or 'no address'}). Check the daemon's address in "
            "the extension's preferences",
            Cure.PREFERENCES,
        )
    return addresses
