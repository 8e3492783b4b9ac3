#!/bin/sh
# Furnishes a node from inside its namespaces: node.sh NUMBER FOLDER_OF_THE_NODE HOSTS_FILE
# File systems are shared as on a cluster; /run, /dev/shm, slurmd's spool and the energy counters are the node's own.
set -eu
number=$1 folder=$2 hosts=$3

hostname "node$number"
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mount --bind "$hosts" /etc/hosts
mkdir -p /var/spool/slurmd
mount --bind "$folder/spool" /var/spool/slurmd

# Slurm reads /sys/cray/pm_counters. /sys cannot be extended, so a copy of it that has the counters too takes its place.
mkdir /run/sys
mount -t tmpfs -o mode=755 tmpfs /run/sys
for entry in /sys/*; do
    mkdir "/run/sys/${entry##*/}"
    mount --rbind "$entry" "/run/sys/${entry##*/}"
done
mkdir -p /run/sys/cray/pm_counters
mount --bind "$folder/pm_counters" /run/sys/cray/pm_counters
mount --move /run/sys /sys
