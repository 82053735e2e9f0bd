"""One event after the other, on one connection."""

import threading

import httpx

from tests.support import patient


class Load(threading.Thread):
    """Sends one event after the other until told to end, on one connection."""

    def __init__(self, url: str, name: str, write_key: str = "web-key") -> None:
        super().__init__(daemon=True)
        self.url = url
        self.prefix = name
        self.write_key = write_key
        self.accepted: list[str] = []
        self.others: list[object] = []
        self.ending = threading.Event()

    def run(self) -> None:
        with patient.client(base_url=self.url, auth=(self.write_key, "")) as client:
            while not self.ending.is_set():
                number = f"{self.prefix}-{len(self.accepted) + len(self.others)}"
                event = {"event": "DedupIndex", "userId": "u", "messageId": number}
                try:
                    answer = client.post("/v1/t", json=event)
                except httpx.TransportError as error:
                    self.others.append(error)
                    return
                if answer.status_code == 200:
                    self.accepted.append(number)
                else:
                    self.others.append(answer)
