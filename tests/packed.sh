#!/usr/bin/env bash
# The packed tarball as a stranger would use it: installed in an empty directory, nothing else there.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
tarball=$(ls "$root"/dist/ioasis-*.tgz | tail -n 1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME="$work/home" IOASIS_ROOT=
mkdir "$HOME"
npm init -y >/dev/null
npm install --no-audit --no-fund "$tarball"
npx --no-install ioasis --help | grep -q 'Flight recorder'
npx --no-install ioasis demo
recording=node_modules/ioasis/dist/demo/boot.trace.txt.gz
npx --no-install ioasis import "$recording"
npx --no-install ioasis verify
npx --no-install ioasis who 0xfff000 --json | grep -q '"mapped":true'
