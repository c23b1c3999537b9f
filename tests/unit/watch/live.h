/*
 * live.h - what tests against the real kernel share: a watch, the loop, and what was told so far.
 *
 * Each test runs with every backend that should pass it; what a backend cannot know stands in its row.
 * The kernel backend needs root and BTF; where it has to be skipped that is said aloud.
 */
#ifndef TOLLD_TESTS_WATCH_LIVE_H
#define TOLLD_TESTS_WATCH_LIVE_H

#include "watch/exit_records.h"
#include "watch/internal.h"
#include "watch/oomlog.h"
#include "watch/pidfd.h"

/* How long a test waits for what must come, on however busy a machine. */
#define PATIENCE_MS 30000

/* What can be known through a backend, and how soon: generously, for a machine that is busy. */
struct facts {
	enum watch_backend kind;
	const char *name;
	bool tells_status, tells_sender, tells_oom, tells_peak;
	enum death_untold untold; /* why, where it does not tell the status */
	int64_t settled_ms;	  /* so long after anything happened it is known */
	const char *btf_file;	  /* types for it; NULL: the kernel's own */
};

static const struct facts with_kernel = { WATCH_KERNEL, "kernel", true, true, true, true, TOLD, 150,
	NULL };
/* As where the kernel has no types of its own: its own are a file like any other. */
static const struct facts with_kernel_by_file = { WATCH_KERNEL, "kernel", true, true, true, true,
	TOLD, 150, "/sys/kernel/btf/vmlinux" };
/* What depends on the kernel and on rights is asked before the tests start. */
static struct facts with_pidfd = { WATCH_PIDFD, "pidfd", false, false, false, false,
	UNTOLD_BY_KERNEL, 400, NULL };
static struct facts with_poll = { WATCH_POLL, "poll", false, false, false, false, UNTOLD_BY_POLLING,
	800, NULL };

static const struct facts *facts;
/* /dev/kmsg may be read: then whose memory was out is known. */
static bool log_readable;

/* build/tests/helpers/NAME beside this program, or in the build without sanitizers. */
static inline bool helper_path(char *out, size_t size, const char *name)
{
	static const char *const dirs[] = { "../../helpers", "../../../../build/tests/helpers" };
	char own[2048];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);

	assert_true(len > 0);
	own[len] = '\0';
	*strrchr(own, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(out, size, "%s/%s/%s", own, dirs[i], name);
		if (access(out, X_OK) == 0)
			return true;
	}
	printf("SKIPPED: %s is not built (make helpers)\n", name);
	return false;
}

#define SEEN_MAX 64

struct seen {
	enum service_event what;
	int64_t at_ns; /* when the callback ran */
	struct service_info info;
};

static sd_event *loop;
static struct watch *watch;
static struct seen seen[SEEN_MAX];
static size_t n_seen;
static char bpffs_dir[64];

static inline void on_event(struct service *service, enum service_event what, void *userdata)
{
	assert_true(n_seen < SEEN_MAX);
	seen[n_seen].what = what;
	seen[n_seen].at_ns = clock_boot_ns();
	service_info(service, &seen[n_seen].info);
	n_seen++;
}

/* Turns the loop until `n` events of the kind were seen, or the time is over. */
static inline bool wait_for(enum service_event what, size_t n, int64_t ms)
{
	int64_t end = clock_boot_ns() + ms * NSEC_PER_MSEC;

	for (;;) {
		size_t got = 0;

		for (size_t i = 0; i < n_seen; i++)
			got += seen[i].what == what;
		if (got >= n)
			return true;
		if (clock_boot_ns() >= end)
			return false;
		sd_event_run(loop, 10000);
	}
}

static inline void turn_for(int64_t ms)
{
	int64_t end = clock_boot_ns() + ms * NSEC_PER_MSEC;

	while (clock_boot_ns() < end)
		sd_event_run(loop, 5000);
}

static inline size_t count_seen(enum service_event what)
{
	size_t n = 0;

	for (size_t i = 0; i < n_seen; i++)
		n += seen[i].what == what;
	return n;
}

static inline const struct seen *last_seen(enum service_event what)
{
	for (size_t i = n_seen; i-- > 0;) {
		if (seen[i].what == what)
			return &seen[i];
	}
	fail_msg("no such event was seen");
	return NULL;
}

static inline struct service_info info_of(const struct service *service)
{
	struct service_info info;

	service_info(service, &info);
	return info;
}

/* Who is told; a test may put another here before setup(). */
static watch_event_fn *told = on_event;

static inline void say_skipped(const char *error)
{
	bool lacks_types = facts->btf_file && access(facts->btf_file, F_OK);

	printf("SKIPPED: the %s backend does not work here: %s\n", facts->name,
		lacks_types ? "this kernel has no type information to be a file" : error);
}

static inline int open_watch(uint32_t ring_bytes)
{
	const struct watch_options options = {
		.backend = facts->kind,
		.btf_file = facts->btf_file,
		.bpffs_dir = bpffs_dir,
		.on_event = told,
	};
	char error[512];
	int err;

	n_seen = 0;
	assert_int_equal(sd_event_new(&loop), 0);
	err = watch_new_with_ring(loop, &options, ring_bytes, &watch, error, sizeof(error));
	if (err)
		say_skipped(error);
	return err;
}

static inline int setup(void **state)
{
	snprintf(bpffs_dir, sizeof(bpffs_dir), "/sys/fs/bpf/tolld-test-%d", getpid());
	watch = NULL;
	facts = *state;
	if (open_watch(0))
		loop = sd_event_unref(loop);
	return 0;
}

static inline int teardown(void **state)
{
	watch_free(watch);
	watch = NULL;
	loop = sd_event_unref(loop);
	return 0;
}

#define SKIP_WITHOUT_BACKEND()                                                                     \
	do {                                                                                       \
		if (!watch)                                                                        \
			skip();                                                                    \
	} while (0)

/* clang-format off */
#define TEST_WITH(backend, fn) \
	{ #backend ": " #fn, fn, setup, teardown, (void *)(uintptr_t)&with_##backend }
/* clang-format on */
#define TEST_WITH_KERNEL(fn) TEST_WITH(kernel, fn), TEST_WITH(kernel_by_file, fn)
#define TEST_WITH_ALL(fn)    TEST_WITH_KERNEL(fn), TEST_WITH(pidfd, fn), TEST_WITH(poll, fn)

/* To be called before the tests run. */
static inline void ask_facts(void)
{
	struct oomlog log;

	struct exit_records records;

	with_pidfd.tells_peak = exit_records_open(&records) == 0;
	exit_records_close(&records);
	with_pidfd.tells_status = pidfd_tells_wait_status();
	log_readable = oomlog_open(&log) == 0;
	with_pidfd.tells_oom = with_poll.tells_oom = log_readable;
	oomlog_close(&log);
}

#endif
