/* A byte of an expression has its place in the file, however the text is written there. */
#include "common.h"

/* The values of smtp_hello, in whose text '@' is looked for; the value begins at 2:14. */
static void a_byte_of_a_text_has_its_place(void **state)
{
	static const struct {
		const char *value;
		unsigned line, column;
	} rows[] = {
		{ "up == @x", 2, 20 },
		{ "'up == @x'", 2, 21 },
		{ "'it''s @x'", 2, 21 },
		{ "\"up == @x\"", 2, 21 },
		{ "\"a \\\"b\\\" @x\"", 2, 23 },
		{ "\"\\u00e4\\x41\\t@x\"", 2, 27 },
		{ "\"\\N\\L@\"", 2, 19 },
		{ "\"one \\\n   two @\"", 3, 8 },
		{ "|\n  up ==\n  @x\n", 4, 3 },
		{ "|-\n\n\n      up\n\n        @x\n", 7, 9 },
		{ "|2 # why\n    one\n   @x\n", 4, 4 },
		{ "|+\n  up\n  @\n\n", 4, 3 },
		{ ">\n  up ==\n  on @x\n", 4, 6 },
		{ ">-\n  one\n\n  two\n    more\n  @x\n", 7, 3 },
		{ "up\n   ==\n   @x", 4, 4 },
		{ "up\n\n\n   @x", 5, 4 },
		{ "'up\n\n  it''s @x'", 4, 9 },
		{ "&anchor up @x", 2, 25 },
		{ "\xc3\xa4\xe2\x82\xac @x", 2, 20 },
		{ "|\r\n  up\r\n  @x\r\n", 4, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf text = STRBUF_INIT;
		struct diag diag = DIAG_INIT;
		struct config *config = NULL;
		const struct config_text *hello;
		struct pos pos;

		strbuf_addf(&text, "global:\n smtp_hello: %s\n", rows[i].value);
		assert_int_equal(config_load_text("t.yml", text.s, &config, &diag), 0);
		hello = &config->global.smtp_hello;
		pos = config_pos_in(hello, (size_t)(strchr(hello->s, '@') - hello->s), 2);
		if (pos.line != rows[i].line || pos.column != rows[i].column)
			printf("of: %s\n", rows[i].value);
		assert_int_equal(pos.line, rows[i].line);
		assert_int_equal(pos.column, rows[i].column);
		config_unref(config);
		diag_release(&diag);
		strbuf_release(&text);
	}
}

static void a_text_that_is_not_in_the_file_has_its_own_place(void **state)
{
	static const char text[] = "global:\n  external_labels: {a: '$TOLLD_TEST_LONG tail'}\n";
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	const struct config_text *value;
	struct pos pos;

	setenv("TOLLD_TEST_LONG", "something else", 1);
	assert_int_equal(config_load_text("t.yml", text, &config, &diag), 0);
	value = &config->global.external_labels.items[0].value;
	assert_string_equal(value->s, "something else tail");
	pos = config_pos_in(value, 8, 1);
	assert_int_equal(pos.line, 2);
	assert_int_equal(pos.column, value->pos.column);
	/* Nor has a default any place. */
	assert_null(config_pos_in(&config->global.smtp_hello, 1, 1).source);
	config_unref(config);
	diag_release(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_of_a_text_has_its_place),
		cmocka_unit_test(a_text_that_is_not_in_the_file_has_its_own_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
