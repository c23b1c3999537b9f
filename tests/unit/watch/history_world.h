/*
 * history_world.h - a history under virtual time, and the disk that it is kept on.
 */
#ifndef TOLLD_TESTS_WATCH_HISTORY_WORLD_H
#define TOLLD_TESTS_WATCH_HISTORY_WORLD_H

#include <signal.h>
#include "watch/history.h"

#define MS  NSEC_PER_MSEC
#define SEC NSEC_PER_SEC

/* What stands on the disk; in memory it is the same, or the test fails. */
#define ROWS_MAX 4096

static struct row {
	char *service, *text;
	int64_t at_wall_ms;
} disk[ROWS_MAX];
static bool disk_is_full;
static struct history *history;
static struct instant now;

static inline bool on_keep(
	int64_t id, const char *service, int64_t at_wall_ms, const char *text, void *userdata)
{
	assert_in_range(id, 1, ROWS_MAX - 1);
	if (disk_is_full)
		return false;
	free(disk[id].service);
	free(disk[id].text);
	disk[id] = (struct row){ 0 };
	if (text)
		disk[id] = (struct row){ strdup(service), strdup(text), at_wall_ms };
	return true;
}

static inline size_t rows_on_disk(void)
{
	size_t n = 0;

	for (size_t i = 0; i < ROWS_MAX; i++)
		n += disk[i].text != NULL;
	return n;
}

static pid_t living_pid; /* as the kernel has it: 0: nobody lives */

static inline bool on_lives(pid_t pid, int64_t start_boot_ns)
{
	assert_true(start_boot_ns > 0);
	return pid == living_pid;
}

static inline void open_history(uint64_t boot_id, size_t per_service, size_t total)
{
	const struct history_options options = {
		.keep = on_keep,
		.lives = on_lives,
		.boot_id = boot_id,
		.per_service = per_service,
		.total = total,
	};

	assert_int_equal(history_new(&options, &history), 0);
	for (int64_t i = 0; i < ROWS_MAX; i++) {
		if (disk[i].text)
			assert_int_equal(history_restore(history, i, disk[i].service,
						 disk[i].at_wall_ms, disk[i].text, now),
				0);
	}
}

static inline int setup(void **state)
{
	now = (struct instant){ .boot_ns = 1000 * SEC, .wall_ms = 1700000000000 };
	disk_is_full = false;
	open_history(1, 0, 0);
	return 0;
}

static inline int teardown(void **state)
{
	history_free(history);
	history = NULL;
	for (int64_t i = 0; i < ROWS_MAX; i++) {
		free(disk[i].service);
		free(disk[i].text);
		disk[i] = (struct row){ 0 };
	}
	return 0;
}

/* tolld ends and is started again. */
static inline void restart(uint64_t boot_id)
{
	assert_true(history_flush(history, SIZE_MAX));
	history_free(history);
	open_history(boot_id, 0, 0);
}

static inline void advance(int64_t ns)
{
	now.boot_ns += ns;
	now.wall_ms += ns / MS;
}

static inline struct service_info info_of(const char *name, pid_t pid)
{
	return (struct service_info){
		.name = name,
		.state = pid ? SERVICE_UP : SERVICE_DOWN,
		.since = now,
		.pid = pid,
		.start_boot_ns = pid ? pid * SEC : 0,
		.comm = "web",
	};
}

static inline struct history_event *start(const char *name, pid_t pid)
{
	struct service_info info = info_of(name, pid);

	return history_note(history, &info, SERVICE_APPEARED, now);
}

static inline struct death killed(pid_t pid)
{
	return (struct death){
		.pid = pid,
		.start_boot_ns = pid * SEC,
		.at = now,
		.kind = DEATH_SIGNAL,
		.signal = SIGKILL,
		.comm = "web",
	};
}

static inline struct history_event *die_of(const char *name, const struct death *death)
{
	struct service_info info = info_of(name, 0);

	info.died = true;
	info.last_death = *death;
	return history_note(history, &info, SERVICE_DIED, now);
}

static inline struct history_event *die(const char *name, pid_t pid)
{
	struct death death = killed(pid);

	return die_of(name, &death);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
