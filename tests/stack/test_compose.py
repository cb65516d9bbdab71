"""Dockerfile, docker-compose.yaml and .env.example: held together, and nothing open or secret."""

from __future__ import annotations

import re

import pytest
import yaml

from ecorse.settings import PROJECT_DIR, Settings

COMPOSE_TEXT = (PROJECT_DIR / "docker-compose.yaml").read_text("utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
DOCKERFILE = (PROJECT_DIR / "Dockerfile").read_text("utf-8")
ENV_EXAMPLE = PROJECT_DIR / ".env.example"
COMPONENTS = {"api-server", "scheduler", "dag-processor", "triggerer", "rest-api"}


def documented() -> dict[str, str]:
    """Each variable of .env.example and its value, also of the lines that show a default."""
    lines = re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", ENV_EXAMPLE.read_text("utf-8"), re.M)
    return dict(lines)


def required() -> set[str]:
    """The variables without which compose refuses to start."""
    return set(re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT))


def test_env_example_names_every_setting_and_nothing_else():
    for_compose = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    settings = {f"ECORSE_{name.upper()}" for name in Settings.model_fields}
    assert set(documented()) == settings | for_compose


def test_env_example_shows_the_defaults(tmp_path, monkeypatch):
    for name in documented():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(PROJECT_DIR)
    shown = tmp_path / "env"
    shown.write_text("\n".join(f"{name}={value}" for name, value in documented().items()))
    with_shown, without = Settings(_env_file=shown), Settings(_env_file=None)
    for name in Settings.model_fields:
        left, right = getattr(with_shown, name), getattr(without, name)
        if hasattr(right, "resolve"):
            left, right = left.resolve(), right.resolve()
        assert left == right, name


def test_a_copied_env_example_changes_nothing(monkeypatch):
    for name in documented():
        monkeypatch.delenv(name, raising=False)
    assert Settings(_env_file=ENV_EXAMPLE) == Settings(_env_file=None)


def test_secrets_have_no_value_in_env_example():
    secret = {n for n in documented() if re.search(r"PASSWORD|SECRET|KEY$", n)}
    assert secret, "the pattern finds the secrets"
    assert {name: documented()[name] for name in secret} == dict.fromkeys(secret, "")


def test_compose_demands_every_secret_and_holds_none():
    secrets = {n for n in documented() if re.search(r"PASSWORD|SECRET|FERNET_KEY|API_SECRET", n)}
    assert required() == secrets
    for name, value in COMPOSE["x-environment"].items():
        if re.search(r"PASSWORD$|SECRET|_KEY$", name):
            assert re.fullmatch(r"\$\{\w+:\?.*\}", value), name


def test_services_are_those_of_the_design():
    assert set(COMPOSE["services"]) == {"postgres", "init", *COMPONENTS}


def test_only_postgres_and_the_init_job_get_the_superuser_password():
    holders = {n for n, s in COMPOSE["services"].items() if "POSTGRES_PASSWORD" in str(s)}
    assert holders == {"postgres", "init"}


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_ports_are_published_on_loopback_only(name):
    service = COMPOSE["services"][name]
    assert service.get("network_mode") is None
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), port


@pytest.mark.parametrize("name", sorted({"postgres", *COMPONENTS}))
def test_every_standing_service_has_a_health_check_and_comes_back(name):
    service = COMPOSE["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_components_wait_for_postgres_and_the_init_job(name):
    assert COMPOSE["services"][name]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "init": {"condition": "service_completed_successfully"},
    }


def test_postgres_18_keeps_its_volume_where_the_image_expects_it():
    postgres = COMPOSE["services"]["postgres"]
    assert postgres["image"].startswith("postgres:18")
    assert postgres["volumes"] == ["postgres-data:/var/lib/postgresql"]


def test_containers_of_ecorse_have_no_rights_to_lose():
    for name in {"init", *COMPONENTS}:
        service = COMPOSE["services"][name]
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True), name


def test_image_installs_by_hash_and_runs_as_a_user():
    assert "--require-hashes" in DOCKERFILE
    last_stage = DOCKERFILE.split("\nFROM ")[-1]
    assert re.findall(r"^USER (\d+):\d+$", last_stage, re.M) == ["10001"]
    assert re.search(r"^HEALTHCHECK ", last_stage, re.M)


def test_build_context_is_an_allow_list():
    lines = (PROJECT_DIR / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert not allowed & {".env", "var", ".git"}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
    assert {name for line in copied for name in line.split()} <= allowed


def test_compose_hands_on_every_setting_that_a_container_may_need():
    """What is set in .env and not handed on would be ignored without a word."""
    of_the_host = {"PROJECT_DIR", "HOME", "SHOPS_FILE", "POSTGRES_PORT", "AIRFLOW_PORT"}
    of_the_host |= {"API_PORT", "API_HOST"}
    elsewhere = {"ADMIN_URL", "AIRFLOW_PASSWORD", "GIT_SHA", "FAILPOINT"}
    settings = {name.upper() for name in Settings.model_fields} - of_the_host - elsewhere
    assert {f"ECORSE_{name}" for name in settings} <= set(COMPOSE["x-environment"])
