# One image for every process: `shoprelay worker`, `shoprelay sink NAME`, `shoprelay topics create`, …
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/shoprelay
COPY deploy/runtime.lock deploy/
RUN /opt/shoprelay/bin/pip install --no-cache-dir --disable-pip-version-check -r deploy/runtime.lock
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY sources sources
COPY streams streams
COPY sinks sinks
COPY shoprelay shoprelay
RUN /opt/shoprelay/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/shoprelay --create-home shoprelay
COPY --from=build /opt/shoprelay /opt/shoprelay
ENV PATH=/opt/shoprelay/bin:$PATH PYTHONUNBUFFERED=1 SHOPRELAY_STATE_DIR=/var/lib/shoprelay/state
USER 10001
WORKDIR /var/lib/shoprelay
# Copies of what Kafka holds, for a quick start; a worker that loses them reads them anew. Never share them.
VOLUME /var/lib/shoprelay
ENTRYPOINT ["shoprelay"]
CMD ["--help"]
