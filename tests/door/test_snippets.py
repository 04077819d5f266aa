"""The guide's snippets run as they stand, only the host and the key replaced, where node is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from dagster_project.api.server import application
from dagster_project.register import keys
from tests.door.conftest import NOW, Opened, served
from tests.door.test_killed import free_port

HOST, KEY = "https://events-api.monk.com", "mk_live_your_api_key"
SINGLE = """
await fetch('https://events-api.monk.com/v1/events', {
  method: 'POST',
  headers: {
    Authorization: 'Bearer mk_live_your_api_key',
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({
    customer_id: 'cust_123',
    event_name: 'ai_call',
    idempotency_key: `ai_call_${callId}`,
    properties: {
      region: 'US', // Dimension 1
      call_outcome: 'resolved', // Dimension 2
      duration_seconds: 180, // Additional metadata (not a dimension)
      agent_id: 'agent_456', // Additional metadata
    },
  }),
});
"""
BATCH = """
await fetch('https://events-api.monk.com/v1/events/batch', {
  method: 'POST',
  headers: {
    Authorization: 'Bearer mk_live_your_api_key',
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({
    events: [
      {
        customer_id: 'cust_123',
        event_name: 'ai_call',
        properties: { region: 'US', call_outcome: 'resolved' },
      },
      {
        customer_id: 'cust_456',
        event_name: 'ai_call',
        properties: { region: 'APAC', call_outcome: 'transferred' },
      },
    ],
  }),
});
"""


@pytest.mark.parametrize(("snippet", "events"), [(SINGLE, 1), (BATCH, 2)])
def test_the_guides_snippets_are_accepted_and_land(tmp_path: Path, snippet: str, events: int) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed here: the snippets are not run.")
    serving = served(tmp_path)
    key, port = keys.create(serving.register, "snippets", ["usage:write"], NOW), free_port()
    server = uvicorn.Server(uvicorn.Config(application(serving), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        script = snippet.replace(HOST, f"http://127.0.0.1:{port}").replace(KEY, key)
        script = re.sub(r"await fetch", "const answer = await fetch", script, count=1)
        code = (
            f"const callId = 1;\n{script}\nprocess.exitCode = answer.status === 202 ? 0 : 1;\nconsole.log(await answer.text());"
        )
        ended = subprocess.run(
            [node, "--input-type=module", "-e", code], capture_output=True, text=True, check=False, timeout=60
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    finally:
        server.should_exit = True
        thread.join()
    landed, lines = Opened.landed(Opened(None, serving, {}))  # type: ignore[arg-type]
    assert (landed.height, lines.height) == (events, 0)
