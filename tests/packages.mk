# Debian 12 packages, one place for all of them. The first list builds and runs tolld, the second
# tests it; the peers that it is compared with are among those. The third is for guests that are
# other machines: their compilers and their emulators. The last are peers that are only measured.

PACKAGES_BUILD := gcc make libc6-dev pkg-config clang llvm bpftool \
	libbpf-dev libelf-dev zlib1g-dev libcurl4-gnutls-dev libgnutls28-dev libyaml-dev libsystemd-dev \
	libmicrohttpd-dev libjansson-dev libpcre2-dev libsqlite3-dev python3 ca-certificates tzdata

PACKAGES_CHECK := libcmocka-dev clang-format git python3-pytest python3-aiosmtpd python3-yaml \
	openssl curl iproute2 procps postfix libsasl2-modules sasl2-bin prometheus prometheus-alertmanager prometheus-node-exporter \
	qemu-system-x86 mmdebstrap e2fsprogs busybox-static cpio libclang-rt-14-dev

PACKAGES_CHECK_ALL := qemu-system-arm gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf

PACKAGES_BENCH := monit keepalived
