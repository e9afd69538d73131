"""Calls to a daemon over one channel, typed, with its errors as exceptions."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message

from overfit.endpoint import Endpoint
from overfit.errors import VersionMismatch, translated

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

Answers: TypeAlias = Generator[Response, None, None]
"""Messages as they come. The call ends when this is closed."""

# Chosen for long sessions: a notebook that is left alone overnight is still connected, and answers are as large as the
# daemon makes them.
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.client_idle_timeout_ms", (1 << 31) - 1)]


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    """A method of the API."""

    path: str
    """`/overfit.v1.Service/Method`."""
    request: type[Request]
    response: type[Response]


class Connection:
    """One channel to a daemon. Calls may come from any thread."""

    def __init__(self, endpoint: Endpoint, explain: Callable[[], str]) -> None:
        """`explain` tells what became of a daemon that does not answer, if that is known."""
        self.endpoint, self.explain = endpoint, explain
        if endpoint.encrypted:
            trust = grpc.ssl_channel_credentials(endpoint.certificate)
            self._channel = grpc.secure_channel(endpoint.address, trust, options=_OPTIONS)
        else:
            # It is on this computer, to which a proxy has no part in the way, whatever the environment names one for.
            options = [*_OPTIONS, ("grpc.enable_http_proxy", 0)]
            self._channel = grpc.insecure_channel(endpoint.address, options=options)
        self._metadata = [("authorization", f"Bearer {endpoint.token}")]

    def ask(self, method: Method[Request, Response], request: Request, timeout: float | None = None) -> Response:
        """One request, one answer."""
        call = self._call(self._channel.unary_unary, method)
        with _Translated(self):
            answer: Response = call(request, metadata=self._metadata, timeout=timeout)
            return answer

    def send(self, method: Method[Request, Response], requests: Iterable[Request]) -> Response:
        """Many requests, one answer. What goes wrong while the requests are made is raised as it is."""
        call, sent = self._call(self._channel.stream_unary, method), _Sent(requests)
        with _Translated(self, sent):
            answer: Response = call(iter(sent), metadata=self._metadata)
            return answer

    def receive(self, method: Method[Request, Response], request: Request) -> Answers[Response]:
        """One request, many answers."""
        answers = self._call(self._channel.unary_stream, method)(request, metadata=self._metadata)
        return self._answers(answers, None)

    def exchange(self, method: Method[Request, Response], requests: Iterable[Request]) -> Answers[Response]:
        """Many requests, many answers."""
        sent = _Sent(requests)
        answers = self._call(self._channel.stream_stream, method)(iter(sent), metadata=self._metadata)
        return self._answers(answers, sent)

    def close(self) -> None:
        """Lets the channel go."""
        self._channel.close()

    def _answers(self, answers: Any, sent: "_Sent[Any] | None") -> Answers[Any]:
        try:
            with _Translated(self, sent):
                yield from answers
        finally:
            answers.cancel()

    def _call(self, kind: Callable[..., Any], method: Method[Any, Any]) -> Any:
        return kind(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )


class _Sent(Generic[Request]):
    """Requests that gRPC takes from a thread of its own, which would swallow what is raised there."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests = requests
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Request]:
        try:
            yield from self._requests
        except Exception as error:
            self.error = error
            raise


class _Translated:
    """Turns gRPC's errors into ours."""

    def __init__(self, connection: Connection, sent: "_Sent[Any] | None" = None) -> None:
        self._connection, self._sent = connection, sent

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, grpc.RpcError):
            return
        if self._sent is not None and self._sent.error is not None:
            raise self._sent.error from None
        raise translated(error, self._connection.endpoint.address, self._connection.explain) from error


def same_version(daemon: str, package: str, address: str) -> None:
    """Raises `VersionMismatch` unless both have the same first two numbers."""
    if daemon.split(".")[:2] != package.split(".")[:2]:
        raise VersionMismatch(
            f"The daemon at {address} is version {daemon} and this package is version {package}, which do not work "
            "together. Install the same version of both"
        )
