from perdure.runtime.shards.supervisor.places import Identity, Place, Role, are_joined


def test_routers_have_links_to_workers_only_and_workers_to_all() -> None:
    assert are_joined(Role.ROUTER, Role.WORKER)
    assert are_joined(Role.WORKER, Role.ROUTER)
    assert are_joined(Role.WORKER, Role.WORKER)
    assert not are_joined(Role.ROUTER, Role.ROUTER)


def test_a_place_and_who_fills_it_are_named_for_people() -> None:
    place = Place(Role.WORKER, "1")
    assert str(place) == "worker 1"
    assert str(Identity(place, 7)) == "worker 1 of generation 7"
