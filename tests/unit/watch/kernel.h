/*
 * kernel.h - what tests against the real kernel share: a watch, the loop, and what was told so far.
 *
 * They need root and BTF, and say so aloud where they have to skip.
 */
#ifndef TOLLD_TESTS_WATCH_KERNEL_H
#define TOLLD_TESTS_WATCH_KERNEL_H

#include "watch/internal.h"

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

static inline int open_watch(uint32_t ring_bytes)
{
	const struct watch_options options = {
		.backend = WATCH_AUTO,
		.bpffs_dir = bpffs_dir,
		.on_event = on_event,
	};
	char error[512];
	int err;

	n_seen = 0;
	assert_int_equal(sd_event_new(&loop), 0);
	err = watch_new_with_ring(loop, &options, ring_bytes, &watch, error, sizeof(error));
	if (err)
		printf("SKIPPED: the kernel backend does not work here: %s\n", error);
	return err;
}

static inline int setup(void **state)
{
	snprintf(bpffs_dir, sizeof(bpffs_dir), "/sys/fs/bpf/tolld-test-%d", getpid());
	watch = NULL;
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

#define SKIP_WITHOUT_KERNEL()                                                                      \
	do {                                                                                       \
		if (!watch)                                                                        \
			skip();                                                                    \
	} while (0)

#define KERNEL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
