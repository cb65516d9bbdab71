# One image for every Ecorse service of docker-compose.yaml. It holds no secret: all come from the
# environment when a container starts. Python 3.11 on Debian 12 is what the tests run on: on 3.12 the
# lock holds a later numpy and scipy, and a model is the same bytes only with the same libraries.
FROM python:3.11-slim-bookworm AS build

ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv

# the lock first: this layer changes only when a dependency does
WORKDIR /opt/ecorse
COPY requirements.lock ./
RUN pip install --require-hashes --only-binary :all: --requirement requirements.lock

# editable, so that the package finds include/ beside it, as in a checkout
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src ./src
RUN pip install --no-deps --no-build-isolation --editable .


FROM python:3.11-slim-bookworm

# docker build --build-arg ECORSE_GIT_SHA="$(git rev-parse HEAD)": an image has no checkout to ask
ARG ECORSE_GIT_SHA=""
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ECORSE_GIT_SHA=$ECORSE_GIT_SHA \
    AIRFLOW_HOME=/opt/ecorse/var/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/ecorse/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/ecorse/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False

# var/ belongs to the user before a volume is mounted there: a new volume takes its owner over
RUN useradd --uid 10001 --user-group --home-dir /opt/ecorse --shell /usr/sbin/nologin ecorse \
    && install --directory --owner ecorse --group ecorse --mode 0700 /opt/ecorse/var

WORKDIR /opt/ecorse
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/ecorse ./
COPY dags ./dags
COPY plugins ./plugins
COPY include ./include

USER 10001:10001

# any Airflow component of this container that beats; the API server has its own in compose
HEALTHCHECK --interval=60s --timeout=30s --start-period=90s --retries=3 \
    CMD ["airflow", "jobs", "check", "--local"]

CMD ["ecorse", "--help"]
