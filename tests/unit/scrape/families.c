/* What bodies say of families: the same whether it was expected or not. */
#include "harness.h"

#include <errno.h>
#include "scrape/families.h"

/* Reads a body to its end or its first fault, as cache.c does; how many families were expected. */
static int read_body(struct families *families, const char *s)
{
	struct exposition text;
	struct exposition_entry entry = { 0 };
	int kind = 0, expected = 0, err;

	exposition_init(&text, s, strlen(s));
	families_begin(families);
	do {
		err = *text.at == '#' ? families_expect(families, &text) : 0;
		if (err < 0)
			return err;
		expected += err;
		kind = err ? EXPOSITION_TYPE : exposition_next(&text, &entry);
		if (!err && kind > EXPOSITION_SAMPLE &&
			families_note(families, kind, &text, &entry))
			return -ENOMEM;
	} while (kind > EXPOSITION_END && text.at < text.end);
	if (kind >= EXPOSITION_END)
		families_commit(families);
	return expected;
}

static const char *spell(const struct families *families, const char *name)
{
	const struct family *family = map_gets(&families->map, name);
	static char out[200];

	if (!family)
		return "-";
	snprintf(out, sizeof(out), "%s %s", metric_type_text(family->type),
		family->help ? family->help : "(none)");
	return out;
}

#define FIRST                                                                                      \
	"# HELP a one\n# TYPE a counter\na 1\n# HELP b two\n# TYPE b gauge\nb 1\n"                 \
	"# HELP c th\\\\nree\n# TYPE c untyped\nc 1\n# HELP d four\n# TYPE d gauge\nd 1\n"

static void reads_the_same_after_any_body(void **state)
{
	static const struct {
		const char *body;
		int expected;
		const char *a, *b, *c, *d;
	} rows[] = {
		/* As it was; what holds an escape is taken apart each time. */
		{ FIRST, 3, "counter one", "gauge two", "unknown th\\nree", "gauge four" },
		/* Other texts, one longer, one shorter. */
		{ "# HELP a ones\n# TYPE a counter\na 1\n# HELP b tw\n# TYPE b gauge\nb 1\n", 0,
			"counter ones", "gauge tw", "unknown th\\nree", "gauge four" },
		/* The raw text is what the plain one was. */
		{ "# HELP c th\\nree\n# TYPE c untyped\nc 1\n", 0, "counter one", "gauge two",
			"unknown th\nree", "gauge four" },
		/* Another type, and one that begins like it. */
		{ "# HELP a one\n# TYPE a gauge\na 1\n# HELP b two\n# TYPE b gauges\n", 0,
			"gauge one", "gauge two", "unknown th\\nree", "gauge four" },
		/* Another name, and another one at the second line. */
		{ "# HELP b one\n# TYPE b counter\n# HELP d 4\n# TYPE a gauge\n", 0, "gauge one",
			"counter one", "unknown th\\nree", "gauge 4" },
		/* Another order, a new one between, a blank more, one without an end. */
		{ "# HELP d four\n# TYPE d gauge\n# HELP a one\n# TYPE a counter\n"
		  "# HELP b two\n# TYPE b gauge\n",
			1, "counter one", "gauge two", "unknown th\\nree", "gauge four" },
		{ "# HELP a one\n# TYPE a counter\n# HELP e 5\n# TYPE e gauge\n"
		  "# HELP b two\n# TYPE b gauge\n",
			2, "counter one", "gauge two", "unknown th\\nree", "gauge four" },
		{ "# HELP a  one\n# TYPE a counter\n", 0, "counter  one", "gauge two",
			"unknown th\\nree", "gauge four" },
		{ "#  HELP a one\n# TYPE a gauge\n", 0, "gauge one", "gauge two",
			"unknown th\\nree", "gauge four" },
		{ "# HELP a one\n# TYPE a counter", 0, "counter one", "gauge two",
			"unknown th\\nree", "gauge four" },
		{ "# HELP a one\n# TYPE a counter\n# HELP b two", 1, "counter one", "gauge two",
			"unknown th\\nree", "gauge four" },
		/* One of its two lines alone, and the two the other way round. */
		{ "# HELP a one\na 1\n# HELP b two\n# TYPE b gauge\n", 1, "counter one",
			"gauge two", "unknown th\\nree", "gauge four" },
		{ "# TYPE a gauge\n# HELP a 1\n", 0, "gauge 1", "gauge two", "unknown th\\nree",
			"gauge four" },
		/* Quoted it is the same family. */
		{ "# HELP \"a\" one\n# TYPE \"a\" gauge\n", 0, "gauge one", "gauge two",
			"unknown th\\nree", "gauge four" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct families families = { 0 };

		assert_int_equal(read_body(&families, FIRST), 0);
		assert_int_equal(read_body(&families, rows[i].body), rows[i].expected);
		assert_string_equal(spell(&families, "a"), rows[i].a);
		assert_string_equal(spell(&families, "b"), rows[i].b);
		assert_string_equal(spell(&families, "c"), rows[i].c);
		assert_string_equal(spell(&families, "d"), rows[i].d);
		families_release(&families);
	}
}

/* A name that only quotes can hold is not found without them. */
static void a_quoted_name_is_not_expected_bare(void **state)
{
	struct families families = { 0 };

	(void)state;
	read_body(&families, "# HELP \"b.c\" x\n# TYPE \"b.c\" gauge\n");
	assert_string_equal(spell(&families, "b.c"), "gauge x");
	assert_int_equal(read_body(&families, "# HELP b.c x\n# TYPE b counter\n"), 0);
	assert_string_equal(spell(&families, "b.c"), "gauge x");
	assert_string_equal(spell(&families, "b"), "counter c x");
	families_release(&families);
}

static void a_body_at_fault_is_not_what_is_expected(void **state)
{
	struct families families = { 0 };

	(void)state;
	read_body(&families, FIRST);
	assert_int_equal(read_body(&families, "# HELP b two\n# TYPE b gauge\n{\n"), 0);
	assert_int_equal(read_body(&families, FIRST), 3);
	families_release(&families);
}

static void what_is_not_told_of_any_more_is_forgotten(void **state)
{
	struct families families = { 0 };
	int kept = 0;

	(void)state;
	read_body(&families, FIRST);
	while (families.map.n == 4 && kept < 100) {
		assert_int_equal(read_body(&families, "# HELP d four\n# TYPE d gauge\n"), kept > 0);
		kept++;
	}
	assert_int_equal(kept, 11);
	assert_string_equal(spell(&families, "d"), "gauge four");
	assert_string_equal(spell(&families, "a"), "-");
	assert_int_equal(read_body(&families, FIRST), 1);
	families_release(&families);
}

static int read_twice(void *userdata)
{
	struct families families = { 0 };
	int err = read_body(&families, FIRST);

	(void)userdata;
	if (!err)
		err = read_body(&families, FIRST);
	families_release(&families);
	return err < 0 ? err : 0;
}

static void survives_memory_running_out(void **state)
{
	(void)state;
	with_failing_allocations(read_twice, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_same_after_any_body),
		cmocka_unit_test(a_quoted_name_is_not_expected_bare),
		cmocka_unit_test(a_body_at_fault_is_not_what_is_expected),
		cmocka_unit_test(what_is_not_told_of_any_more_is_forgotten),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
