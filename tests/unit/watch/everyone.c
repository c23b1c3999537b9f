/* Who listens becomes a service, under virtual time. */
#include "harness.h"

#include "base/clock.h"
#include "watch/everyone.h"

#define SEC NSEC_PER_SEC

static struct everyone everyone;
static uint16_t added[16];
static size_t n_added;
static bool refuse;

static bool on_new(const struct listener *listener, void *userdata)
{
	if (refuse)
		return false;
	assert_true(n_added < ARRAY_SIZE(added));
	added[n_added++] = listener->endpoint.port;
	return true;
}

static int look(const uint16_t *ports, size_t n, int64_t at_s)
{
	struct listener items[8] = { 0 };
	const struct listeners listeners = { .items = items, .n = n };

	for (size_t i = 0; i < n; i++)
		items[i].endpoint.port = ports[i];
	return everyone_look(&everyone, &listeners, at_s * SEC, on_new, NULL);
}

#define LOOK(at_s, ...)                                                                            \
	assert_int_equal(look((const uint16_t[]){ __VA_ARGS__ },                                   \
				 ARRAY_SIZE(((const uint16_t[]){ __VA_ARGS__ })), at_s),           \
		0)

static int begin(void **state)
{
	everyone = (struct everyone){ .first_given_out = 32768 };
	n_added = 0;
	refuse = false;
	return 0;
}

static int end(void **state)
{
	everyone_release(&everyone);
	return 0;
}

static void who_listens_at_the_beginning_is_a_service(void **state)
{
	/* At two addresses it is one. */
	LOOK(100, 22, 22, 80);
	assert_int_equal(n_added, 2);
	assert_int_equal(added[0], 22);
	assert_int_equal(added[1], 80);
	LOOK(110, 22, 80);
	assert_int_equal(n_added, 2);
	assert_int_equal(everyone.next_boot_ns, 120 * SEC);
}

static void who_comes_later_is_one_after_a_minute(void **state)
{
	LOOK(100, 22);
	LOOK(110, 22, 8080);
	LOOK(160, 22, 8080);
	assert_int_equal(n_added, 1);
	LOOK(170, 22, 8080);
	assert_int_equal(n_added, 2);
}

static void who_comes_and_goes_is_none(void **state)
{
	LOOK(100, 22);
	for (int64_t at = 110; at < 600; at += 20) {
		LOOK(at, 22, 8080);
		LOOK(at + 10, 22);
	}
	assert_int_equal(n_added, 1);
}

static void a_service_stays_one_when_it_is_silent(void **state)
{
	LOOK(100, 22, 80);
	LOOK(110, 22);
	LOOK(120, 22, 80);
	assert_int_equal(n_added, 2);
}

static void ports_that_the_kernel_gives_out_are_none(void **state)
{
	LOOK(100, 32767, 32768, 45000);
	LOOK(200, 32767, 32768, 45000);
	assert_int_equal(n_added, 1);
	assert_int_equal(added[0], 32767);
	assert_true(everyone_first_given_out() >= 1024);
}

static void one_that_could_not_be_added_is_added_later(void **state)
{
	refuse = true;
	LOOK(100, 22);
	refuse = false;
	LOOK(110, 22);
	assert_int_equal(n_added, 0);
	LOOK(160, 22);
	assert_int_equal(n_added, 1);
}

static int look_once(void *userdata)
{
	static const uint16_t ports[] = { 22, 80 };
	int err;

	begin(NULL);
	err = look(ports, 2, 100);
	everyone_release(&everyone);
	return err;
}

static void looking_survives_every_allocation_that_fails(void **state)
{
	with_failing_allocations(look_once, NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_listens_at_the_beginning_is_a_service),
		TEST(who_comes_later_is_one_after_a_minute),
		TEST(who_comes_and_goes_is_none),
		TEST(a_service_stays_one_when_it_is_silent),
		TEST(ports_that_the_kernel_gives_out_are_none),
		TEST(one_that_could_not_be_added_is_added_later),
		TEST(looking_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
