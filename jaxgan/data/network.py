"""A quick check for a network connection."""

import http.client
import queue
import threading
import urllib.error
import urllib.request


def answers(url: str, seconds: float = 2.5) -> bool:
    """Return whether the server of `url` answers within `seconds`, through proxies if configured.

    The downloads of tensorflow-datasets retry for minutes before they give up.
    """
    answer: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=seconds).close()
            answer.put(True)
        except urllib.error.HTTPError as error:
            error.close()
            answer.put(error.code < 500)  # a refusal is an answer, too
        except (OSError, ValueError, http.client.HTTPException):
            answer.put(False)

    # In a thread, because the DNS lookup has no timeout.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        return False
