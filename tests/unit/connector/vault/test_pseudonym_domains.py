"""Pseudonym domains: stable inside, unlinkable outside, and gone for good once a person's secret is destroyed."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.vault import FileVault, MemorySealedStore, SealBrokenError


@pytest.fixture
def vault(tmp_path):
    return FileVault.create(tmp_path / "vault")


@pytest.fixture
def store():
    return MemorySealedStore()


def replacements(coder):
    return coder.code, coder.days, coder.id("Observation", "1")


def test_one_person_is_the_same_throughout_one_domain(tmp_path, vault, store):
    first = vault.domain("agreement-1", store).person("p1")
    again = FileVault(tmp_path / "vault").domain("agreement-1", store).person("p1")
    assert replacements(first) == replacements(again)


def test_many_people_are_coded_like_each_alone(vault, store):
    domain = vault.domain("agreement-1", store)
    alone = domain.person("p1")
    people = domain.people(["p1", "p2", "p3", "p2"])
    assert list(people) == ["p1", "p2", "p3"]
    assert people["p1"].code == alone.code
    assert people["p3"].code == domain.person("p3").code
    assert len({coder.code for coder in people.values()}) == 3
    assert domain.people([]) == {}


def test_two_domains_share_nothing_about_a_person(vault, store):
    one, other = (vault.domain(name, store).person("p1") for name in ("agreement-1", "agreement-2"))
    assert one.code != other.code
    assert one.id("Observation", "1") != other.id("Observation", "1")


def test_two_domains_stay_apart_even_with_the_same_secret(vault):
    # Were a person's secret ever shared between two domains, the keys of the domains still keep them apart.
    stores = MemorySealedStore(), MemorySealedStore()
    domains = [vault.domain(name, store) for name, store in zip(("a", "b"), stores, strict=True)]
    name = domains[0].secret_name("p1")
    secret = domains[0]._sealer.open(name, domains[0]._store.put({name: domains[0]._fresh(name)})[name])
    other = domains[1].secret_name("p1")
    stores[1].put({other: domains[1]._sealer.seal(other, secret)})
    assert domains[0].person("p1").code != domains[1].person("p1").code


def test_two_vaults_share_nothing_about_a_person(tmp_path, vault):
    other = FileVault.create(tmp_path / "other")
    codes = {v.domain("agreement-1", MemorySealedStore()).person("p1").code for v in (vault, other)}
    assert len(codes) == 2


def test_destroying_a_secret_makes_the_old_code_impossible(vault, store):
    domain = vault.domain("agreement-1", store)
    old, neighbour = domain.person("p1"), domain.person("p2")
    assert domain.destroy("p1")
    assert domain.known("p1") is None
    assert not domain.destroy("p1")
    new = domain.person("p1")
    assert new.code != old.code
    assert new.id("Observation", "1") != old.id("Observation", "1")
    assert domain.person("p2").code == neighbour.code


def test_destruction_in_one_domain_leaves_the_others(vault, store):
    one, other = vault.domain("agreement-1", store), vault.domain("agreement-2", store)
    kept = other.person("p1")
    one.person("p1")
    one.destroy("p1")
    assert other.known("p1").code == kept.code


def test_a_store_can_destroy_a_secret_by_its_name(vault, store):
    # As a withdrawal does it: the row goes in the transaction that commits the withdrawal.
    domain = vault.domain("agreement-1", store)
    old = domain.person("p1")
    assert store.delete([domain.secret_name("p1")]) == 1
    assert domain.person("p1").code != old.code


def test_asking_whether_a_person_is_known_makes_no_secret(vault, store):
    domain = vault.domain("agreement-1", store)
    assert domain.known("p1") is None
    assert store.get([domain.secret_name("p1")]) == {}
    assert domain.person("p1").code == domain.known("p1").code


def test_releases_at_once_agree_on_a_persons_code(vault, store):
    with ThreadPoolExecutor(8) as pool:
        codes = set(pool.map(lambda _: vault.domain("agreement-1", store).person("p1").code, range(40)))
    assert len(codes) == 1


def test_names_of_secrets_say_nothing_and_differ_by_domain(vault, store):
    one, other = vault.domain("agreement-1", store), vault.domain("agreement-2", store)
    names = {domain.secret_name(person) for domain in (one, other) for person in ("anna", "ben")}
    assert len(names) == 4
    assert not any("anna" in name or "agreement" in name for name in names)


def test_a_secret_moved_to_another_person_does_not_open(vault, store):
    domain = vault.domain("agreement-1", store)
    domain.person("p1")
    store.put({domain.secret_name("p2"): store.get([domain.secret_name("p1")])[domain.secret_name("p1")]})
    with pytest.raises(SealBrokenError):
        domain.person("p2")


def test_what_belongs_to_nobody_is_the_same_for_everybody(vault, store):
    domain = vault.domain("agreement-1", store)
    shared = domain.shared().id("Organization", "1")
    domain.person("p1")
    domain.destroy("p1")
    assert vault.domain("agreement-1", store).shared().id("Organization", "1") == shared
    assert vault.domain("agreement-2", store).shared().id("Organization", "1") != shared
    assert domain.person("p1").id("Organization", "1") != shared


def test_what_travels_to_a_worker_holds_neither_master_nor_secret(tmp_path, vault, store):
    domain = vault.domain("agreement-1", store)
    travelling = pickle.dumps(domain.people(["p1", "p2"]))
    name = domain.secret_name("p1")
    secret = domain._sealer.open(name, store.get([name])[name]).reveal()
    assert secret not in travelling
    assert (tmp_path / "vault/master.secret").read_bytes() not in travelling
    assert domain._domain_key.reveal() not in travelling


@pytest.mark.parametrize("pick", [lambda v, s: v, lambda v, s: v.keys, lambda v, s: v.domain("a", s)])
def test_the_vault_itself_does_not_travel(vault, store, pick):
    with pytest.raises(TypeError, match="stays in the process"):
        pickle.dumps(pick(vault, store))
