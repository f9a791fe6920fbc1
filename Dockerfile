# The workers' image: everything but the embedded stack. Not root; no compiler.
FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /home/auditspine auditspine \
 && install -d -o auditspine -g auditspine -m 0700 /data /trust /state /processor-keys/drift /processor-keys/alerts /processor-keys/release /processor-keys/notify
WORKDIR /opt/auditspine
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
USER auditspine
ENV AUDITSPINE_DATA_DIR=/data
VOLUME /data
ENTRYPOINT ["auditspine"]
CMD ["--help"]
