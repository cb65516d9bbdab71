"""Every setting of Ecorse, in one frozen object.

What belongs here: settings and where they come from (environment, prefix ``ECORSE_``, and the
project's ``.env``). What does not: anything that opens a file or a connection; which folder the
project is (``layers``). Each setting stands in ``.env.example``; a test holds the two together.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ecorse.layers import MARKER, SHIPPED_DIR, default_project, layered, stacked

PROJECT_DIR = SHIPPED_DIR  # what ships with this code is a project too: in a checkout, its root

EVERY_NIGHT = "0 2 * * *"


class Settings(BaseSettings):
    """The settings of one process; read once, never changed."""

    model_config = SettingsConfigDict(env_prefix="ECORSE_", extra="ignore", frozen=True)

    project_dir: Path = Field(
        default_factory=default_project,
        description="The project: the folder with include/shops.toml, and with dags/ and plugins/.",
    )
    home: Path = Field(
        Path("var"),
        validate_default=True,
        description="Where everything lives that Ecorse writes outside the database: embedded "
        "Postgres, Airflow's home, raw files, model files, generated passwords, reports.",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="Warehouse URL of the role ecorse_etl, as "
        "postgresql+psycopg://user:password@host:port/database. Empty means the embedded Postgres.",
    )
    bi_reader_password: SecretStr = Field(
        SecretStr(""),
        description="Password of bi_reader, when ECORSE_DATABASE_URL names a server of your own.",
    )
    app_reader_password: SecretStr = Field(
        SecretStr(""),
        description="Password of app_reader, when ECORSE_DATABASE_URL names a server of your own.",
    )
    admin_url: SecretStr = Field(
        SecretStr(""),
        description="Superuser's URL of a server of your own; read by `ecorse db init` only.",
    )
    airflow_password: SecretStr = Field(
        SecretStr(""),
        description="Password of Airflow's role on that server; read by `ecorse db init` only.",
    )
    postgres_port: int = Field(
        0,
        description="Port of the embedded Postgres on 127.0.0.1; 0 picks and keeps a free one.",
    )
    airflow_port: int = Field(8080, description="Port of the Airflow UI and API on 127.0.0.1.")
    api_port: int = Field(8090, ge=1, le=65535, description="Port of the REST API.")
    api_host: str = Field(
        "127.0.0.1", description="Address that the REST API listens on; 0.0.0.0 is every one."
    )
    api_connections: int = Field(
        8, ge=1, description="Connections to the warehouse of each process of the REST API."
    )
    api_rate: float = Field(
        100, gt=0, description="Requests per second that a key of the REST API may make for long."
    )
    api_burst: int = Field(200, ge=1, description="Requests that a key may make at once.")
    api_origins: str = Field(
        "",
        description="Web pages that may ask the REST API from a browser (CORS): their origins, "
        "such as https://shop.example, parted by blanks. Empty: none.",
    )
    shops_file: Path = Field(
        MARKER,
        validate_default=True,
        description="Which shops there are, and where each gets its files from.",
    )
    keep_builds: int = Field(
        14, ge=2, description="How many published nights are kept for rollback."
    )
    reject_limit_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="A file of whose rows a larger share is rejected is refused whole, if they "
        "are more than ECORSE_REJECT_LIMIT_ROWS too.",
    )
    reject_limit_rows: int = Field(
        10,
        ge=0,
        description="So many rejected rows never refuse a file, however small it is.",
    )
    origin: str = Field(
        "",
        description="The origin that files come from instead of what the shops file says: folder, "
        "http, kaggle, object_storage, simulate or your own. `make run ORIGIN=...` sets it, so "
        "that every night reads the same place.",
    )
    data: str = Field(
        "",
        description="What the origin is to read, with ECORSE_ORIGIN: a folder or file, an address, "
        "Kaggle's owner/name. `make run DATA=...` sets it.",
    )
    max_shrink_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A shop that lost a larger share of its lines is held back as it was "
        "published; the others go on. `ecorse refresh --accept SHOP` lets it in.",
    )
    max_record_bytes: int = Field(
        1 << 20, ge=1024, description="A record longer than this is rejected, never held in memory."
    )
    memory_limit: int = Field(
        0,
        ge=0,
        description="MiB of memory that a model may take while it is fitted and makes its lists: a "
        "recommender that would need more is made smaller as its file says, or refused before it "
        "begins. 0: what the process, its container or the machine has.",
    )
    reader_memory_mb: int = Field(
        1024,
        ge=128,
        description="MiB of memory (address space) for the process that reads a workbook, Parquet, "
        "JSON, YAML, packed file or archive. A file that takes more is refused.",
    )
    reader_cpu_seconds: int = Field(
        600, ge=1, description="CPU seconds that such a process may take for one file."
    )
    reader_wait_seconds: int = Field(
        1800, ge=1, description="Seconds that such a process may be silent."
    )
    reader_output_mb: int = Field(
        64 << 10, ge=1, description="MiB of text that it may make of one file."
    )
    reader_rows: int = Field(
        200_000_000, ge=1, description="Rows (line breaks) that it may make of one file."
    )
    reader_ratio: int = Field(
        100, ge=1, description="How many times a packed file may grow, beyond its first 16 MiB."
    )
    copy_streams: int = Field(2, ge=1, le=16, description="Parallel COPY streams per loaded file.")
    lease_seconds: int = Field(
        300, ge=5, description="After this silence another refresh may take over a build."
    )
    step_minutes: int = Field(
        180,
        ge=1,
        description="A mart, check or model that takes longer is ended, and with it the night.",
    )
    areas_at_once: int = Field(
        2,
        ge=1,
        le=32,
        description="How many areas of marts and models a refresh makes at once, on the command "
        "line and in Airflow. Each takes memory of its own.",
    )
    schedule: str = Field(
        EVERY_NIGHT,
        description="When the nightly ingest starts: cron, told in ECORSE_SCHEDULE_ZONE. Empty: "
        "never by itself.",
    )
    schedule_zone: str = Field(
        "UTC",
        description="The time zone of ECORSE_SCHEDULE, so that a night keeps its hour when the "
        "clocks change: an IANA name such as Europe/Berlin.",
    )
    kaggle_handle: str = Field(
        "naofilahmad/sales-datset-product-sample",
        description="Kaggle data set owner/name, with /versions/N to pin one.",
    )
    git_sha: str = Field("", description="Commit of the code, where there is no git (an image).")
    log_level: str = Field("INFO", description="Level of Ecorse's log lines.")
    failpoint: str = Field(
        "", description="Tests only: the named point at which the process kills itself."
    )

    @field_validator("project_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.absolute()

    @field_validator("home", "shops_file", mode="before")
    @classmethod
    def _is_named(cls, path: Any) -> Any:
        """An empty path would be the project's folder itself, without a word."""
        if isinstance(path, str) and not path.strip():
            raise ValueError("expected a path; leave the variable out for the default")
        return path

    @field_validator("home", "shops_file")
    @classmethod
    def _from_project(cls, path: Path, info: ValidationInfo) -> Path:
        """A relative path starts at the project, wherever a command is started."""
        project: Path = info.data["project_dir"]
        return project / path

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, schedule: str) -> str:
        """What Airflow would take, and that comes at some time: 30 February never does."""
        schedule = schedule.strip()
        if schedule in ("", EVERY_NIGHT):  # each command would import croniter for it
            return schedule
        from croniter import croniter
        from croniter.croniter import CroniterError

        try:
            fields = len(croniter.expand(schedule)[0])
            croniter(schedule).get_next()
        except (CroniterError, ValueError):
            fields = 0
        if fields != 5:
            raise ValueError(
                "expected a cron expression of five fields (minute, hour, day of the month, "
                "month, day of the week), such as '0 2 * * *' for every night at two"
            )
        return schedule

    @field_validator("schedule_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("expected an IANA zone such as 'Europe/Berlin'") from None
        return name

    def files(self, pattern: str) -> list[Path]:
        """List files of ``include``, the project's over the shipped ones, sorted by name.

        ``pattern`` is a glob from ``include`` on, e.g. ``sql/marts/**/*.sql``.
        """
        return layered(self.project_dir, f"include/{pattern}")

    def stack(self, file: str) -> list[Path]:
        """List one file of ``include`` in both layers, the shipped one first, to be merged."""
        return stacked(self.project_dir, f"include/{file}")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Read the settings once per process: environment, then the project's ``.env``.

    Raises
    ------
    ecorse.errors.ConfigError
        A setting has a value it cannot have; the message names the variable.
    """
    import os

    from pydantic import ValidationError

    from ecorse.errors import ConfigError

    if os.environ.get("ECORSE_DATA_PATH"):
        raise ConfigError("ECORSE_DATA_PATH is called ECORSE_DATA now; rename it (.env.example).")
    project = default_project()
    try:
        return Settings(_env_file=project / ".env", project_dir=project)
    except ValidationError as error:
        problems = "; ".join(map(_mistake, error.errors()))
        raise ConfigError(f"Settings are wrong: {problems}. See .env.example.") from None


def _mistake(error: Any) -> str:
    """One wrong setting: its variable, its value unless it is a secret, what was expected."""
    name = str(error["loc"][0])
    field = Settings.model_fields.get(name)
    is_secret = field is None or field.annotation is SecretStr
    value = "" if is_secret else f" = {str(error['input'])!r}"
    return f"ECORSE_{name.upper()}{value}: {error['msg'].removeprefix('Value error, ')}"
