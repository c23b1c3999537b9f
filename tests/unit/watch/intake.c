/* Records come out as they went in, however many; memory is bounded, and given back. */
#include "harness.h"

#include <string.h>
#include "watch/intake.h"

static struct intake intake;

static int setup(void **state)
{
	intake = (struct intake){ 0 };
	return 0;
}

static int teardown(void **state)
{
	intake_release(&intake);
	return 0;
}

static void put(unsigned n, size_t size)
{
	char record[256];

	memset(record, (int)(n & 0x7f), sizeof(record));
	memcpy(record, &n, sizeof(n));
	assert_int_equal(intake_put(&intake, record, size), 0);
}

static void take(unsigned n, size_t size)
{
	size_t got_size;
	const char *got = intake_take(&intake, &got_size);
	unsigned got_n;

	assert_non_null(got);
	assert_int_equal(got_size, size);
	assert_int_equal((uintptr_t)got % sizeof(uint64_t), 0);
	memcpy(&got_n, got, sizeof(got_n));
	assert_int_equal(got_n, n);
	for (size_t i = sizeof(n); i < size; i++)
		assert_int_equal(got[i], n & 0x7f);
}

static size_t size_of(unsigned n)
{
	return sizeof(n) + n * 7 % 200;
}

static void what_goes_in_comes_out_in_order(void **state)
{
	/* So many are put in, then so many taken out, again and again. */
	static const struct {
		unsigned put, take;
	} rhythms[] = { { 1, 1 }, { 3, 2 }, { 100, 99 }, { 1000, 1000 }, { 7, 6 } };

	for (size_t i = 0; i < ARRAY_SIZE(rhythms); i++) {
		unsigned in = 0, out = 0;
		size_t size;

		for (int round = 0; round < 50; round++) {
			for (unsigned k = 0; k < rhythms[i].put; k++, in++)
				put(in, size_of(in));
			for (unsigned k = 0; k < rhythms[i].take; k++, out++)
				take(out, size_of(out));
		}
		for (; out < in; out++)
			take(out, size_of(out));
		assert_true(intake_is_empty(&intake));
		assert_null(intake_take(&intake, &size));
	}
}

static void it_has_an_end_and_goes_on_once_there_is_room(void **state)
{
	char record[200] = { 0 };
	unsigned n = 0;
	size_t size;
	int err;

	while (!(err = intake_put(&intake, record, sizeof(record))))
		n++;
	assert_int_equal(err, -ENOBUFS);
	assert_in_range(n, INTAKE_MAX_BYTES / 220, INTAKE_MAX_BYTES / 200);
	assert_non_null(intake_take(&intake, &size));
	assert_int_equal(intake_put(&intake, record, sizeof(record)), 0);
	assert_int_equal(intake_put(&intake, record, sizeof(record)), -ENOBUFS);
	for (; n > 0; n--)
		assert_non_null(intake_take(&intake, &size));
	assert_null(intake_take(&intake, &size));
	/* After a storm nothing is held for the next. */
	assert_int_equal(intake.cap, 0);
}

static void memory_does_not_grow_with_time(void **state)
{
	for (unsigned n = 0; n < 100000; n++) {
		put(n, 200);
		if (n >= 10)
			take(n - 10, 200);
	}
	assert_in_range(intake.cap, 1, 65536);
}

static void what_found_no_memory_is_not_in_it(void **state)
{
	char record[8] = { 0 };
	size_t size;

	fail_allocation(1);
	assert_int_equal(intake_put(&intake, record, sizeof(record)), -ENOMEM);
	fail_allocation(0);
	assert_null(intake_take(&intake, &size));
	put(1, 8);
	take(1, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_goes_in_comes_out_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			it_has_an_end_and_goes_on_once_there_is_room, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_does_not_grow_with_time, setup, teardown),
		cmocka_unit_test_setup_teardown(what_found_no_memory_is_not_in_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
