"""What user code imports; ``perdure`` re-exports every name listed here.

Actors live here whole: gates, mailbox, commit, alarm, sockets as objects. May know: one
actor's storage, futures of asyncio. May not know: networks, processes, configuration.
To read: this file, then ``gates``, ``execution``, ``actor``, ``commit``.
"""

from ..storage.errors import (
    ArchiveDamaged,
    CommitTooLarge,
    ConstraintsViolatedAtCommit,
    DatabaseFailed,
    HistoryUnavailable,
    InternalError,
    InvalidArgument,
    InvalidBookmark,
    LimitExceeded,
    OwnershipLost,
    PerdureError,
    SpaceLow,
    SqlError,
    StorageBroken,
    StorageError,
    UsageError,
    ValueCorrupt,
    ValueNotSerializable,
)
from .abort_signal import AbortSignal
from .alarm import AlarmInfo
from .auto_response import WebSocketRequestResponsePair
from .base import DurableObject, WorkerEntrypoint
from .blob import Blob
from .durable_storage import DurableStorage, Transaction
from .errors import (
    ActorAborted,
    ActorError,
    ActorOverloaded,
    ActorQuarantined,
    ActorReset,
    GateDeadlock,
    InvalidClose,
    InvalidEventTimeout,
    NoSuchMethod,
    NotInHandler,
    RemoteError,
    ReservedMethod,
    SocketLimitExceeded,
    SocketStateError,
    StorageAccess,
    StubDisposed,
    TransactionClosed,
    WrongThread,
)
from .fetch import fetch
from .form import File
from .headers import Headers
from .http import Request, Response
from .http_errors import (
    BodyAlreadyUsed,
    BodyTooLate,
    FetchAborted,
    ImmutableHeaders,
    InvalidBody,
    InvalidHeader,
    InvalidInit,
    InvalidJson,
    InvalidStatus,
    InvalidUrl,
    UnfitAnswer,
)
from .ids import DurableObjectId, InvalidActorId
from .namespace import DurableObjectNamespace
from .promise import RemoteMember, RpcPromise
from .rpc_stub import RpcStub
from .rpc_target import RpcTarget
from .service_stub import ServiceStub
from .sessions import Sessions
from .socket_events import CloseEvent, ErrorEvent, MessageEvent, OpenEvent
from .socket_pair import WebSocketPair
from .socket_upgrade import WebSocketUpgrade, upgrade_websocket
from .state import DurableObjectState, ExecutionContext
from .stub import DurableObjectStub
from .websocket import WebSocket
from .writable_stream import WritableStream

__all__ = [
    "AbortSignal",
    "ActorAborted",
    "ActorError",
    "ActorOverloaded",
    "ActorQuarantined",
    "ActorReset",
    "AlarmInfo",
    "ArchiveDamaged",
    "Blob",
    "BodyAlreadyUsed",
    "BodyTooLate",
    "CloseEvent",
    "CommitTooLarge",
    "ConstraintsViolatedAtCommit",
    "DatabaseFailed",
    "DurableObject",
    "DurableObjectId",
    "DurableObjectNamespace",
    "DurableObjectState",
    "DurableObjectStub",
    "DurableStorage",
    "ErrorEvent",
    "ExecutionContext",
    "FetchAborted",
    "File",
    "GateDeadlock",
    "Headers",
    "HistoryUnavailable",
    "ImmutableHeaders",
    "InternalError",
    "InvalidActorId",
    "InvalidArgument",
    "InvalidBody",
    "InvalidBookmark",
    "InvalidClose",
    "InvalidEventTimeout",
    "InvalidHeader",
    "InvalidInit",
    "InvalidJson",
    "InvalidStatus",
    "InvalidUrl",
    "LimitExceeded",
    "MessageEvent",
    "NoSuchMethod",
    "NotInHandler",
    "OpenEvent",
    "OwnershipLost",
    "PerdureError",
    "RemoteError",
    "RemoteMember",
    "Request",
    "ReservedMethod",
    "Response",
    "RpcPromise",
    "RpcStub",
    "RpcTarget",
    "ServiceStub",
    "Sessions",
    "SocketLimitExceeded",
    "SocketStateError",
    "SpaceLow",
    "SqlError",
    "StorageAccess",
    "StorageBroken",
    "StorageError",
    "StubDisposed",
    "Transaction",
    "TransactionClosed",
    "UnfitAnswer",
    "UsageError",
    "ValueCorrupt",
    "ValueNotSerializable",
    "WebSocket",
    "WebSocketPair",
    "WebSocketRequestResponsePair",
    "WebSocketUpgrade",
    "WorkerEntrypoint",
    "WritableStream",
    "WrongThread",
    "fetch",
    "upgrade_websocket",
]
