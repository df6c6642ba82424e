# Process 1 of a machine, from power-on. LAB_ROOT: its file system; LAB_NAME: its host name; LAB_SERVICES: the daemons
# that it starts, by way of LAB_AS; LAB_SHOW: shell lines that mount what it sees of the host; LAB_READ_ONLY: set
# if its root can't be written.
set -eu
umask 022
cd "$LAB_ROOT"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
# A /dev of its own: the host's I2C bus, USB and shared memory are not seen in here.
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm
for name in null zero full random urandom tty; do
  : > "dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
# A boot id of its own, another one each time: else a reboot could not be told from a cable that was out.
cat /proc/sys/kernel/random/uuid > run/boot_id
chmod 444 run/boot_id
mount --bind run/boot_id proc/sys/kernel/random/boot_id
rm run/boot_id
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
eval "$LAB_SHOW"
pivot_root . .
umount -l .
cd /
echo "$LAB_NAME" > /proc/sys/kernel/hostname
mkdir -p /run/sshd /run/lock /run/avahi-daemon /run/user/1000
chown avahi:avahi /run/avahi-daemon
chown 1000:1000 /run/user/1000
chmod 0700 /run/user/1000

[ -z "$LAB_READ_ONLY" ] || mount -t tmpfs -o mode=755 log /var/log # sshd opens its log for each who comes

echo cabled? # the network interfaces are put in from outside; then a line comes back
read -r _answer

for service in $LAB_SERVICES; do
  case $service in
    sshd) $LAB_AS /usr/sbin/sshd -E /var/log/sshd.log </dev/null >/dev/null 2>&1 ;;
    avahi) $LAB_AS avahi-daemon --daemonize --no-chroot --no-rlimits </dev/null >/var/log/avahi.log 2>&1 ;;
  esac
done
[ -z "$LAB_READ_ONLY" ] || mount -o remount,bind,ro /
echo booted
exec env --ignore-signal=CHLD sleep infinity
