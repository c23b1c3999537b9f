/* Slots: the same ones after every restart, spread by the group's hash. */
#include "harness.h"

#include "rules/slot.h"

static void a_slot_is_at_or_before_now_and_less_than_an_interval_away(void **state)
{
	static const uint64_t hashes[] = { 0, 1, 14999, 15000, 0xdeadbeefcafef00dull, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		for (int64_t now = 1700000000000; now < 1700000060000; now += 777) {
			int64_t slot = slot_at(now, 15000, hashes[i]);

			assert_true(slot <= now && now - slot < 15000);
			assert_int_equal(slot_at(slot, 15000, hashes[i]), slot);
			assert_int_equal(slot_at(slot - 1, 15000, hashes[i]), slot - 15000);
		}
	}
}

static void the_hash_moves_the_slots(void **state)
{
	assert_int_equal(slot_at(1700000010000, 15000, 0), 1700000010000);
	assert_int_equal(slot_at(1700000010000, 15000, 1000), 1699999996000);
}

static void times_before_1970_have_slots_too(void **state)
{
	assert_int_equal(slot_at(-1, 1000, 0), -1000);
	assert_int_equal(slot_at(-1000, 1000, 0), -1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_is_at_or_before_now_and_less_than_an_interval_away),
		cmocka_unit_test(the_hash_moves_the_slots),
		cmocka_unit_test(times_before_1970_have_slots_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
