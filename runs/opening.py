"""Opening a sandbox by name, `auto` included."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from codebench.runs.plugins import load_sandbox_opener
from codebench.runs.record import RunError
from codebench.sandbox import Sandbox, SandboxError, SandboxOptions

AUTO = "auto"
AUTO_ORDER = ("docker", "namespaces")


@asynccontextmanager
async def opened_sandbox(
    name: str, options: SandboxOptions, order: Sequence[str] = AUTO_ORDER
) -> AsyncIterator[tuple[Sandbox, str]]:
    """Start the sandbox and give it with a line that says which it is and why; end it on the way out.

    `auto` takes the first of `order` that works; never less than a sandbox. Raises RunError for an unknown name, and
    with the reason of each that cannot work here: nothing has been run then, so it is the request that cannot be met.
    """
    async with AsyncExitStack() as stack:
        reasons: list[str] = []
        for candidate in order if name == AUTO else (name,):
            try:
                sandbox = await stack.enter_async_context(load_sandbox_opener(candidate)(options))
            except SandboxError as error:
                reasons.append(f"{candidate}: {error}")
            else:
                break
        else:
            raise RunError(f"no sandbox is available: {'; '.join(reasons)}; `codebench doctor` tells more")
        yield sandbox, f"sandbox {candidate}" + "".join(f" (not {reason})" for reason in reasons)
