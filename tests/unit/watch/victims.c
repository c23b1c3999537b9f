/* Whom the OOM killer ended, as it is told. */
#include "harness.h"

#include "watch/victims.h"

#define MIB	    ((uint64_t)1 << 20)
#define AT_WALL	    1700000000000ll
#define AT_BOOT(s)  ((1000 + (int64_t)(s)) * NSEC_PER_SEC)
#define KILLED	    "was killed by the kernel's OOM killer "
#define OF_MACHINE  "(the machine was out of memory)"
#define AT(seconds) " at 2023-11-14 22:13:" seconds " UTC"

static struct victim victim_of(const char *comm, int seconds)
{
	struct victim victim = {
		.at = { .boot_ns = AT_BOOT(seconds), .wall_ms = AT_WALL + seconds * 1000 },
		.pid = 100 + seconds,
		.oom.kind = OOM_OF_MACHINE,
	};

	snprintf(victim.comm, sizeof(victim.comm), "%s", comm);
	return victim;
}

static const char *name_of(uint32_t number, void *userdata)
{
	return number == 7 ? "web" : NULL;
}

static bool is_of_seven(const struct victim *victim, void *userdata)
{
	return victim->service == 7;
}

static void assert_told(
	const struct victims *victims, const struct victims_filter *filter, const char *wanted)
{
	struct strbuf out = STRBUF_INIT;

	victims_describe(victims, filter, &out);
	assert_string_equal(out.s, wanted);
	strbuf_release(&out);
}

static void says_who_it_was_where_and_whose_memory_was_out(void **state)
{
	static const struct {
		struct victim victim;
		const char *wanted;
	} rows[] = {
		{ { .comm = "java",
			  .has_memory = true,
			  .memory_bytes = 1530 * MIB + 5,
			  .service = 7,
			  .group = "/system.slice/java.service",
			  .oom.kind = OOM_OF_MACHINE },
			"java (pid 42) of web, with 1530 MiB of memory, " KILLED OF_MACHINE },
		/* The service is not watched any more; its group is still known. */
		{ { .comm = "java",
			  .service = 8,
			  .group = "/system.slice/java.service",
			  .oom.kind = OOM_OF_MACHINE },
			"java (pid 42) in /system.slice/java.service " KILLED OF_MACHINE },
		/* What is known is not said twice, nor what says nothing. */
		{ { .comm = "a b",
			  .group = "/web",
			  .oom = { .kind = OOM_OF_GROUP, .group = "/web" } },
			"a b (pid 42) " KILLED "(the memory limit of /web was reached)" },
		{ { .comm = "a",
			  .group = "/web/x",
			  .oom = { .kind = OOM_OF_GROUP, .group = "/web" } },
			"a (pid 42) in /web/x " KILLED "(the memory limit of /web was reached)" },
		{ { .comm = "a", .group = "/", .oom.kind = OOM_OF_NODES },
			"a (pid 42) " KILLED "(its memory nodes were full)" },
		{ { .oom.kind = OOM_NOT_TOLD },
			"a process (pid 42) " KILLED "(which memory was out is not known)" },
	};
	const struct victims_filter all = { .service = name_of };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct victims victims = { .n = 0 };
		struct victim victim = rows[i].victim;
		char wanted[300];

		victim.pid = 42;
		victim.at.wall_ms = AT_WALL;
		victims_add(&victims, &victim);
		snprintf(wanted, sizeof(wanted), "%s" AT("20"), rows[i].wanted);
		assert_told(&victims, &all, wanted);
	}
}

static void tells_the_newest_first_and_counts_the_rest(void **state)
{
	struct victims_filter filter = { 0 };
	struct victims victims = { .n = 0 };

	assert_told(&victims, &filter, "");
	for (int i = 0; i < 3; i++) {
		struct victim victim = victim_of((const char *[]){ "a", "b", "c" }[i], i);

		victim.service = i == 1 ? 7 : 0;
		victims_add(&victims, &victim);
	}
	assert_told(&victims, &filter,
		"c (pid 102) " KILLED OF_MACHINE AT("22") "; b (pid 101) " KILLED OF_MACHINE AT(
			"21") "; a (pid 100) " KILLED OF_MACHINE AT("20"));
	filter.since_boot_ns = AT_BOOT(1);
	assert_told(&victims, &filter,
		"c (pid 102) " KILLED OF_MACHINE AT("22") "; b (pid 101) " KILLED OF_MACHINE AT(
			"21"));
	filter.since_boot_ns = AT_BOOT(2) + 1;
	assert_told(&victims, &filter, "");
	filter = (struct victims_filter){ .fits = is_of_seven };
	assert_told(&victims, &filter, "b (pid 101) " KILLED OF_MACHINE AT("21"));
}

static void a_flood_is_told_by_its_last(void **state)
{
	const struct victims_filter all = { 0 };
	struct victims victims = { .n = 0 };
	struct strbuf out = STRBUF_INIT;

	for (int i = 0; i < 3 * VICTIMS_MAX; i++) {
		struct victim victim = victim_of("a", i);

		victims_add(&victims, &victim);
		/* Those that are remembered are told or counted, at each length. */
		strbuf_reset(&out);
		victims_describe(&victims, &all, &out);
		if (i == VICTIMS_TOLD - 1)
			assert_null(strstr(out.s, "more"));
		if (i == VICTIMS_TOLD)
			assert_non_null(strstr(out.s, "; and 1 more"));
	}
	assert_int_equal(strncmp(out.s, "a (pid 147) ", 12), 0);
	assert_non_null(strstr(out.s, "a (pid 143) "));
	assert_null(strstr(out.s, "a (pid 142) "));
	assert_non_null(strstr(out.s, "; and 11 more"));
	strbuf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_who_it_was_where_and_whose_memory_was_out),
		cmocka_unit_test(tells_the_newest_first_and_counts_the_rest),
		cmocka_unit_test(a_flood_is_told_by_its_last),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
