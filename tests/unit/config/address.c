/* Mail addresses and host:port, as net/mail and net.SplitHostPort take them. */
#include "common.h"

#include "config/address.h"

static bool mail_taken(const char *s, size_t max)
{
	struct config_text text = { .s = (char *)s };
	struct diag diag = DIAG_INIT;
	bool taken = address_check_mail(&diag, &text, max);

	assert_int_equal(diag.n, !taken);
	diag_release(&diag);
	return taken;
}

static void mail_addresses_are_taken_as_net_mail_takes_them(void **state)
{
	static const char *const good[] = { "a@b", "first.last+tag@example.org", "<a@b>",
		"Tolld <t@h>", "\"A, B\" <a@b>", "J. Q. Public <j@h>", "\"odd local\"@h",
		"a@[127.0.0.1]", " a@b , c@d ,", ",a@b", "\xc3\xa4@\xc3\xb6.de",
		"{{ template \"x\" . }}" };
	static const char *const bad[] = { "a", "@b", "a@", "a@@b", "a b@c", "a@b c", "<a@b",
		"a@b>", "Name a@b", "a@b; c@d", "a..b@c", ".a@b", "a@b.", "a@.b", "\"a@b",
		"a@b <c@d>", ",", " ", "a@b\r\nBcc: x@y", "<@h:a@b>", "a@[1" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (!mail_taken(good[i], SIZE_MAX))
			fail_msg("refused: %s", good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (mail_taken(bad[i], SIZE_MAX))
			fail_msg("taken: %s", bad[i]);
	}
	assert_true(mail_taken("a@b, c@d", 2));
	assert_false(mail_taken("a@b, c@d", 1));
}

static void host_and_port_are_split(void **state)
{
	static const struct {
		const char *address, *host;
		unsigned port;
	} good[] = {
		{ "smtp.gmail.com:587", "smtp.gmail.com", 587 },
		{ "[::1]:25", "::1", 25 },
		{ "[fe80::1%eth0]:1", "fe80::1%eth0", 1 },
		{ "h:65535", "h", 65535 },
	};
	static const char *const bad[] = { "h", "h:", ":25", "h:0", "h:65536", "h:25 ", "h:+25",
		"h:2x", "::1:25", "[::1]", "[::1]25", "[::1", "a b:25", "h:25:26", "", "u@h:25",
		"[]:25" };
	struct arena arena = ARENA_INIT;
	unsigned port;
	char *host;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct config_text text = { .s = (char *)good[i].address };
		struct diag diag = DIAG_INIT;

		assert_true(address_split(&diag, &text, &arena, &host, &port));
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
		assert_int_equal(diag.n, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config_text text = { .s = (char *)bad[i] };
		struct diag diag = DIAG_INIT;

		if (address_split(&diag, &text, &arena, &host, &port))
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(diag.n, 1);
		diag_release(&diag);
	}
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_addresses_are_taken_as_net_mail_takes_them),
		cmocka_unit_test(host_and_port_are_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
