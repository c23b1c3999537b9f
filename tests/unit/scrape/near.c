/* Which targets are asked the simple way, at which addresses, in which words. */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include "scrape/near.h"

/* The addresses as text, one a word; NULL where it is not near. */
static char *ask(const char *extra, const char *address, char **ret_text)
{
	struct strbuf yaml = STRBUF_INIT, text = STRBUF_INIT, out = STRBUF_INIT;
	struct diag diag = DIAG_INIT;
	scoped(config_unrefp) struct config *c = NULL;
	struct target_spec spec;
	struct http_request request;
	char *found = NULL;

	strbuf_addf(&yaml,
		"scrape_configs:\n- job_name: j\n%s  static_configs: [{targets: ['%s']}]\n", extra,
		address);
	assert_int_equal(config_load_text("test.yml", yaml.s, &c, &diag), 0);
	assert_int_equal(
		target_spec_init(&spec, &c->scrapes[0], &c->scrapes[0].targets[0], &diag), 0);
	if (near_request(&spec, &text, &request)) {
		assert_ptr_equal(request.text, text.s);
		assert_int_equal(request.timeout_ms, 10000);
		for (size_t i = 0; i < request.n_addresses; i++) {
			const struct sockaddr_in6 *a = (const void *)&request.addresses[i];
			const void *host = &a->sin6_addr;
			char name[INET6_ADDRSTRLEN];

			if (a->sin6_family == AF_INET)
				host = &((const struct sockaddr_in *)(const void *)a)->sin_addr;
			inet_ntop(a->sin6_family, host, name, sizeof(name));
			strbuf_addf(&out, "%s%s %u", i ? " " : "", name, ntohs(a->sin6_port));
		}
		assert_int_equal(strbuf_finish(&out, &found), 0);
	}
	if (ret_text)
		assert_int_equal(strbuf_finish(&text, ret_text), 0);
	target_spec_release(&spec);
	diag_release(&diag);
	strbuf_release(&text);
	strbuf_release(&yaml);
	return found;
}

static void loopback_addresses_are_near_and_others_are_not(void **state)
{
	static const struct {
		const char *address, *found;
	} rows[] = {
		{ "localhost:9100", "::1 9100 127.0.0.1 9100" },
		{ "LocalHost", "::1 80 127.0.0.1 80" },
		{ "127.0.0.1:9100", "127.0.0.1 9100" },
		{ "127.8.9.1", "127.8.9.1 80" },
		{ "[::1]:9100", "::1 9100" },
		{ "[::1]", "::1 80" },
		{ "192.168.1.1:9100", NULL },
		{ "[fe80::1]:9100", NULL },
		{ "0.0.0.0:9100", NULL },
		{ "localhost.example.org:9100", NULL },
		{ "127.0.0.1.example.org:9100", NULL },
		{ "node:9100", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) char *found = ask("", rows[i].address, NULL);

		if (!found != !rows[i].found || (found && !streq(found, rows[i].found)))
			fail_msg("%s: %s", rows[i].address, found ? found : "not near");
	}
}

static void what_takes_more_than_a_question_is_not_near(void **state)
{
	static const struct {
		const char *extra;
		bool near;
	} rows[] = {
		{ "", true },
		{ "  proxy_from_environment: true\n", true },
		{ "  scheme: https\n", false },
		{ "  basic_auth: {username: u}\n", false },
		{ "  authorization: {credentials: x}\n", false },
		{ "  http_headers: {X-A: {values: [b]}}\n", false },
		{ "  proxy_url: http://p:1\n", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) char *found = ask(rows[i].extra, "127.0.0.1:1", NULL);

		if (!found == rows[i].near)
			fail_msg("%s", rows[i].extra);
	}
}

static void the_request_has_a_path_a_host_and_no_more_than_it_needs(void **state)
{
	char *text;

	free(ask("  metrics_path: '/a b'\n  params: {x: [y]}\n", "localhost:9100", &text));
	assert_string_equal(text,
		"GET /a%20b?x=y HTTP/1.1\r\nHost: localhost:9100\r\nUser-Agent: tolld/" TOLLD_VERSION
		"\r\nAccept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		"application/openmetrics-text;version=0.0.1;q=0.4,"
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,"
		"*/*;q=0.1\r\nAccept-Encoding: identity\r\nX-Prometheus-Scrape-Timeout-Seconds: 10"
		"\r\n\r\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_addresses_are_near_and_others_are_not),
		cmocka_unit_test(what_takes_more_than_a_question_is_not_near),
		cmocka_unit_test(the_request_has_a_path_a_host_and_no_more_than_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
