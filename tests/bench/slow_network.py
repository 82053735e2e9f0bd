"""A network whose ways are long: ``python -m tests.bench.slow_network DELAY_MS FROM=TO ...``.

Passes bytes on between each FROM (host:port, where it listens) and TO, each of them ``DELAY_MS`` later in
either direction, in order; prints a word once it listens. Without netem there is no other way to be far away.
"""

import asyncio
import contextlib
import sys

_PIECE = 65_536
"""Bytes that are read at once: any number would do."""


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Write what is read so much later. Where one side ends, the other does as well."""
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

    async def read() -> None:
        data = b"-"
        while data:
            try:
                data = await reader.read(_PIECE)
            except OSError:
                data = b""
            pieces.put_nowait((loop.time() + delay_s, data))

    reading = asyncio.create_task(read())
    with contextlib.suppress(OSError):
        while True:
            at, data = await pieces.get()
            await asyncio.sleep(at - loop.time())
            if not data:
                break
            writer.write(data)
            await writer.drain()
    reading.cancel()
    writer.close()


async def main(delay_s: float, ways: list[tuple[str, str]]) -> None:
    """Pass on until the process is ended."""
    for begin, end in ways:
        host, port = end.split(":")

        async def meet(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str = host, port: str = port
        ) -> None:
            try:
                there, back = await asyncio.open_connection(host, int(port))
            except OSError:
                writer.close()
                return
            await asyncio.gather(_pass_on(reader, back, delay_s), _pass_on(there, writer, delay_s))

        host_here, port_here = begin.split(":")
        await asyncio.start_server(meet, host_here, int(port_here))
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(
        main(int(sys.argv[1]) / 1000, [(a, b) for a, _, b in (w.partition("=") for w in sys.argv[2:])])
    )
