#!/usr/bin/env bash
# make-guest.sh [--variant v2] OUTDIR   prints the path of a small bootable test guest (qcow2, about 26 MB).
# make-guest.sh --packages              prints the Debian packages this script needs.
#
# Built from Debian packages alone, without root, mounts or loop devices: kernel (linux-image-cloud-amd64), BusyBox and
# the QEMU guest agent. The guest boots from BIOS with 80 MiB or more of memory in 2-3 s even without hardware
# virtualisation, asks for an address by DHCP on every adapter, answers on the agent channel, on ttyS0 and on the VGA
# console, serves a page on port 80 and obeys the power button. Variant v2 is the same system one release later: most
# of its blocks are those of the first.
# A finished image is kept until this script changes; runs into one folder wait for each other.
set -euo pipefail

PACKAGES="cpio e2fsprogs fdisk dosfstools mtools syslinux syslinux-common binutils qemu-utils"
PARTS="busybox-static qemu-guest-agent libc6 libglib2.0-0 libpcre2-8-0 libnuma1 libudev1 liburing2"
PATH=$PATH:/usr/sbin:/sbin
BOOT_MB=24
ROOT_MB=48
EPOCH=1700000000 # every file's time, so that the same packages give the same image

fail() { echo "make-guest: $*" >&2; exit 1; }

variant=""
case ${1:-} in
--packages) echo "$PACKAGES"; exit 0 ;;
--variant) variant=${2:?which variant}; shift 2 ;;
esac
[ -z "$variant" ] || [ "$variant" = v2 ] || fail "unknown variant $variant (known: v2)"
[ $# = 1 ] || fail "usage: make-guest.sh [--variant v2] OUTDIR"
script=$(readlink -f "$0")
mkdir -p "$1"
out=$(readlink -f "$1")
image=$out/disk${variant:+-$variant}.qcow2
stamp=$out/.recipe${variant:+-$variant}
recipe=$(sha256sum "$script" | cut -d' ' -f1)

exec 9>"$out/.lock"
flock 9
if [ -f "$image" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$recipe" ]; then echo "$image"; exit 0; fi

missing=""
for pair in cpio:cpio mke2fs:e2fsprogs sfdisk:fdisk mkfs.fat:dosfstools mcopy:mtools syslinux:syslinux strip:binutils \
    qemu-img:qemu-utils; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
mbr=/usr/lib/syslinux/mbr/mbr.bin
[ -f $mbr ] || missing="$missing syslinux-common"
[ -z "$missing" ] || fail "missing packages:$missing (apt-get install$missing)"

work=$(mktemp -d "$out/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

fetch() { # downloads the packages once into $out/.debs and unpacks them into $work/{kernel,system}
    local kernel package
    kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image/{print $2; exit}')
    [ -n "$kernel" ] || fail "apt knows no linux-image-cloud-amd64 (apt-get update)"
    mkdir -p "$out/.debs" "$work/kernel" "$work/system"
    for package in $kernel $PARTS; do
        compgen -G "$out/.debs/${package}_*.deb" >/dev/null ||
            (cd "$out/.debs" && apt-get download -qq "$package" >/dev/null 2>"$work/apt.log") ||
            { cat "$work/apt.log" >&2; fail "could not download $package (apt-get update)"; }
    done
    dpkg-deb -x "$out"/.debs/"$kernel"_*.deb "$work/kernel"
    for package in $PARTS; do dpkg-deb -x "$out"/.debs/"$package"_*.deb "$work/system"; done
    release=$(ls "$work/kernel/lib/modules")
    modules=$work/kernel/lib/modules/$release/kernel
}

declare -A listed
with_dependencies() { # module… -> load order; the packages hold no modules.dep, so each .ko is asked for its own needs
    local name file need
    for name in "$@"; do
        [ -z "${listed[$name]:-}" ] || continue
        listed[$name]=1
        file=$(find "$modules" -name "$name.ko" -o -name "${name//_/-}.ko" | head -1)
        [ -n "$file" ] || continue # built in
        for need in $(tr '\0' '\n' <"$file" | sed -n 's/^depends=//p' | head -1 | tr , ' '); do with_dependencies "$need"; done
        basename "$file" .ko
    done
}
load_order() { listed=(); with_dependencies "$@"; }

copy_modules() { # target list…
    local target=$1 name; shift
    for name in $(cat "$@" | sort -u); do
        strip --strip-debug -o "$target/$name.ko" "$(find "$modules" -name "$name.ko")"
    done
}

make_init() { # target
    cat >"$1" <<'INIT'
#!/bin/busybox sh
export PATH=/bin:/sbin:/usr/sbin:/usr/bin
mount -t devtmpfs dev /dev 2>/dev/null; mount -t proc proc /proc; mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/virtio-ports; mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=755 run /run; mount -t tmpfs -o mode=1777 tmp /tmp
modules=/lib/modules/$(uname -r)
load() { for m in $(cat $modules/$1); do insmod $modules/$m.ko 2>/dev/null; done; }
load first
ip link set lo up; hostname -F /etc/hostname
# The power button has to be heard before the agent answers: a press that comes earlier is lost.
load button
for e in /sys/class/input/event*; do
  case "$(cat $e/device/name 2>/dev/null)" in *Power*)
    ( while dd if=/dev/input/${e##*/} of=/dev/null bs=24 count=1 2>/dev/null; do /sbin/shutdown -P; sleep 5; done ) & ;;
  esac
done
port=
for i in 0 1 2 3 4 5 6 7 8 9; do
  for p in /sys/class/virtio-ports/*; do
    [ "$(cat $p/name 2>/dev/null)" = org.qemu.guest_agent.0 ] && port=/dev/${p##*/}
  done
  [ -n "$port" ] && break
  usleep 50000
done
if [ -n "$port" ]; then
  ( while :; do qemu-ga -m virtio-serial -p $port -f /run/qga.pid -t /run -l /run/qga.log; sleep 1; done ) &
fi
load later
for n in /sys/class/net/e*; do
  [ -e "$n" ] || continue
  ip link set ${n##*/} up
  udhcpc -i ${n##*/} -s /etc/udhcpc.sh -b -t 20 -T 1 -A 2 -q >/dev/null 2>&1 &
done
httpd -p 80 -h /www
echo "guest up $(cut -d' ' -f1 /proc/uptime)" >/dev/console
( while :; do setsid sh -c 'exec sh -l </dev/tty1 >/dev/tty1 2>&1' 2>/dev/null; sleep 1; done ) &
while :; do setsid sh -c 'exec sh -l </dev/ttyS0 >/dev/ttyS0 2>&1' 2>/dev/null; sleep 1; done
INIT
}

make_shutdown() { # target; what the agent's guest-shutdown calls: shutdown -h -P|-H|-r +0 "text"
    cat >"$1" <<'SHUTDOWN'
#!/bin/sh
act=poweroff
for a in "$@"; do case $a in -r) act=reboot ;; -H) act=halt ;; -P) act=poweroff ;; esac; done
( usleep 100000; sync; umount -a -r 2>/dev/null; /bin/busybox $act -f ) </dev/null >/dev/null 2>&1 &
SHUTDOWN
}

make_root() { # the guest's own file system, as a folder
    local root=$1 lib=lib/x86_64-linux-gnu name file
    mkdir -p "$root"/{bin,sbin,etc,proc,sys,dev,run,tmp,root,mnt,www,lib64,$lib,var/log,usr/bin,usr/sbin,lib/modules/$release}
    ln -s ../run "$root/var/run"
    cp "$work/system/bin/busybox" "$root/bin/"
    for name in $("$root/bin/busybox" --list); do [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"; done
    cp "$work/system/usr/sbin/qemu-ga" "$root/usr/sbin/"
    cp -L "$work/system/lib64/ld-linux-x86-64.so.2" "$root/lib64/"
    for name in libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libglib-2.0.so.0 libgmodule-2.0.so.0 \
        libpcre2-8.so.0 libnuma.so.1 libudev.so.1 liburing.so.2; do
        file=$(find "$work/system" -name "$name" | head -1)
        cp -L "$file" "$root/$lib/"
    done
    local m=$root/lib/modules/$release
    load_order virtio_pci virtio_console >"$m/first"
    load_order button evdev >"$m/button"
    load_order virtio_blk virtio_net virtio_balloon virtio-rng isofs >"$m/later"
    copy_modules "$m" "$m"/{first,button,later}
    make_init "$root/sbin/init"
    make_shutdown "$root/sbin/shutdown"
    cat >"$root/etc/udhcpc.sh" <<'DHCP'
#!/bin/sh
case $1 in bound | renew)
  ifconfig $interface $ip netmask ${subnet:-255.255.255.0}
  [ -n "$router" ] && route add default gw $router 2>/dev/null
  : >/etc/resolv.conf; for d in $dns; do echo nameserver $d >>/etc/resolv.conf; done ;;
esac
DHCP
    chmod +x "$root"/sbin/{init,shutdown} "$root/etc/udhcpc.sh"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    echo tiny >"$root/etc/hostname"
    printf 'NAME="Tiny"\nID=tiny\nVERSION_ID=%s\nPRETTY_NAME="Tiny test guest"\n' "${variant:-v1}" >"$root/etc/os-release"
    echo 'hello from the tiny guest' >"$root/www/index.html"
    if [ "$variant" = v2 ]; then # a small update: one new file of half a megabyte that does not compress away
        openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 00000000000000000000000000000002 \
            -in /dev/zero 2>/dev/null | head -c 524288 >"$root/www/update.bin" || true
    fi
}

make_initrd() { # folder target: only reaches the root disk
    local dir=$1
    mkdir -p "$dir"/{bin,dev,proc,mnt,m}
    cp "$work/system/bin/busybox" "$dir/bin/"
    load_order virtio_pci virtio_blk >"$dir/m/order"
    copy_modules "$dir/m" "$dir/m/order"
    cat >"$dir/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for m in $(/bin/busybox cat /m/order); do /bin/busybox insmod /m/$m.ko; done
for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/vda2 ] && break; /bin/busybox usleep 50000; done
/bin/busybox mount -t ext4 -o rw /dev/vda2 /mnt || exec /bin/busybox sh
exec /bin/busybox switch_root /mnt /sbin/init
INIT
    chmod +x "$dir/init"
    find "$dir" -exec touch -h -d @$EPOCH {} +
    (cd "$dir" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet) >"$2"
}

make_disk() { # target: MBR, FAT16 with the boot loader and the kernel, ext4
    local raw=$1 boot=$work/boot.fat root=$work/root.ext4
    truncate -s $ROOT_MB"M" "$root"
    find "$work/root" -exec touch -h -d @$EPOCH {} +
    E2FSPROGS_FAKE_TIME=$EPOCH mke2fs -q -t ext4 -U 71e57a11-0000-4000-8000-000000000001 -L root -d "$work/root" \
        -E root_owner=0:0,lazy_itable_init=1,hash_seed=71e57a11-0000-4000-8000-000000000002 \
        -O ^metadata_csum,^64bit "$root"
    truncate -s $BOOT_MB"M" "$boot"
    mkfs.fat -F 16 -h 2048 -n BOOT -i 1e57a11e --invariant "$boot" >/dev/null
    # nokaslr: with so little memory the kernel finds no other place for itself and says so on the screen.
    printf '%s\n' 'DEFAULT t' 'PROMPT 0' 'TIMEOUT 0' 'NOESCAPE 1' 'LABEL t' ' KERNEL vmlinuz' ' INITRD initrd.img' \
        ' APPEND root=/dev/vda2 console=tty0 console=ttyS0 quiet nokaslr panic=-1' >"$work/syslinux.cfg"
    cp "$work/kernel/boot/vmlinuz-$release" "$work/vmlinuz"
    touch -d @$EPOCH "$work"/{vmlinuz,initrd.img,syslinux.cfg}
    syslinux --install "$boot"
    mcopy -m -i "$boot" "$work/vmlinuz" "$work/initrd.img" "$work/syslinux.cfg" ::
    truncate -s $((1 + BOOT_MB + ROOT_MB))"M" "$raw"
    printf 'label: dos\nlabel-id: 0x1e57a11e\nstart=2048, size=%d, type=e, bootable\nstart=%d, size=%d, type=83\n' \
        $((BOOT_MB * 2048)) $((2048 + BOOT_MB * 2048)) $((ROOT_MB * 2048)) | sfdisk -q "$raw"
    dd if="$boot" of="$raw" bs=1M seek=1 conv=notrunc,sparse status=none
    dd if="$root" of="$raw" bs=1M seek=$((1 + BOOT_MB)) conv=notrunc,sparse status=none
    dd if=$mbr of="$raw" bs=440 count=1 conv=notrunc status=none
}

fetch
make_root "$work/root"
make_initrd "$work/initrd" "$work/initrd.img"
make_disk "$work/disk.raw"
qemu-img convert -O qcow2 "$work/disk.raw" "$work/disk.qcow2"
mv "$work/disk.qcow2" "$image"
echo "$recipe" >"$stamp"
echo "$image"
