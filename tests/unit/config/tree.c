/* YAML becomes a tree with places; hostile YAML becomes one clear fault, soon. */
#include "common.h"

#include <time.h>
#include "config/tree.h"

struct parsed {
	struct source *source;
	struct arena arena;
	struct diag diag;
	struct tree_node *root;
	int err;
};

static struct parsed parse_bytes(const char *text, size_t len)
{
	struct parsed p = { .arena = ARENA_INIT, .diag = DIAG_INIT };

	p.source = source_new("t.yml", text, len);
	assert_non_null(p.source);
	p.err = tree_parse(p.source, &p.arena, &p.diag, &p.root);
	return p;
}

static void release(struct parsed *p)
{
	arena_release(&p->arena);
	diag_release(&p->diag);
	source_unref(p->source);
}

static const struct tree_node *value(const struct tree_node *map, const char *key)
{
	const struct tree_pair *pair = tree_get(map, key);

	assert_non_null(pair);
	return pair->value;
}

static void every_value_knows_its_place_in_bytes(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column, length;
	} rows[] = {
		{ "a: word", 1, 4, 4 },
		{ "a:   'two words' # x", 1, 6, 11 },
		{ "\n\na: \"q\"", 3, 4, 3 },
		{ "a:\n  - x\n", 2, 3, 1 },
		{ "a: &anchor word", 1, 12, 4 },
		{ "a: !!str 5", 1, 10, 1 },
		{ "\"\xc3\xa4\xe2\x82\xac\": 1\na: 2", 2, 4, 1 },
		{ "{\"\xc3\xa4\xe2\x82\xac\": 1, a: 2}", 1, 17, 1 },
		/* Ends of line to libyaml, but not to an editor. */
		{ "b: \"x\xc2\x85y\"\na: 2", 2, 4, 1 },
		{ "b: 1\r\na: 2", 2, 4, 1 },
		{ "\xef\xbb\xbf"
		  "a: 2",
			1, 7, 1 },
		{ "\xef\xbb\xbf"
		  "b: 1\r\na: 2",
			2, 4, 1 },
		{ "a: |\n  one\n  two\n", 1, 4, 1 },
		{ "a: one\n  two", 1, 4, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct parsed p = parse_bytes(rows[i].text, strlen(rows[i].text));
		const struct tree_node *node;

		assert_int_equal(p.err, 0);
		node = value(p.root, "a");
		assert_int_equal(node->pos.line, rows[i].line);
		assert_int_equal(node->pos.column, rows[i].column);
		assert_int_equal(node->pos.length, rows[i].length);
		release(&p);
	}
}

static void null_is_only_what_has_no_quotes(void **state)
{
	struct parsed p =
		parse_bytes("{a: , b: ~, c: null, d: 'null', e: \"\", f: !!str null}", 53);

	assert_int_equal(p.err, 0);
	for (const char *key = "abcdef"; *key; key++)
		assert_int_equal(value(p.root, (char[]){ *key, '\0' })->null, *key < 'd');
	release(&p);
}

static void merge_keys_add_what_is_not_there(void **state)
{
	static const char text[] = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\n"
				   "one: {<<: *b, x: 9}\ntwo: {<<: [*m, *b]}\n";
	struct parsed p = parse_bytes(text, strlen(text));
	const struct tree_node *one = value(p.root, "one"), *two = value(p.root, "two");

	assert_int_equal(p.err, 0);
	assert_int_equal(p.diag.n, 0);
	assert_int_equal(one->n, 2);
	assert_string_equal(value(one, "x")->text.s, "9");
	assert_string_equal(value(one, "y")->text.s, "2");
	assert_int_equal(two->n, 3);
	assert_string_equal(value(two, "y")->text.s, "3");
	assert_string_equal(value(two, "x")->text.s, "1");
	release(&p);
}

static void two_trees_are_equal_whatever_their_order_and_quotes(void **state)
{
	static const char text[] = "a: {x: [1, '2'], y: z}\nb: {y: 'z', x: ['1', 2]}\nc: {x: [1]}";
	struct parsed p = parse_bytes(text, strlen(text));

	assert_true(tree_equal(value(p.root, "a"), value(p.root, "b")));
	assert_false(tree_equal(value(p.root, "a"), value(p.root, "c")));
	release(&p);
}

static void what_is_broken_is_told_at_its_place(void **state)
{
	static const struct fault_row rows[] = {
		{ "a: 1\n\tb: 2\n",
			"2:1: error: broken YAML: a tab cannot indent a line; use spaces\n" },
		{ "a: 1\na: 2\n", "2:1: error: duplicate key 'a', already set in line 1\n" },
		{ "a: \"x\n",
			"2:1: error: broken YAML: found unexpected end of stream, while scanning "
			"a quoted scalar that begins in line 1\n" },
		{ "a: *b\n", "1:4: error: unknown anchor 'b'\n" },
		{ "a: &b [*b]\n", "1:8: error: alias 'b' refers to what it stands in\n" },
		{ "? [x]\n: 1\n", "1:3: error: a key must be a text, not a list\n" },
		{ "a: {<<: 5}\n", "1:9: error: << takes a mapping, not a text\n" },
		{ "a: \xc3\x28\n", "1:4: error: not UTF-8: byte 0xc3\n" },
		{ "\xc3\xa4: \xff", "1:5: error: not UTF-8: byte 0xff\n" },
		{ "\xef\xbb\xbf"
		  "a: 1\nb: [\x01]\n",
			"2:5: error: broken YAML: control characters are not allowed\n" },
		{ "\xef\xbb\xbf"
		  "a: 1\na: 2\n",
			"2:1: error: duplicate key 'a', already set in line 1\n" },
		{ "\xff\xfe"
		  "a",
			"0:0: error: UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8)\n" },
		{ "\"a\\0b\": 1\na: 2\n", "1:1: error: a key must not hold a NUL byte\n" },
		{ "a: \x01\n", "1:4: error: broken YAML: control characters are not allowed\n" },
		{ "a: 1\n---\nb: 2\n",
			"2:1: warning: only the first document of a file is read\n" },
		{ "a: @x\n",
			"1:4: error: broken YAML: found character that cannot start any token, "
			"while scanning for the next token that begins in line 1\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct parsed p = parse_bytes(rows[i].text, strlen(rows[i].text));
		char *said = faults_of(&p.diag);

		assert_string_equal(said, rows[i].faults);
		free(said);
		release(&p);
	}
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The one fault of a text made of n repetitions; it must come soon, in bounded memory. */
static void check_hostile(const char *head, const char *unit, size_t n, const char *fault)
{
	struct strbuf text = STRBUF_INIT;
	double began;
	struct parsed p;

	strbuf_adds(&text, head);
	for (size_t i = 0; i < n; i++)
		strbuf_adds(&text, unit);
	assert_int_equal(text.err, 0);
	began = cpu_seconds();
	p = parse_bytes(text.s, text.len);
	assert_true(cpu_seconds() - began < 5);
	assert_int_equal(p.err, -EINVAL);
	assert_int_equal(p.diag.n, 1);
	assert_non_null(strstr(p.diag.entries[0].text, fault));
	assert_true(p.arena.used_bytes < (size_t)256 << 20);
	release(&p);
	strbuf_release(&text);
}

static void hostile_files_end_in_one_fault_soon(void **state)
{
	static const char laughs[] =
		"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
		"g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";

	check_hostile("", "[", 200000, "nested too deeply");
	check_hostile("", "- ", 200000, "nested too deeply");
	check_hostile("a: ", "{a: ", 200000, "nested too deeply");
	check_hostile("", "- x\n", 400000, "a file may hold 300000 values");
	check_hostile("[", "x,", 400000, "a file may hold 300000 values");
	check_hostile(laughs, "", 0, "counted as often as aliases repeat them");
	check_hostile("", "# nothing but a comment\n", TREE_MAX_BYTES / 24 + 1, "too large");
}

static void a_large_file_on_one_line_is_read_in_linear_time(void **state)
{
	struct strbuf text = STRBUF_INIT;
	double began;
	struct parsed p;

	strbuf_addch(&text, '[');
	for (int i = 0; i < 90000; i++)
		strbuf_adds(&text, "{a: 1}, ");
	strbuf_addch(&text, ']');
	began = cpu_seconds();
	p = parse_bytes(text.s, text.len);
	assert_true(cpu_seconds() - began < 5);
	assert_int_equal(p.err, 0);
	assert_int_equal(p.root->n, 90000);
	assert_int_equal(p.root->items[89999]->pos.column, 2 + 89999 * 8);
	release(&p);
	strbuf_release(&text);
}

static int parse_once(void *userdata)
{
	static const char text[] = "a: &x [1, {b: 'c'}]\nd: *x\ne: {<<: {f: 1}, g: |\n  h\n}\n";
	struct source *source = source_new("t.yml", text, strlen(text));
	struct diag diag = DIAG_INIT;
	struct arena arena = ARENA_INIT;
	struct tree_node *root = NULL;
	int err;

	if (!source)
		return -ENOMEM;
	err = tree_parse(source, &arena, &diag, &root);
	assert_true(err == -ENOMEM || err == 0 || err == -EINVAL);
	diag_release(&diag);
	arena_release(&arena);
	source_unref(source);
	return err == -EINVAL ? 0 : err;
}

static void survives_every_failing_allocation(void **state)
{
	with_failing_allocations(parse_once, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_knows_its_place_in_bytes),
		cmocka_unit_test(null_is_only_what_has_no_quotes),
		cmocka_unit_test(merge_keys_add_what_is_not_there),
		cmocka_unit_test(two_trees_are_equal_whatever_their_order_and_quotes),
		cmocka_unit_test(what_is_broken_is_told_at_its_place),
		cmocka_unit_test(hostile_files_end_in_one_fault_soon),
		cmocka_unit_test(a_large_file_on_one_line_is_read_in_linear_time),
		cmocka_unit_test(survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
