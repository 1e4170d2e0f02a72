#!/usr/bin/env bash
# CPythons that this Debian does not have yet, beside its own: newer_pythons.sh FOLDER VERSION...
#
# The packages of Debian's unstable are downloaded from the mirror that this machine uses, with lists and state of their
# own, and unpacked below FOLDER: nothing of the system changes. Each interpreter, FOLDER/usr/bin/pythonVERSION, is then
# told to use the libraries that were unpacked with it.
set -euo pipefail
folder=$(realpath --canonicalize-missing "$1")
shift
apt=$folder/apt

own=(-o "Dir::State=$apt" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourcelist=$apt/sources.list"
    -o Dir::Etc::sourceparts=- -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o APT::Sandbox::User=
    -o APT::Install-Recommends=false)
mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial
: >"$apt/status" # nothing is installed: all that an interpreter needs is downloaded
mirror=$(find /etc/apt \( -name debian.sources -o -name sources.list \) \
    -exec sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +([^ ]+).*/\3/p' {} + | head -n 1)
. /etc/os-release
printf "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror %s main\n" sid "$VERSION_CODENAME" \
    >"$apt/sources.list"

packages=()
for version; do packages+=("python$version-venv"); done
apt-get -qq "${own[@]}" update
apt-get -qq "${own[@]}" install --download-only --yes "${packages[@]}"
for archive in "$apt"/cache/archives/*.deb; do dpkg --extract "$archive" "$folder"; done

# this release's patchelf runs as it is, and unstable's breaks interpreters
(cd "$apt" && apt-get -qq "${own[@]}" download "patchelf/$VERSION_CODENAME" && dpkg --extract patchelf_*.deb patchelf)
loader=$(find "$folder/usr/lib" -name 'ld-linux*.so.*' | head -n 1)
libraries=$(dirname "$loader")
for version; do
    python=$folder/usr/bin/python$version
    "$apt/patchelf/usr/bin/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$python"
    "$python" -m compileall -qq "$folder/usr/lib/python$version" || true # some files are wrong on purpose
done
rm -r "$apt"
