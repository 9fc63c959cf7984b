"""Numbers of a server, in the text form of Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

BOUNDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
"""Seconds: upper bounds of the classes of answers by their time."""


class Metrics:
    """Counts requests by the name of their repository ("" where there is one). Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._times: Counter[tuple[str, float]] = Counter()
        self._seconds: dict[str, float] = {}
        self._received: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()

    def count(self, name: str, method: str, status: int, received: int, sent: int, seconds: float) -> None:
        """One request is answered."""
        with self._lock:
            self._requests[name, method, status] += 1
            self._received[name] += received
            self._sent[name] += sent
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds
            for bound in BOUNDS:
                self._times[name, bound] += seconds <= bound

    def text(self, name: str) -> str:
        """What is known of one repository."""
        with self._lock:
            return "\n".join([*self._lines(name), ""])

    def _lines(self, name: str) -> Iterator[str]:
        yield "# TYPE art_requests_total counter"
        for (of, method, status), count in sorted(self._requests.items()):
            if of == name:
                yield f'art_requests_total{{method="{method}",status="{status}"}} {count}'
        yield "# TYPE art_request_seconds histogram"
        for bound in BOUNDS:
            yield f'art_request_seconds_bucket{{le="{bound}"}} {self._times[name, bound]}'
        count = sum(count for (of, _, _), count in self._requests.items() if of == name)
        yield f'art_request_seconds_bucket{{le="+Inf"}} {count}'
        yield f"art_request_seconds_sum {self._seconds.get(name, 0.0):.6f}"
        yield f"art_request_seconds_count {count}"
        yield "# TYPE art_received_bytes_total counter"
        yield f"art_received_bytes_total {self._received[name]}"
        yield "# TYPE art_sent_bytes_total counter"
        yield f"art_sent_bytes_total {self._sent[name]}"
