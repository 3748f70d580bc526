"""OpenAI's batch interface: everything handed in at once, answered within a day, at half the price."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codebench.generators.engine import Request
from codebench.generators.options import Sampling
from codebench.generators.sample import EngineError, Generation, GeneratorError

if TYPE_CHECKING:
    import openai

    from codebench.generators.openai_api import OpenAIEngine

_POLL_S = 20.0
_ENDED = ("completed", "failed", "expired", "cancelled")


async def run_batch(
    engine: OpenAIEngine,
    client: openai.AsyncOpenAI,
    requests: Sequence[Request],
    sampling: Sampling,
    notes: Path | None,
) -> AsyncIterator[tuple[Request, Generation]]:
    """Hand the requests in, wait, and yield the answers; those that failed end in an error after the others.

    `notes` is a directory in which the batch's number is kept, so that the same requests after a crash find it again.
    """
    lines, path = [], "/v1/chat/completions"
    for number, request in enumerate(requests):
        body = engine.body(request, sampling)
        path = "/v1/completions" if "prompt" in body else path
        lines.append(json.dumps({"custom_id": str(number), "method": "POST", "url": path, "body": body}))
    content = ("\n".join(lines) + "\n").encode()
    note = notes / f"{hashlib.sha256(content).hexdigest()}.batch" if notes is not None else None
    batch = await _ended(client, await _begun(client, content, path, note))
    unanswered = set(range(len(requests)))
    for line in (await _content(client, batch.output_file_id)).splitlines():
        result = json.loads(line)
        request = requests[int(result["custom_id"])]
        reply = (result.get("response") or {}).get("body") or {}
        if not reply.get("choices"):
            continue
        unanswered.discard(int(result["custom_id"]))
        yield request, engine.generation(request, json.loads(lines[int(result["custom_id"])])["body"], reply, None)
    if note is not None:
        note.unlink(missing_ok=True)
    if batch.status != "completed":
        raise EngineError(f"the batch {batch.id} {batch.status}; what was answered is kept: run the same command again")
    if unanswered:
        raise EngineError(
            f"the batch {batch.id} left requests unanswered, {len(unanswered)}: run the same command again"
        )


async def _begun(client: openai.AsyncOpenAI, content: bytes, path: str, note: Path | None) -> str:
    """The number of the batch, which an earlier process may have handed in."""
    if note is not None and note.is_file():
        return note.read_text().strip()
    file = await client.files.create(file=("requests.jsonl", content), purpose="batch")
    endpoint: Any = path
    batch = await client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
    if note is not None:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(batch.id)
    return batch.id


async def _ended(client: openai.AsyncOpenAI, number: str) -> Any:
    while True:
        batch = await client.batches.retrieve(number)
        if batch.status in _ENDED:
            if batch.status == "failed":
                raise GeneratorError(f"the batch {number} was refused: {batch.errors}")
            return batch
        await asyncio.sleep(_POLL_S)


async def _content(client: openai.AsyncOpenAI, file_id: str | None) -> str:
    return (await client.files.content(file_id)).text if file_id else ""
