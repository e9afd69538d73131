"""The operators that look after the daemon."""

import bpy

from ..client.connection import ConnectionState
from ..client.daemon_process import find_program
from ..client.problem import Problem
from ..extension import user_folder
from ..preferences import data_dir, preferences
from ..session import current


class OVERFIT_OT_connect(bpy.types.Operator):
    """Look for the daemon again"""

    bl_idname = "overfit.connect"
    bl_label = "Connect"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session = current()
        session.connection.close()
        session.loop.start(session.connection.try_ensure())
        return {"FINISHED"}


class OVERFIT_OT_start_daemon(bpy.types.Operator):
    """Start the Overfit daemon on this computer. It ends with Blender"""

    bl_idname = "overfit.start_daemon"
    bl_label = "Start Daemon"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session = current()
        if session.connection.state is ConnectionState.READY:
            self.report({"INFO"}, "A daemon is running already")
            return {"CANCELLED"}
        try:
            program = find_program(bpy.path.abspath(preferences().program))
        except Problem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        log = user_folder() / "daemon.log"
        log.parent.mkdir(parents=True, exist_ok=True)

        async def start_and_connect() -> None:
            try:
                await session.daemon.start(program, data_dir(), log)
                await session.connection.ensure()
            except Problem as problem:
                session.connection.fail(str(problem))

        session.loop.start(start_and_connect())
        return {"FINISHED"}
