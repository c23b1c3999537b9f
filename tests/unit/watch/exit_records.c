/* The kernel's records of threads that end: what they say, and what they leave open. */
#include "harness.h"

#include <linux/acct.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include "tolld/ended.h"
#include "watch/exit_records.h"

/* -- records -------------------------------------------------------------------------------- */

struct made {
	pid_t thread, group;
	uint16_t version;
	uint32_t exit_code;
	uint8_t flags;
	bool padded;	    /* as where figures have to begin at an even place */
	bool had_threads;   /* the figures of the process stand behind */
	size_t figures_len; /* 0: all of them */
};

struct bytes {
	_Alignas(8) uint8_t b[2048];
	size_t n;
};

static size_t put_attribute(struct bytes *to, uint16_t type, const void *data, size_t n)
{
	const struct nlattr head = { .nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type };
	size_t at = to->n;

	memcpy(to->b + at, &head, sizeof(head));
	if (n)
		memcpy(to->b + at + NLA_HDRLEN, data, n);
	to->n += NLA_ALIGN(head.nla_len);
	return at;
}

static void close_attribute(struct bytes *to, size_t at)
{
	((struct nlattr *)(void *)(to->b + at))->nla_len = (uint16_t)(to->n - at);
}

static void put_record(struct bytes *to, const struct made *made)
{
	struct taskstats stats = {
		.version = made->version,
		.ac_exitcode = made->exit_code,
		.ac_flag = made->flags,
		.ac_pid = (uint32_t)made->thread,
		.ac_tgid = (uint32_t)made->group,
		.hiwater_rss = 300,
	};
	uint32_t thread = (uint32_t)made->thread, group = (uint32_t)made->group;
	size_t at;

	*to = (struct bytes){ .n = NLMSG_HDRLEN + GENL_HDRLEN };
	at = put_attribute(to, TASKSTATS_TYPE_AGGR_PID, NULL, 0);
	put_attribute(to, TASKSTATS_TYPE_PID, &thread, sizeof(thread));
	if (made->padded)
		put_attribute(to, TASKSTATS_TYPE_NULL, NULL, 0);
	put_attribute(to, TASKSTATS_TYPE_STATS, &stats,
		made->figures_len ? made->figures_len : sizeof(stats));
	close_attribute(to, at);
	if (made->had_threads) {
		at = put_attribute(to, TASKSTATS_TYPE_AGGR_TGID, NULL, 0);
		put_attribute(to, TASKSTATS_TYPE_TGID, &group, sizeof(group));
		put_attribute(to, TASKSTATS_TYPE_STATS, &stats, sizeof(stats));
		close_attribute(to, at);
	}
	*(struct nlmsghdr *)(void *)to->b =
		(struct nlmsghdr){ .nlmsg_len = (uint32_t)to->n, .nlmsg_type = 31 };
}

static void says_who_ended_and_whether_that_is_all_of_it(void **state)
{
	static const struct {
		struct made made;
		struct exit_record want;
		bool tells_status;
	} rows[] = {
		/* One thread, from its begin to its end. */
		{ { 42, 42, 13, 3 << 8, AGROUP, false, false, 0 },
			{ 42, true, true, true, 3 << 8, 0 }, true },
		{ { 42, 42, 13, SIGSEGV, AGROUP, true, false, 0 },
			{ 42, true, true, true, SIGSEGV, 0 }, true },
		/* The last of several: a code is everybody's; that there is a core only who wrote it knows. */
		{ { 42, 42, 13, 3 << 8, AGROUP, false, true, 0 },
			{ 42, true, true, false, 3 << 8, 0 }, true },
		{ { 42, 42, 13, SIGKILL, AGROUP, false, true, 0 },
			{ 42, true, true, false, SIGKILL, 0 }, true },
		{ { 42, 42, 13, SIGSEGV, AGROUP, false, true, 0 },
			{ 42, true, true, false, SIGSEGV, 0 }, false },
		{ { 42, 42, 13, SIGSEGV | 0x80, AGROUP, false, true, 0 },
			{ 42, true, true, false, SIGSEGV | 0x80, 0 }, true },
		/* The leader leaves others behind: its code may be its own, a signal is all of theirs. */
		{ { 42, 42, 13, 4 << 8, 0, false, false, 0 }, { 42, true, false, false, 4 << 8, 0 },
			false },
		{ { 42, 42, 13, SIGTERM, 0, false, false, 0 },
			{ 42, true, false, false, SIGTERM, 0 }, true },
		{ { 42, 42, 13, SIGABRT, 0, false, false, 0 },
			{ 42, true, false, false, SIGABRT, 0 }, false },
		/* Another one is the last: its record has no code. */
		{ { 45, 42, 13, 0, AGROUP, false, true, 0 }, { 42, false, true, false, 0, 0 },
			false },
		{ { 45, 42, 13, 0, 0, false, false, 0 }, { 42, false, false, false, 0, 0 }, false },
		/* Before 5.19 nobody says of which process a thread is, nor whether it is the last. */
		{ { 42, 0, 11, 3 << 8, AGROUP, false, false, 360 },
			{ 42, true, false, false, 3 << 8, 0 }, false },
		{ { 42, 0, 11, SIGKILL, 0, false, false, 360 },
			{ 42, true, false, false, SIGKILL, 0 }, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct exit_record *want = &rows[i].want;
		struct exit_record got;
		struct bytes bytes;

		put_record(&bytes, &rows[i].made);
		assert_true(exit_record_decode(bytes.b, bytes.n, &got));
		assert_int_equal(got.pid, want->pid);
		assert_int_equal(got.is_leader, want->is_leader);
		assert_int_equal(got.is_last, want->is_last);
		assert_int_equal(got.was_alone, want->was_alone);
		assert_int_equal(got.exit_code, want->exit_code);
		assert_int_equal(got.peak_memory_bytes, 300 * 1024);
		assert_int_equal(exit_record_tells_status(&got), rows[i].tells_status);
	}
}

static void what_is_cut_off_is_no_record(void **state)
{
	static const struct made whole = { 42, 42, 13, 3 << 8, AGROUP, true, true, 0 };
	struct bytes bytes;
	struct exit_record got;

	put_record(&bytes, &whole);
	for (size_t n = 0; n < bytes.n; n++) {
		struct bytes cut = bytes;

		/* Neither in the length that is read, nor in the one that it says. */
		assert_false(exit_record_decode(cut.b, n, &got));
		((struct nlmsghdr *)(void *)cut.b)->nlmsg_len = (uint32_t)n;
		if (n < offsetof(struct ended_head, all) + 20)
			assert_false(exit_record_decode(cut.b, bytes.n, &got));
	}
	/* Figures of a new version without their process, and those of no known kernel. */
	put_record(&bytes, &(struct made){ 42, 42, 13, 0, AGROUP, false, false, 360 });
	assert_false(exit_record_decode(bytes.b, bytes.n, &got));
	put_record(&bytes, &(struct made){ 42, 42, 1, 0, 0, false, false, 80 });
	assert_false(exit_record_decode(bytes.b, bytes.n, &got));
}

static void any_bytes_are_read_within_their_bounds(void **state)
{
	static const struct made whole = { 42, 42, 13, 3 << 8, AGROUP, true, true, 0 };
	struct bytes bytes;
	uint64_t random = 88172645463325252u;

	for (int round = 0; round < 20000; round++) {
		struct exit_record got;
		uint8_t *exact;

		put_record(&bytes, &whole);
		for (int k = 0; k < 3; k++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes.b[random % 64] = (uint8_t)(random >> 32);
		}
		/* Exactly as long as it is: sanitizers see a byte too many. */
		exact = malloc(bytes.n);
		assert_non_null(exact);
		memcpy(exact, bytes.b, bytes.n);
		if (exit_record_decode(exact, bytes.n, &got))
			assert_true(got.is_last || !got.was_alone);
		free(exact);
	}
}

/* -- the kernel's --------------------------------------------------------------------------- */

static struct exit_record told[64];
static size_t n_told;

static void on_record(const struct exit_record *record, void *userdata)
{
	assert_true(n_told < ARRAY_SIZE(told));
	told[n_told++] = *record;
}

static pid_t start_waiting(int *ret_release)
{
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? 5 : 6);
	}
	close(ends[0]);
	*ret_release = ends[1];
	return pid;
}

static void only_those_that_are_followed_are_told_of(void **state)
{
	struct exit_records records;
	struct pollfd ready;
	int err = exit_records_open(&records), status, release[2];
	pid_t followed, other;

	if (err) {
		printf("SKIPPED: no records here: %s\n", strerror(-err));
		skip();
	}
	assert_int_equal(exit_records_work(&records), 0);
	other = start_waiting(&release[0]);
	followed = start_waiting(&release[1]);
	exit_records_follow(&records, followed);
	exit_records_follow(&records, other);
	exit_records_let_go(&records, other);
	n_told = 0;
	ready = (struct pollfd){ .fd = records.fd, .events = POLLIN };
	assert_int_equal(write(release[0], "", 1), 1);
	assert_int_equal(waitpid(other, &status, 0), other);
	/* It is reaped, so its record was written: and passed nobody's filter. */
	assert_int_equal(poll(&ready, 1, 0), 0);
	assert_int_equal(write(release[1], "", 1), 1);
	assert_int_equal(waitpid(followed, &status, 0), followed);
	assert_int_equal(poll(&ready, 1, 0), 1);
	exit_records_read(&records, on_record, NULL);
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].pid, followed);
	assert_int_equal(told[0].exit_code, status);
	assert_int_equal(WEXITSTATUS(status), 5);
	assert_true(told[0].peak_memory_bytes > 0);
	close(release[0]);
	close(release[1]);
	exit_records_close(&records);
	/* Closed, it does nothing. */
	exit_records_follow(&records, 1);
	exit_records_let_go(&records, 1);
	exit_records_read(&records, on_record, NULL);
	assert_int_equal(exit_records_work(&records), 0);
}

/* There the kernel takes who asks, and never sends anything. */
static void in_another_network_there_are_none(void **state)
{
	struct exit_records records;
	pid_t pid;
	int status;

	if (exit_records_open(&records)) {
		printf("SKIPPED: no records here\n");
		skip();
	}
	exit_records_close(&records);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET))
			_exit(errno);
		_exit(exit_records_open(&records) == -ENONET ? 0 : 255);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EPERM) {
		printf("SKIPPED: no other network can be made here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static int open_and_close(void *userdata)
{
	struct exit_records records;
	int err = exit_records_open(&records);

	exit_records_close(&records);
	return err;
}

static void opening_survives_every_allocation_that_fails(void **state)
{
	struct exit_records records;

	if (exit_records_open(&records)) {
		printf("SKIPPED: no records here\n");
		skip();
	}
	exit_records_close(&records);
	with_failing_allocations(open_and_close, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_who_ended_and_whether_that_is_all_of_it),
		cmocka_unit_test(what_is_cut_off_is_no_record),
		cmocka_unit_test(any_bytes_are_read_within_their_bounds),
		cmocka_unit_test(only_those_that_are_followed_are_told_of),
		cmocka_unit_test(in_another_network_there_are_none),
		cmocka_unit_test(opening_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
