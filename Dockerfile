# Serves a model: docker build -t darkroom . && docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/artifacts:/model:ro" darkroom
# Its steps were run in a chroot of Debian 12, and not by Docker; see docs/serve.md.
FROM python:3.11-slim
WORKDIR /app
COPY requirements.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir uv \
    && uv pip install --system --no-cache --require-hashes --compile-bytecode -r requirements.lock
COPY dataprep dataprep
COPY models models
COPY pipelines pipelines
COPY recipes recipes
COPY dvc.yaml ./
RUN uv pip install --system --no-cache --no-deps --no-build-isolation . \
    && useradd --system --no-create-home --shell /usr/sbin/nologin darkroom \
    && rm -rf /app
ENV MPLCONFIGDIR=/tmp/matplotlib
USER darkroom
WORKDIR /model
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
ENTRYPOINT ["darkroom", "serve-model", "--model", "/model/model.keras", "--host", "0.0.0.0"]
