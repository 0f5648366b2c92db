# One image, several commands; docker-compose.yml says which process runs what.
FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 ANNUNCIATOR_DATA=/data ANNUNCIATOR_DEMO=0
WORKDIR /app
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY . .
RUN useradd --create-home annunciator && mkdir /data && chown annunciator /data
USER annunciator
EXPOSE 8000 8001
CMD ["granian", "--interface", "asgi", "--no-ws", "--http", "1", "--host", "0.0.0.0", "--port", \
     "8000", "--backpressure", "1024", "--http1-header-read-timeout", "10000", "config.asgi:app"]
