/* Headers that cannot be broken out of, and bodies that arrive as they were. */
#include "harness.h"

#include "deliver/mime.h"

static void headers_are_folded_and_encoded(void **state)
{
	static const struct {
		const char *name, *value, *header;
	} rows[] = {
		{ "Subject", "plain words", "Subject: plain words\r\n" },
		{ "Subject", "", "Subject:\r\n" },
		{ "Subject", "grün", "Subject: =?utf-8?q?gr=C3=BCn?=\r\n" },
		{ "Subject", "a  b", "Subject: =?utf-8?q?a__b?=\r\n" },
		{ "Subject", " a", "Subject: =?utf-8?q?_a?=\r\n" },
		/* Not to be taken for an encoded word. */
		{ "Subject",
			"=?utf-8?q?x?=", "Subject: =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=\r\n" },
		/* Nothing ends a header but its end. */
		{ "Subject", "a\r\nBcc: x@y", "Subject: a Bcc: x@y\r\n" },
		{ "Subject", "a\nb\rc\td\x7f\x1b[31m", "Subject: a b c d [31m\r\n" },
		{ "Subject",
			"a\xc2\x85"
			"b\xe2\x80\xa8"
			"c",
			"Subject: a b c\r\n" },
		{ "Subject", "a\xff", "Subject: =?utf-8?q?a=EF=BF=BD?=\r\n" },
		{ "Subject",
			"one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
			"Subject: one two three four five six seven eight nine ten eleven twelve\r\n"
			" thirteen fourteen\r\n" },
		{ "Subject", "ääääääääääääääää",
			"Subject:"
			" =?utf-8?q?=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4?=\r\n"
			" =?utf-8?q?=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4?=\r\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;

		mime_header(&out, rows[i].name, rows[i].value);
		assert_int_equal(out.err, 0);
		assert_string_equal(out.s, rows[i].header);
		strbuf_release(&out);
	}
}

/* "Messages missing a valid Message-ID header are not accepted" is what Gmail says of an encoded one. */
static void what_names_a_mail_is_never_encoded(void **state)
{
#define ID "<0123456789abcdef0123456789abcdef@ip-10-20-30-40.eu-central-1.compute.internal>"
	static const char *const names[] = { "Message-Id", "message-id", "In-Reply-To",
		"References" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct strbuf out = STRBUF_INIT, expected = STRBUF_INIT;

		mime_header(&out, names[i], "<a@b> " ID);
		strbuf_addf(&expected, "%s: <a@b>\r\n " ID "\r\n", names[i]);
		assert_string_equal(out.s, expected.s);
		strbuf_release(&out);
		strbuf_release(&expected);
	}
}

static void names_are_encoded_and_addresses_never(void **state)
{
	static const struct {
		const char *list, *header;
	} rows[] = {
		{ "a@x", "To: a@x\r\n" },
		{ "Jo Doe <a@x>, b@y", "To: Jo Doe <a@x>, b@y\r\n" },
		{ "\"Doe, Jo\" <a@x>", "To: \"Doe, Jo\" <a@x>\r\n" },
		{ "\"say \\\"hi\\\"\" <a@x>", "To: \"say \\\"hi\\\"\" <a@x>\r\n" },
		{ "Jörg <a@x>", "To: =?utf-8?q?J=C3=B6rg?= <a@x>\r\n" },
		{ "=?utf-8?q?J=C3=B6rg?= <a@x>", "To: =?utf-8?q?J=C3=B6rg?= <a@x>\r\n" },
		{ "first@example.org, second@example.org, third@example.org, fourth@example.org",
			"To: first@example.org, second@example.org, third@example.org,\r\n"
			" fourth@example.org\r\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;
		struct address_list list;
		char why[160];

		assert_int_equal(address_list_parse(rows[i].list, &list, why, sizeof(why)), 0);
		mime_header_addresses(&out, "To", &list);
		assert_string_equal(out.s, rows[i].header);
		address_list_release(&list);
		strbuf_release(&out);
	}
}

static void header_names_are_checked(void **state)
{
	static const char *const good[] = { "Subject", "X-A", "x!" };
	static const char *const bad[] = { "", "a b", "a:", "a\n", "\xc3\xb6",
		"x23456789012345678901234567890123456789012345678901234567890123456" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(mime_header_name_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(mime_header_name_valid(bad[i]));
}

#define X25 "xxxxxxxxxxxxxxxxxxxxxxxxx"

static void bodies_are_quoted_printable(void **state)
{
	static const struct {
		const char *text, *encoded;
	} rows[] = {
		{ "", "" },
		{ "a\nb", "a\r\nb\r\n" },
		{ "a = b\n", "a =3D b\r\n" },
		{ "end \n\tx\t\n", "end=20\r\n\tx=09\r\n" },
		{ "a\r\n", "a=0D\r\n" },
		{ ".\n..x\nFrom me\n", "=2E\r\n=2E.x\r\n=46rom me\r\n" },
		{ "ü", "=C3=BC\r\n" },
		{ X25 X25 X25, X25 X25 X25 "\r\n" },
		{ X25 X25 X25 "y", X25 X25 X25 "=\r\ny\r\n" },
		{ X25 X25 X25 ".", X25 X25 X25 "=\r\n=2E\r\n" },
		{ X25 X25 "xxxxxxxxxxxxxxxxxxxxxxxxü",
			X25 X25 "xxxxxxxxxxxxxxxxxxxxxxxx=\r\n=C3=BC\r\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;
		size_t len = strlen(rows[i].text);

		mime_quoted_printable(&out, rows[i].text, len);
		assert_string_equal(out.s, rows[i].encoded);
		assert_true(out.len <= mime_quoted_printable_bound(rows[i].text, len));
		strbuf_release(&out);
	}
}

static void no_line_is_too_long_whatever_comes_in(void **state)
{
	char text[2000];
	unsigned seed = 1;

	for (int round = 0; round < 500; round++) {
		struct strbuf header = STRBUF_INIT, body = STRBUF_INIT;
		size_t len = (size_t)(round * 4);

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245u + 12345u;
			text[i] = (char)(round % 2 ? 1 + (seed >> 16) % 255
						   : ' ' + (seed >> 16) % 95);
		}
		text[len] = '\0';
		mime_header(&header, "Subject", text);
		mime_quoted_printable(&body, text, len);
		assert_true(body.len <= mime_quoted_printable_bound(text, len));
		strbuf_add(&header, body.s, body.len);
		for (const char *line = header.s, *end; *line; line = end + 2) {
			end = strstr(line, "\r\n");
			assert_non_null(end);
			assert_true(end - line <= MIME_COLUMNS);
			for (const char *p = line; p < end; p++)
				assert_true((*p >= ' ' && *p <= '~') || *p == '\t');
		}
		strbuf_release(&header);
		strbuf_release(&body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_folded_and_encoded),
		cmocka_unit_test(what_names_a_mail_is_never_encoded),
		cmocka_unit_test(names_are_encoded_and_addresses_never),
		cmocka_unit_test(header_names_are_checked),
		cmocka_unit_test(bodies_are_quoted_printable),
		cmocka_unit_test(no_line_is_too_long_whatever_comes_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
