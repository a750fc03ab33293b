from perdure.actors.packing import pack
from perdure.actors.rpc_stub import unpack
from perdure.runtime.sandbox.api.exposed_port import ExposedPort


def test_it_crosses_calls_as_itself() -> None:
    url = "http://8080-one-token.localhost:8787"
    exposed = ExposedPort(url=url, exposed_at=url, port=8080, name="web")
    assert unpack(pack(exposed, "it", None), None) == exposed
    assert exposed.status == "active"
