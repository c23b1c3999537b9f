# tolld: one daemon in place of Prometheus, Alertmanager and a process exporter.
# `make help` lists the targets; everything is built in $(BUILD), nothing beside the sources.

prefix      ?= /usr/local
sysconfdir  ?= /etc
unitdir     ?= /lib/systemd/system
docdir      ?= $(prefix)/share/doc/tolld
mandir      ?= $(prefix)/share/man
catalogdir  ?= /usr/lib/systemd/catalog
sysusersdir ?= /usr/lib/sysusers.d
DESTDIR     ?=
# Another machine's: CROSS_COMPILE=aarch64-linux-gnu- names the tools, SYSROOT the folder with its libraries.
CROSS_COMPILE ?=
SYSROOT     ?=
CC          := $(CROSS_COMPILE)gcc$(if $(SYSROOT), --sysroot=$(SYSROOT))
AR          := $(CROSS_COMPILE)ar
CLANG       ?= clang
BPFTOOL     ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG  ?= pkg-config
PYTHON      ?= /usr/bin/python3
SAN         ?=
TRIPLET     := $(CROSS_COMPILE:-=)
MACHINE     := $(if $(TRIPLET),$(firstword $(subst -, ,$(TRIPLET))),$(shell uname -m))
ARCH        := $(shell echo $(MACHINE) | sed -e 's/x86_64/x86/' -e 's/aarch64/arm64/' -e 's/armv.*/arm/')
BUILD       ?= build$(if $(SAN),-san)$(if $(CROSS_COMPILE),-$(ARCH))
VERSION     := 0.1.0
REVISION    := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

# -- what is built ---------------------------------------------------------------------------

LIBS     := libbpf libelf zlib gnutls yaml-0.1 libsystemd libmicrohttpd jansson libpcre2-8 sqlite3
# Not linked, but loaded when it is first needed: user/net/curl.c.
LOADED   := libcurl
# Linked in this order: what seldom runs stands together, so that it need not be in memory.
FLOORS   := cmd client config template deliver api base model net store tsdb promql rules scrape watch notify
USER_SRC := $(foreach d,$(FLOORS),$(sort $(wildcard user/$(d)/*.c))) $(sort $(filter-out user/main.c,$(wildcard user/*.c)))
USER_OBJ := $(USER_SRC:%.c=$(BUILD)/%.o)
BPF_SRC  := $(wildcard bpf/*.bpf.c)
SKEL     := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.skel.h)
RULES    := $(BUILD)/packaging/rules.yml.h
WEB      := $(patsubst user/web/%,$(BUILD)/web/%.h,$(wildcard user/web/*.html user/web/*.css user/web/*.js))
UNIT_SRC := $(sort $(wildcard tests/unit/*/*.c))
UNIT     := $(UNIT_SRC:%.c=$(BUILD)/%)
HELPER_SRC := $(sort $(wildcard tests/helpers/*.c))
HELPERS  := $(HELPER_SRC:%.c=$(BUILD)/%)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*.c))
FUZZ     := $(FUZZ_SRC:%.c=$(BUILD)/%)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wformat=2 -Werror \
	-Wno-unused-parameter
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -Iuser -I$(BUILD) \
	-DTOLLD_VERSION='"$(VERSION)"' -DTOLLD_REVISION='"$(REVISION)"'
CFLAGS   ?= -O2 -g
HARDEN   := -fstack-protector-strong -fPIE -fno-strict-aliasing
LDHARDEN := -pie -Wl,-z,relro,-z,now
ifeq ($(SAN),)
HARDEN   += -D_FORTIFY_SOURCE=2
else
HARDEN   += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
# Shared, beside a shared libasan, gcc 12's libubsan overlooks log_path.
LDHARDEN += -fsanitize=$(SAN) $(if $(findstring undefined,$(SAN)),-static-libubsan)
endif
ALL_CFLAGS = -std=gnu11 $(WARN) $(HARDEN) $(CFLAGS) $(CPPFLAGS) $(LIB_CFLAGS)
# What is beside the compiler's own folders: of another machine only what its sysroot holds.
ASK_LIBS = $(if $(SYSROOT),PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TRIPLET)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig) $(PKG_CONFIG)
# Asked only when something is compiled: `make deps` must run where pkg-config is not installed yet.
LIB_CFLAGS = $(eval LIB_CFLAGS := $$(shell $(ASK_LIBS) --cflags $(LIBS) $(LOADED)))$(LIB_CFLAGS)
LIB_LIBS   = $(eval LIB_LIBS := $$(shell $(ASK_LIBS) --libs $(LIBS)))$(LIB_LIBS)

.PHONY: help deps deps-check deps-check-all deps-bench all run check check-all bench lint format install uninstall clean \
	build-for-install vmlinux-check unit unit-watch helpers fuzz
.DEFAULT_GOAL := help
.SECONDARY:
.DELETE_ON_ERROR:

help:
	@echo 'tolld $(VERSION)'
	@echo
	@echo '  make run            install what is needed, build, and run on built-in defaults (ARGS="..." adds flags)'
	@echo '  make check          the same, then every test a change must pass'
	@echo '  make check-all      and the guests, fuzzing, faults and storms'
	@echo '  make bench          speed and size beside the programs tolld replaces'
	@echo
	@echo '  make deps           install what building and running needs (Debian packages)'
	@echo '  make deps-check     install what the tests need as well'
	@echo '  make all            build build/tolld'
	@echo '  make lint           banned calls, the order of the house, formatting'
	@echo '  make format         let clang-format decide'
	@echo '  make install        DESTDIR, prefix=$(prefix), sysconfdir, unitdir; root builds nothing in what is a user'"'"'s'
	@echo '  make uninstall      takes away what install put there, and keeps settings and state'
	@echo '  make vmlinux-check  compare vmlinux/vmlinux.h with the running kernel'
	@echo '  make clean          remove $(BUILD)'
	@echo
	@echo '  V=1 shows the commands; SAN=address,undefined builds into build-san; CROSS_COMPILE=aarch64-linux-gnu-'
	@echo '  SYSROOT=DIR (its libraries, unpacked) builds for another machine into build-arm64'

all: $(BUILD)/tolld

# -- packages --------------------------------------------------------------------------------

include tests/packages.mk

deps:
	$(Q)tests/install-packages $(PACKAGES_BUILD)

deps-check:
	$(Q)tests/install-packages $(PACKAGES_BUILD) $(PACKAGES_CHECK)

deps-check-all:
	$(Q)tests/install-packages $(PACKAGES_BUILD) $(PACKAGES_CHECK) $(PACKAGES_CHECK_ALL)

deps-bench:
	$(Q)tests/install-packages $(PACKAGES_BUILD) $(PACKAGES_CHECK) $(PACKAGES_BENCH)

# -- kernel side -----------------------------------------------------------------------------

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(say) BPF $<
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror \
		-Wno-unused-parameter -Wno-missing-declarations -Iinclude -Ivmlinux -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp
	$(Q)rm -f $@.tmp

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(say) SKEL $<
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

vmlinux-check:
	$(Q)$(PYTHON) vmlinux/check.py vmlinux/vmlinux.h

# -- user space ------------------------------------------------------------------------------

# A page is text in the tree and bytes in the program.
$(BUILD)/packaging/%.h: user/packaging/%
	@mkdir -p $(@D)
	$(say) EMBED $<
	$(Q)$(PYTHON) user/web/embed.py $< > $@

$(BUILD)/web/%.h: user/web/%
	@mkdir -p $(@D)
	$(say) WEB $<
	$(Q)$(PYTHON) user/web/embed.py $< > $@

$(BUILD)/user/%.o: user/%.c | $(SKEL) $(WEB) $(RULES)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# What names the revision is compiled anew for another one: where the program is what is asked for, because every
# test would be linked anew, too; and not for DESTDIR, from which tests take what they have just built.
ifneq ($(MAKECMDGOALS),)
ifeq ($(filter-out all install,$(MAKECMDGOALS))$(DESTDIR),)
REVISION_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(shell grep -l TOLLD_REVISION user/*/*.c))
$(shell mkdir -p $(BUILD); test '$(REVISION)' = "$$(cat $(BUILD)/revision 2>/dev/null)" || \
	{ test '$(REVISION)' = unknown && test -e $(BUILD)/revision; } || \
	{ rm -f $(BUILD)/revision; echo '$(REVISION)' > $(BUILD)/revision; })
$(REVISION_OBJ): $(BUILD)/revision
endif
endif

$(BUILD)/libtolld.a: $(USER_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tolld: $(BUILD)/user/main.o $(USER_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(HARDEN) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lm -lpthread

# -- tests -----------------------------------------------------------------------------------

# malloc and its siblings are wrapped so that a test can let the n-th one fail.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup

# By itself: of two sources in one call the compiler notes the headers of one.
HARNESS := $(BUILD)/tests/unit/harness.o

$(HARNESS): tests/unit/harness.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit -MMD -MP -c $< -o $@

$(BUILD)/tests/unit/%: tests/unit/%.c $(HARNESS) $(BUILD)/libtolld.a | $(SKEL)
	@mkdir -p $(@D)
	$(say) TEST $<
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit -MMD -MP -MF $@.d -MT $@ $(LDHARDEN) $(LDFLAGS) $(WRAP) -o $@ $< $(HARNESS) \
		$(BUILD)/libtolld.a $(LIB_LIBS) -lcmocka -lm -lpthread

# Ten thousand of its children end beside whatever else the machine does: what they would all map of the C library
# has one lock in the kernel, for which the end of a process then waits tens of milliseconds.
$(BUILD)/tests/helpers/nursery: LDHARDEN := $(if $(SAN),$(LDHARDEN),-static)

$(BUILD)/tests/helpers/%: tests/helpers/%.c
	@mkdir -p $(@D)
	$(say) HELPER $<
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(LDHARDEN) -o $@ $< $(if $(NOLIB),,-lpthread)

# What is put before another program.
$(BUILD)/tests/helpers/other_clock: ALL_CFLAGS += -fPIC -shared
$(BUILD)/tests/helpers/other_clock: LDHARDEN := -Wl,-z,relro,-z,now

# Built by clang, all of tolld with them: coverage must reach into it.
FUZZ_FLAGS = -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-strict-aliasing \
	$(CPPFLAGS) $(LIB_CFLAGS) -MMD -MP
FUZZ_OBJ := $(USER_SRC:%.c=$(BUILD)/fuzz/%.o)

$(BUILD)/fuzz/user/%.o: user/%.c | $(SKEL) $(WEB) $(RULES)
	@mkdir -p $(@D)
	$(say) FUZZ $<
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

$(BUILD)/fuzz/libtolld.a: $(FUZZ_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/libtolld.a
	@mkdir -p $(@D)
	$(say) FUZZ $<
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(BUILD)/fuzz/libtolld.a $(LIB_LIBS) -lm -lpthread

unit: $(UNIT)
# Those whose other side is the kernel: the guests run them too.
unit-watch: $(filter $(BUILD)/tests/unit/watch/%,$(UNIT))
helpers: $(HELPERS)
fuzz: $(FUZZ)

run: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/as-root $(BUILD)/tolld run $(ARGS)

check: deps-check
	$(Q)$(MAKE) --no-print-directory all unit helpers
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined all unit
	$(Q)tests/run check

check-all: deps-check-all
	$(Q)$(MAKE) --no-print-directory all unit helpers fuzz
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined all unit
	$(Q)tests/run check-all

bench: deps-bench
	$(Q)$(MAKE) --no-print-directory all helpers
	$(Q)tests/run bench

lint:
	$(Q)$(PYTHON) tests/lint.py

FORMATTED = $(shell git ls-files '*.c' '*.h' | grep -v '^vmlinux/')
format:
	$(Q)clang-format -i $(FORMATTED)

# -- install ---------------------------------------------------------------------------------

# Who installs is root, and what root builds would be in the way of whom the sources belong to. Tests that root runs
# leave logs and the guests' systems.
build-for-install:
	+$(Q)set -- $$(stat -c '%u %g' $(BUILD) 2>/dev/null || stat -c '%u %g' .); \
	[ "$$(id -u)" = 0 ] && [ "$$1" != 0 ] || exec $(MAKE) --no-print-directory all; \
	if [ -n "$$(find $(BUILD) \( -path $(BUILD)/logs -o -path $(BUILD)/guest \) -prune -o -user root -print -quit 2>/dev/null)" ]; then \
		echo "make install: $(BUILD) holds files of root, which its owner cannot build anew; sudo chown -R $$1:$$2 $(BUILD)" >&2; \
		exit 1; \
	fi; \
	exec setpriv --reuid="$$1" --regid="$$2" --clear-groups \
		env HOME="$$(getent passwd "$$1" | cut -d: -f6)" $(MAKE) --no-print-directory all

install: build-for-install
	install -D -m 0755 $(BUILD)/tolld $(DESTDIR)$(prefix)/bin/tolld
	install -d -m 0755 $(DESTDIR)$(unitdir) $(DESTDIR)$(sysconfdir)/tolld $(DESTDIR)$(docdir) \
		$(DESTDIR)$(catalogdir) $(DESTDIR)$(sysusersdir)
	install -m 0644 README.md LICENSE $(DESTDIR)$(docdir)
	install -D -m 0644 user/packaging/tolld.8 $(DESTDIR)$(mandir)/man8/tolld.8
	sed 's|@prefix@|$(prefix)|g' user/packaging/tolld.service > $(DESTDIR)$(unitdir)/tolld.service
	chmod 0644 $(DESTDIR)$(unitdir)/tolld.service
	install -m 0644 user/packaging/tolld.catalog $(DESTDIR)$(catalogdir)
	$(if $(DESTDIR),,-journalctl --update-catalog)
	install -m 0644 user/packaging/tolld.sysusers $(DESTDIR)$(sysusersdir)/tolld.conf
	$(if $(DESTDIR),,-systemd-sysusers $(sysusersdir)/tolld.conf)
	test -e $(DESTDIR)$(sysconfdir)/tolld/tolld.yml || \
		install -m 0640 user/packaging/tolld.yml $(DESTDIR)$(sysconfdir)/tolld/tolld.yml
	test -e $(DESTDIR)$(sysconfdir)/tolld/rules.yml || \
		install -m 0644 user/packaging/rules.yml $(DESTDIR)$(sysconfdir)/tolld/rules.yml

uninstall:
	rm -f $(DESTDIR)$(prefix)/bin/tolld $(DESTDIR)$(unitdir)/tolld.service \
		$(DESTDIR)$(catalogdir)/tolld.catalog $(DESTDIR)$(mandir)/man8/tolld.8 \
		$(DESTDIR)$(sysusersdir)/tolld.conf
	rm -rf $(DESTDIR)$(docdir)
	$(if $(DESTDIR),,-journalctl --update-catalog)

# Tests run as root leave files of root's in it.
clean:
	$(Q)rm -rf build build-* 2>/dev/null || tests/as-root rm -rf build build-*

-include $(USER_OBJ:.o=.d) $(BUILD)/user/main.d $(HARNESS:.o=.d) $(UNIT:=.d) $(HELPERS:=.d) $(FUZZ_OBJ:.o=.d) $(FUZZ:=.d) $(SKEL:.skel.h=.bpf.d)
