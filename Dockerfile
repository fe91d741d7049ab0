# The image that captures on the nodes. Build it after `make build`; `make image` makes the same without Docker, and
# reads the packages, the file and the entry point from here. netbase names the ports of services.
FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      conntrack ethtool iproute2 iptables libatomic1 libstdc++6 netbase nftables procps tcpdump \
 && rm -rf /var/lib/apt/lists/*
COPY dist/kubectl-retina /usr/local/bin/kubectl-retina
ENTRYPOINT ["/usr/local/bin/kubectl-retina"]
