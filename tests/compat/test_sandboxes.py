"""Calls of sandboxes as programs for the platform write them, with what they give."""

import aiohttp
import pytest

from tests.examples.sandbox.projects import check_wall
from tests.serving import Serving

pytestmark = pytest.mark.sandbox
MAIN = """
    from cloudflare_sandbox import Sandbox, getSandbox
    from workers import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            sandbox = getSandbox(self.env.SANDBOX, "one")
            return Response.json(await getattr(self, request.url.rpartition("/")[2])(sandbox))

        async def code(self, sandbox):
            heard = []
            context = await sandbox.createCodeContext({"language": "python", "timeout": 60_000})
            options = {"context": context, "onStdout": lambda output: heard.append(output.text)}
            await sandbox.runCode("x = 40", {"context": context.id})
            execution = await sandbox.runCode("print('heard'); x + 2", options)
            result = execution.results[0]
            contexts = await sandbox.listCodeContexts()
            await sandbox.deleteCodeContext(context.id)
            same = [each.id for each in contexts] == [context.id]
            return [result.text, result.formats(), execution.logs.stdout, heard, same]

        async def processes(self, sandbox):
            process = await sandbox.startProcess("echo ready; sleep 60", {"processId": "sleeper"})
            line = (await process.waitForLog("ready", 60_000)).line
            await sandbox.killProcess("sleeper", "SIGKILL")
            ended = await process.waitForExit(60_000)
            listed = await sandbox.listProcesses()
            return [line, ended.exitCode, [[each.id, each.status] for each in listed]]

        async def backups(self, sandbox):
            await sandbox.writeFile("/workspace/kept", "as it was")
            backup = await sandbox.createBackup({"dir": "/workspace", "name": "first"})
            await sandbox.writeFile("/workspace/kept", "as it is")
            restored = await sandbox.restoreBackup({"id": backup.id, "dir": backup.dir})
            content = (await sandbox.readFile("/workspace/kept")).content
            await sandbox.restoreBackup(backup)
            return [restored.success, content]

        async def repositories(self, sandbox):
            who = "-c user.name=a -c user.email=a@example.com"
            await sandbox.exec(f"git init -q r && git -C r {who} commit -q --allow-empty -m one")
            options = {"targetDir": "/workspace/copy", "cloneTimeoutMs": 60_000}
            checkout = await sandbox.gitCheckout("file:///workspace/r", options)
            return [checkout.targetDir, (await sandbox.exists("/workspace/copy/.git")).exists]

        async def sessions(self, sandbox):
            session = await sandbox.createSession({"id": "s", "cwd": "/tmp", "env": {"aB": "1"}})
            result = await session.exec("pwd; echo $aB")
            found = await (await sandbox.getSession("s")).exec("pwd")
            return [session.id, result.stdout, result.sessionId, found.stdout]

        async def errors(self, sandbox):
            told = []
            for call in (
                lambda: sandbox.readFile("/workspace/none"),
                lambda: sandbox.exec("sleep 60", {"timeout": 50}),
                lambda: sandbox.mountBucket("bucket", "/mnt"),
                lambda: sandbox.exposePort(80, {"hostname": "example.com"}),
            ):
                try:
                    await call()
                except Exception as error:
                    told.append(f"{error.httpStatus} {error.code}")
            return told
"""
ANSWERS = {
    "code": ["42", ["text"], ["heard\n"], ["heard\n"], True],
    "processes": ["ready", 137, [["sleeper", "killed"]]],
    "backups": [True, "as it was"],
    "repositories": ["/workspace/copy", True],
    "sessions": ["s", "/tmp\n1\n", "s", "/tmp\n"],
    "errors": [
        "404 FILE_NOT_FOUND",
        "500 COMMAND_EXECUTION_ERROR",
        "501 NOT_AVAILABLE",
        "400 INVALID_PORT",
    ],
}


async def test_calls_are_spelled_as_there(serve: Serving, http: aiohttp.ClientSession) -> None:
    check_wall()
    server = await serve(MAIN, objects=["Sandbox"])
    for name, expected in ANSWERS.items():
        async with http.get(f"{server.url}/{name}") as answer:
            assert answer.status == 200, (name, await answer.text())
            assert await answer.json() == expected, name
