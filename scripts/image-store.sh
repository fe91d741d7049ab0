# shellcheck shell=bash
# For the scripts that build from the Dockerfile; they source this. Needs root, and the packages buildah, mmdebstrap and
# util-linux; for another processor than this machine's, qemu-user-static too.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-retina

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# make_base ARCH FILE CODENAME LOG: a Debian as small as the one of the Dockerfile's first line, of this machine's release
make_base() {
  local codename=$3 options=() kept='/usr/share/doc/*/copyright'
  # shellcheck disable=SC2016
  apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Identifier: Packages' |
    awk -v codename="$codename" '$3 ~ "^" codename "(-updates|-security)?$"' | sort -u >"$2.sources"
  [[ -s $2.sources ]] || die "apt has no lists of $codename: run apt-get update"
  # Licences stay, as the packages' authors want; what else dpkg keeps out here, it keeps out of later packages too.
  for path in doc man locale info; do options+=("--dpkgopt=path-exclude=/usr/share/$path/*"); done
  [[ $1 == "$(dpkg --print-architecture)" ]] || options+=(--skip=check/qemu)
  scripts/emulated "$1" unshare --mount mmdebstrap --mode=root --variant=minbase --architectures="$1" "${options[@]}" \
    --dpkgopt="path-include=$kept" "$codename" "$2" - <"$2.sources" >"$4" 2>&1 9>&- || die "mmdebstrap failed, see $4"
  rm "$2.sources"
}

# open_store ARCH: takes the lock that keeps others out until this script ends, and sets `buildah`, a command whose store
# has the image that the Dockerfile begins with. The store stays in the cache: what a build has in common with the one
# before is not done again.
open_store() {
  local arch=$1 codename from recipe store start=$SECONDS container
  # shellcheck source=/dev/null
  codename=$(source /etc/os-release && echo "$VERSION_CODENAME")
  from=$(sed -n 's/^FROM //p' Dockerfile)
  recipe=$(cat scripts/image-store.sh - <<<"$codename $from" | sha256sum | cut -c1-12)
  store=$cache/store-$codename-$arch-$recipe
  # vfs: it needs nothing of the kernel.
  buildah=(buildah --root "$store/images" --runroot "$store/run" --storage-driver vfs)

  [[ $EUID == 0 ]] || die "building the image needs root"
  mkdir -p "$cache"
  exec 9>"$cache/store-$arch.lock"
  flock 9
  # Containers are left by a build that was killed. A store that does not open is made anew.
  if [[ ! -e $store/.ready ]] || ! "${buildah[@]}" rm --all >/dev/null 2>&1; then
    echo "image: Debian $codename for $arch" >&2
    rm -rf --one-file-system "$cache/store-$codename-$arch"-*
    mkdir -p "$store"
    make_base "$arch" "$store/base.tar" "$codename" "$cache/debian-$arch.log"
    container=$("${buildah[@]}" from scratch)
    "${buildah[@]}" add -q "$container" "$store/base.tar" / >/dev/null
    "${buildah[@]}" config --os linux --arch "$arch" --cmd bash "$container"
    "${buildah[@]}" commit -q --rm "$container" "$from" >/dev/null
    rm "$store/base.tar"
    touch "$store/.ready"
    echo "image: Debian $codename for $arch in $((SECONDS - start)) s" >&2
  fi
}

# build ARCH TAG DOCKERFILE: builds from a Dockerfile in the store
build() {
  local log=$cache/buildah-$1.log
  scripts/emulated "$1" "${buildah[@]}" bud --layers --isolation chroot --pull-never --platform "linux/$1" -t "$2" -f "$3" . \
    >"$log" 2>&1 </dev/null 9>&- || die "buildah failed, see $log: $(tail -n 3 "$log")"
}
