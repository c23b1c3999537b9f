/* Addresses: what a From or To of a settings file may say, and what is refused. */
#include "harness.h"

#include "deliver/address.h"

static void reads_what_people_write(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *name, *spec; /* of the last one */
	} rows[] = {
		{ "operator@example.org", 1, "", "operator@example.org" },
		{ "  a@b \t", 1, "", "a@b" },
		{ "root@localhost, a.b+c@d-e.example", 2, "", "a.b+c@d-e.example" },
		{ "Jo Doe <jo@example.org>", 1, "Jo Doe", "jo@example.org" },
		{ "<jo@example.org>", 1, "", "jo@example.org" },
		{ "\"Doe, Jo\" <jo@example.org>", 1, "Doe, Jo", "jo@example.org" },
		{ "\"a \\\"b\\\" \\\\c\" <jo@x>", 1, "a \"b\" \\c", "jo@x" },
		{ "Jörg Müller <j@x>", 1, "Jörg Müller", "j@x" },
		{ "J. R. Doe < j@x > (work)", 1, "J. R. Doe", "j@x" },
		{ "(a (nested) note) j@x", 1, "", "j@x" },
		{ "=?utf-8?q?J=C3=B6rg?= <j@x>", 1, "=?utf-8?q?J=C3=B6rg?=", "j@x" },
		{ "\"john doe\"@example.org", 1, "", "\"john doe\"@example.org" },
		{ "\"a@b\"@example.org", 1, "", "\"a@b\"@example.org" },
		{ "a@[192.0.2.1]", 1, "", "a@[192.0.2.1]" },
		{ "a@[IPv6:2001:db8::1]", 1, "", "a@[IPv6:2001:db8::1]" },
		{ "a@x,b@y,\r\n\tc@z", 3, "", "c@z" },
	};
	struct address_list list;
	char why[160];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (address_list_parse(rows[i].text, &list, why, sizeof(why)))
			fail_msg("'%s': %s", rows[i].text, why);
		assert_int_equal(list.n, rows[i].n);
		assert_string_equal(list.items[list.n - 1].name, rows[i].name);
		assert_string_equal(list.items[list.n - 1].spec, rows[i].spec);
		address_list_release(&list);
	}
}

static void refuses_what_would_go_astray_and_says_why(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "an address is missing (at column 1)" },
		{ "a@x,", "an address is missing (at column 5)" },
		{ ",a@x", "an address is missing (at column 1)" },
		{ "a@x,,b@y", "an address is missing (at column 5)" },
		{ "operator", "'@' is missing (at column 9)" },
		{ "@example.org", "the part before '@' is missing or broken (at column 1)" },
		{ "a@", "the part after '@' is missing or broken (at column 3)" },
		{ "a..b@x", "the part before '@' is missing or broken (at column 3)" },
		{ "a@x.", "the part after '@' is missing or broken (at column 5)" },
		{ "a@x b@y", "',' is missing between two addresses (at column 5)" },
		{ "a@x;b@y", "',' is missing between two addresses (at column 4)" },
		{ "Jo <a@x", "'>' is missing (at column 8)" },
		{ "Jo <a@x> b", "',' is missing between two addresses (at column 10)" },
		{ "\"Jo <a@x>", "a quoted name is not closed: '\"' is missing (at column 10)" },
		{ "j\xc3\xb6@x", "an address outside ASCII is not served (at column 2)" },
		{ "a@\xc3\xb6.example", "an address outside ASCII is not served (at column 3)" },
		{ "a@x\xff", "not UTF-8 (at column 1)" },
		{ "a@[1.2.3.4", "the domain in '[' is not closed: ']' is missing (at column 11)" },
		{ "(a@x", "a comment is not closed: ')' is missing (at column 5)" },
		{ "((((((((( )))))))))a@x", "comments are nested too deeply (at column 9)" },
		{ "a@x\r\nRCPT TO:<b@y>", "',' is missing between two addresses (at column 6)" },
		{ "<a@x\r\nRSET>", "'>' is missing (at column 7)" },
	};
	struct address_list list;
	char why[160];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		why[0] = '\0';
		if (address_list_parse(rows[i].text, &list, why, sizeof(why)) != -EINVAL)
			fail_msg("'%s' was taken", rows[i].text);
		assert_string_equal(why, rows[i].why);
	}
}

static void lengths_and_numbers_have_limits(void **state)
{
	struct address_list list;
	char text[1200], why[160];

	memset(text, 'a', 64);
	memcpy(text + 64, "@x", 3);
	assert_int_equal(address_list_parse(text, &list, why, sizeof(why)), 0);
	address_list_release(&list);
	memset(text, 'a', 65);
	memcpy(text + 65, "@x", 3);
	assert_int_equal(address_list_parse(text, &list, why, sizeof(why)), -EINVAL);
	memset(text, 'a', 300);
	memcpy(text, "a@", 2);
	text[300] = '\0';
	assert_int_equal(address_list_parse(text, &list, why, sizeof(why)), -EINVAL);

	text[0] = '\0';
	for (int i = 0; i < 100; i++)
		memcpy(text + i * 4, "a@x,", 5);
	text[399] = '\0';
	assert_int_equal(address_list_parse(text, &list, why, sizeof(why)), 0);
	assert_int_equal(list.n, 100);
	address_list_release(&list);
	memcpy(text + 399, ",a@x", 5);
	assert_int_equal(address_list_parse(text, &list, why, sizeof(why)), -EINVAL);
}

static int parse_once(void *userdata)
{
	struct address_list list;
	char why[160];
	int err = address_list_parse("Jo <a@x>, \"K\" <b@y>, \"c d\"@z", &list, why, sizeof(why));

	if (!err)
		address_list_release(&list);
	return err;
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(parse_once, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_people_write),
		cmocka_unit_test(refuses_what_would_go_astray_and_says_why),
		cmocka_unit_test(lengths_and_numbers_have_limits),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
