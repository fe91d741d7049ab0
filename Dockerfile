# The image that captures on the nodes, for amd64 and arm64: `docker buildx build --platform linux/amd64,linux/arm64 .`
# after `node scripts/build.ts linux-x64 linux-arm64`. `make image` builds it without Docker. Only what a capture calls is
# in it, and what the program is linked with (libatomic1, libstdc++6); netbase names the ports of services in what tcpdump
# and ss print. What changes most often comes last.
FROM debian:12-slim
ARG TARGETARCH
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      iproute2 iptables libatomic1 libstdc++6 netbase tcpdump \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/*
COPY dist/papers-linux-${TARGETARCH} /usr/share/doc/kubectl-retina
COPY dist/kubectl-retina-linux-${TARGETARCH} /usr/local/bin/kubectl-retina
ENTRYPOINT ["/usr/local/bin/kubectl-retina"]
