#!/usr/bin/env bash
# Chromium and its driver from Debian's packages, for the tests of the report in a real browser.
# Does nothing if they are there.
set -euo pipefail
for tool in chromium chromedriver; do
  command -v "$tool" > /dev/null || missing=1
done
[ -n "${missing:-}" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium chromium-driver > /dev/null
