# The switch: process 1 of the whole lab. Its death, for any reason, is the death of every machine.
# Standard input is a pipe from the process that built the lab: when that one dies, even by SIGKILL, cat reads the
# end of it and ends; the kernel then kills all that is in this PID namespace and those below it.
set -eu
umask 022
mount -t tmpfs -o mode=755 sciabc-lab /mnt
ip link add cluster type bridge forward_delay 0 mcast_snooping 0
ip link add outside type bridge forward_delay 0 mcast_snooping 0
ip address add 203.0.113.1/24 dev outside
ip link set cluster up
ip link set outside up
ip link set lo up
echo switched-on
exec env --ignore-signal=CHLD cat
