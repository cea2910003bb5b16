#!/bin/busybox sh
# First process of every virtual machine: loads what the kernel lacks for its
# disk, then either goes on as the whole system or hands over to the disk's own.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1

for module in /modules/*.ko; do
  [ -e "$module" ] && insmod "$module"
done
tries=0
until [ -b /dev/vda ]; do
  tries=$((tries + 1))
  [ $tries -gt 200 ] && echo "unstall: no disk: this kernel needs other modules than it got" && exec sleep 1000000
  usleep 50000
done

option() { # NAME: its value on the kernel's command line
  sed -n "s/.*\<unstall\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

if [ "$(option system)" = disk ]; then
  mkdir /disk
  mount -t ext4 /dev/vda /disk
  if [ ! -e /disk/etc/unstall-files ]; then
    cp -a /files/. /disk/
    sync
    touch /disk/etc/unstall-files
    sync
  fi
  # What init mounted itself is mounted anew there.
  umount /proc /sys
  mount --move /dev /disk/dev
  exec switch_root /disk /usr/lib/systemd/systemd
fi

mkdir -p /data /run /tmp
mount -t tmpfs run /run
mount -t ext4 /dev/vda /data
case "$(option cgroup)" in
  v1)
    mount -t tmpfs cgroup /sys/fs/cgroup
    for controller in memory cpu pids; do
      mkdir /sys/fs/cgroup/$controller
      mount -t cgroup -o $controller $controller /sys/fs/cgroup/$controller
    done
    ;;
  *)
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    echo '+memory +cpu +pids' >/sys/fs/cgroup/cgroup.subtree_control
    ;;
esac
cp -a /files/. /
while :; do
  sh /usr/local/lib/unstall-agent
  sleep 1
done
