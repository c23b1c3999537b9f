/* Events that wait while a service is added: all are told, in their order, and of nobody who is gone. */
#include "harness.h"

#include "watch/telling.h"

static struct service services[3];
static struct {
	const struct service *service;
	enum service_event what;
} told[8];
static size_t n_told;

static void on_event(struct service *service, enum service_event what, void *userdata)
{
	assert_ptr_equal(userdata, told);
	assert_true(n_told < ARRAY_SIZE(told));
	told[n_told].service = service;
	told[n_told++].what = what;
}

static struct telling begin(void)
{
	memset(services, 0, sizeof(services));
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		services[i].state = SERVICE_UP;
		services[i].owner.pid = (pid_t)i + 1;
	}
	n_told = 0;
	return (struct telling){ .fn = on_event, .userdata = told };
}

static void assert_told(size_t i, int service, enum service_event what)
{
	assert_true(i < n_told);
	assert_ptr_equal(told[i].service, &services[service]);
	assert_int_equal(told[i].what, what);
}

static void what_is_held_is_told_in_its_order_and_before_what_comes_next(void **state)
{
	struct telling telling = begin();

	telling_tell(&telling, &services[0], SERVICE_DIED);
	assert_int_equal(n_told, 1);
	telling.holds = true;
	telling_tell(&telling, &services[1], SERVICE_APPEARED);
	telling_tell(&telling, &services[0], SERVICE_APPEARED);
	telling_tell(&telling, &services[2], SERVICE_DIED);
	telling.holds = false;
	assert_int_equal(n_told, 1);
	telling_tell(&telling, &services[2], SERVICE_APPEARED);
	assert_int_equal(n_told, 5);
	assert_told(1, 1, SERVICE_APPEARED);
	assert_told(2, 0, SERVICE_APPEARED);
	assert_told(3, 2, SERVICE_DIED);
	assert_told(4, 2, SERVICE_APPEARED);
	telling_go_on(&telling);
	assert_int_equal(n_told, 5);
	telling_release(&telling);
}

static void of_who_is_gone_by_then_nothing_is_told_that_is_over(void **state)
{
	struct telling telling = begin();

	telling.holds = true;
	for (int i = 0; i < 3; i++)
		telling_tell(&telling, &services[i], SERVICE_APPEARED);
	telling_tell(&telling, &services[0], SERVICE_DIED);
	telling_tell(&telling, &services[1], SERVICE_LISTENER_GONE);
	telling.holds = false;
	/* It has died, one lives and does not listen, and one is a service no more. */
	services[0].state = services[1].state = SERVICE_DOWN;
	services[0].owner.pid = 0;
	telling_forget(&telling, &services[2]);
	telling_go_on(&telling);
	assert_int_equal(n_told, 3);
	assert_told(0, 1, SERVICE_APPEARED);
	assert_told(1, 0, SERVICE_DIED);
	assert_told(2, 1, SERVICE_LISTENER_GONE);
	telling_release(&telling);
}

static void nobody_has_to_listen(void **state)
{
	struct telling telling = { .holds = true };

	telling_tell(&telling, &services[0], SERVICE_DIED);
	assert_int_equal(telling.n, 0);
	telling_go_on(&telling);
	telling_release(&telling);
}

static int hold_some(void *userdata)
{
	struct telling telling = begin();

	telling.holds = true;
	telling_tell(&telling, &services[0], SERVICE_DIED);
	telling_tell(&telling, &services[1], SERVICE_DIED);
	telling.holds = false;
	telling_go_on(&telling);
	telling_release(&telling);
	/* Too early, but told. */
	assert_int_equal(n_told, 2);
	return allocation_failed() ? -ENOMEM : 0;
}

static void without_memory_it_is_told_at_once(void **state)
{
	with_failing_allocations(hold_some, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_held_is_told_in_its_order_and_before_what_comes_next),
		cmocka_unit_test(of_who_is_gone_by_then_nothing_is_told_that_is_over),
		cmocka_unit_test(nobody_has_to_listen),
		cmocka_unit_test(without_memory_it_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
