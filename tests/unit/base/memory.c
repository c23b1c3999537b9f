/* Arenas, maps and growing arrays. */
#include "harness.h"

#include "base/arena.h"
#include "base/map.h"

static void an_arena_gives_zeroed_memory_that_stays(void **state)
{
	struct arena arena = ARENA_INIT;
	char *texts[500];

	for (int i = 0; i < 500; i++) {
		texts[i] = arena_printf(&arena, "text %d", i);
		assert_non_null(texts[i]);
		assert_int_equal((uintptr_t)texts[i] % 16, 0);
	}
	for (int i = 0; i < 500; i++) {
		char expected[32];

		snprintf(expected, sizeof(expected), "text %d", i);
		assert_string_equal(texts[i], expected);
	}
	for (int i = 0; i < 100; i++) {
		uint64_t *words = arena_alloc(&arena, 64);

		for (int k = 0; k < 8; k++)
			assert_int_equal(words[k], 0);
		memset(words, 0xff, 64);
	}
	arena_release(&arena);
}

static void lists_in_an_arena_grow_where_they_are_as_long_as_they_can(void **state)
{
	struct arena arena = ARENA_INIT;
	uint32_t *alone = NULL, *first = NULL, *second = NULL;
	size_t alone_cap = 0, first_cap = 0, second_cap = 0;

	for (uint32_t i = 0; i < 20; i++) {
		assert_true(arena_reserve(&arena, alone, i, alone_cap));
		assert_int_equal(alone[i], 0);
		alone[i] = i;
	}
	/* No copy was left behind. */
	assert_int_equal(arena.used_bytes, alone_cap * sizeof(*alone));
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(arena_reserve(&arena, first, i, first_cap));
		first[i] = i;
		assert_true(arena_reserve(&arena, second, i, second_cap));
		second[i] = 2 * i;
	}
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(first[i], i);
		assert_int_equal(second[i], 2 * i);
		assert_true(i >= 20 || alone[i] == i);
	}
	arena_release(&arena);
	arena_init(&arena, 1000);
	alone = NULL;
	alone_cap = 0;
	for (uint32_t i = 0; i < 128; i++)
		assert_true(arena_reserve(&arena, alone, i, alone_cap));
	assert_false(arena_reserve(&arena, alone, 128, alone_cap));
	assert_int_equal(alone_cap, 128);
	arena_release(&arena);
}

static void an_arena_has_a_maximum(void **state)
{
	struct arena arena;

	arena_init(&arena, 4096);
	assert_non_null(arena_alloc(&arena, 4000));
	assert_null(arena_alloc(&arena, 200));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_non_null(arena_alloc(&arena, 80));
	arena_release(&arena);
}

static void a_map_finds_what_was_put_and_not_what_was_deleted(void **state)
{
	struct map map = MAP_INIT;
	static int values[1000];
	char key[32];
	size_t seen = 0;

	assert_null(map_gets(&map, "absent"));
	assert_null(map_dels(&map, "absent"));
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		assert_int_equal(map_puts(&map, key, &values[i]), 0);
	}
	assert_int_equal(map_puts(&map, "key 7", &values[8]), 0);
	assert_int_equal(map.n, 1000);
	assert_ptr_equal(map_gets(&map, "key 7"), &values[8]);
	map_foreach (&map, e) {
		seen++;
		if (seen % 2)
			map_del(&map, e->key, e->key_len);
	}
	assert_int_equal(seen, 1000);
	assert_int_equal(map.n, 500);
	map_release(&map);
	assert_null(map_gets(&map, "key 7"));
}

static void keys_are_bytes_and_not_text(void **state)
{
	struct map map = MAP_INIT;
	static int a, b;

	map_put(&map, "x\0y", 3, &a);
	map_put(&map, "x", 1, &b);
	assert_ptr_equal(map_get(&map, "x\0y", 3), &a);
	assert_ptr_equal(map_get(&map, "x", 1), &b);
	map_release(&map);
}

static int fill(void *userdata)
{
	struct arena arena = ARENA_INIT;
	struct map map = MAP_INIT;
	char key[32];
	int err = 0;

	for (int i = 0; i < 100 && !err; i++) {
		snprintf(key, sizeof(key), "%d", i);
		err = map_puts(&map, key, &map);
		if (!err && !arena_alloc(&arena, 100))
			err = -ENOMEM;
	}
	/* A table that could not grow goes on with long chains: all that was put is still there. */
	if (!err && map.n != 100)
		fail_msg("%zu of 100 are there", map.n);
	arena_release(&arena);
	map_release(&map);
	return err;
}

static void they_survive_failing_allocations(void **state)
{
	with_failing_allocations(fill, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arena_gives_zeroed_memory_that_stays),
		cmocka_unit_test(lists_in_an_arena_grow_where_they_are_as_long_as_they_can),
		cmocka_unit_test(an_arena_has_a_maximum),
		cmocka_unit_test(a_map_finds_what_was_put_and_not_what_was_deleted),
		cmocka_unit_test(keys_are_bytes_and_not_text),
		cmocka_unit_test(they_survive_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
