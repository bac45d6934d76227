#!/usr/bin/env bash
# What some tests need of Debian's packages: SLURM for a cluster of one machine, btrfs for a quota,
# Chromium and its driver for the report. Does nothing if they are there.
set -euo pipefail
for tool in slurmctld slurmd sbatch munged mkfs.btrfs chromium chromedriver; do
  command -v "$tool" > /dev/null || missing=1
done
[ -n "${missing:-}" ] || exit 0
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then # the packages must not start daemons of their own
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends \
  slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge btrfs-progs chromium chromium-driver \
  > /dev/null
