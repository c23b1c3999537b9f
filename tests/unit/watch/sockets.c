/* Sockets of several processes: what they share counts once. */
#include "harness.h"

#include "watch/sockets.h"

struct row {
	pid_t pid;
	uint64_t inode;
	bool listens;
};

static void fill(struct sockets *sockets, const struct row *rows, size_t n)
{
	sockets_reset(sockets);
	for (size_t i = 0; i < n; i++)
		sockets_add(&(struct usage_socket){ .pid = rows[i].pid,
				    .inode = rows[i].inode,
				    .listens = rows[i].listens },
			sockets);
	assert_int_equal(sockets->err, 0);
}

static void a_shared_socket_counts_once(void **state)
{
	static const struct row rows[] = { { 30, 1, true }, { 10, 1, true }, { 20, 2, false },
		{ 10, 3, false }, { 10, 3, false }, { 20, 1, true }, { 40, 9, true },
		{ 20, 5, true } };
	static const struct {
		pid_t pids[4];
		size_t n;
		unsigned sockets, listeners;
	} wanted[] = {
		{ { 10 }, 1, 2, 1 },
		{ { 20 }, 1, 3, 2 },
		{ { 10, 20, 30 }, 3, 4, 2 },
		{ { 10, 20, 30, 40 }, 4, 5, 3 },
		{ { 10, 10 }, 2, 2, 1 },
		{ { 11, 41, 1 }, 3, 0, 0 },
		{ { 0 }, 0, 0, 0 },
	};
	struct sockets sockets = { 0 };

	for (int round = 0; round < 2; round++) {
		fill(&sockets, rows, ARRAY_SIZE(rows));
		sockets_sort(&sockets);
		for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
			unsigned n = 77, listeners = 77;

			assert_int_equal(sockets_count(&sockets, wanted[i].pids, wanted[i].n, &n,
						 &listeners),
				0);
			assert_int_equal(n, wanted[i].sockets);
			assert_int_equal(listeners, wanted[i].listeners);
		}
	}
	sockets_release(&sockets);
}

static void whoever_is_among_the_listeners_listens(void **state)
{
	static const struct row rows[] = { { 10, 5, false }, { 10, 6, true }, { 10, 7, false } };
	struct listener items[] = { { .inode = 9 }, { .inode = 7 }, { .inode = 5 } };
	const struct listeners listeners = { .items = items, .n = ARRAY_SIZE(items) }, none = { 0 };
	struct sockets sockets = { 0 };
	unsigned n, listening;

	fill(&sockets, rows, ARRAY_SIZE(rows));
	sockets_mark(&sockets, &listeners);
	sockets_sort(&sockets);
	assert_int_equal(sockets_count(&sockets, (pid_t[]){ 10 }, 1, &n, &listening), 0);
	assert_int_equal(n, 3);
	assert_int_equal(listening, 2);
	sockets_mark(&sockets, &none);
	assert_int_equal(sockets_count(&sockets, (pid_t[]){ 10 }, 1, &n, &listening), 0);
	assert_int_equal(listening, 0);
	sockets_release(&sockets);
}

static int count_with_little_memory(void *userdata)
{
	static const struct row rows[] = { { 10, 1, true }, { 10, 2, false }, { 10, 3, false } };
	struct listener item = { .inode = 1 };
	const struct listeners listeners = { .items = &item, .n = 1 };
	struct sockets sockets = { 0 };
	unsigned n, listening;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		sockets_add(&(struct usage_socket){ .pid = 10, .inode = rows[i].inode }, &sockets);
	sockets_mark(&sockets, &listeners);
	sockets_sort(&sockets);
	err = sockets_count(&sockets, (pid_t[]){ 10 }, 1, &n, &listening);
	err = sockets.err ? sockets.err : err;
	if (!err)
		assert_int_equal(n + listening, 4);
	sockets_release(&sockets);
	return err;
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(count_with_little_memory, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shared_socket_counts_once),
		cmocka_unit_test(whoever_is_among_the_listeners_listens),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
