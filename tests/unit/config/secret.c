/* Secrets are read when they are needed and shown to nobody. */
#include "common.h"

#include <fcntl.h>

#define HUSH "h-u-s-h"

/* Whatever is wrong with a file, its secrets do not stand in what is printed. */
static void no_fault_shows_a_secret(void **state)
{
	static const char *const texts[] = {
		"global:\n  smtp_auth_password: " HUSH "\n  smtp_auth_password: " HUSH "2\n",
		"global:\n  smtp_auth_pasword: " HUSH "\n",
		"global:\n  smtp_auth_password: \"" HUSH "\n",
		"global:\n  smtp_auth_password: [" HUSH "]\n",
		"global:\n  smtp_auth_password: {a: " HUSH "}\n",
		"global: {smtp_auth_password: " HUSH ", x: y}\n",
		"global: {x: y, 'smtp_auth_password' : '" HUSH "'}\n",
		"global:\n\tsmtp_auth_password: " HUSH "\n",
		"global:\n  smtp_auth_password: |\n    " HUSH "\n   x: " HUSH "\n",
		"global:\n  smtp_auth_password: |\n    " HUSH "\n    " HUSH " \x01\n",
		"x: &p " HUSH "\nglobal: {smtp_auth_password: *p, smtp_auth_password_file: y}\n",
		"remote_write:\n- url: http://u:" HUSH "@h/\n  bogus: 1\n",
		"scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password: " HUSH "}\n"
		"- job_name: b\n  bearer_token: " HUSH "\n  authorization:\n    credentials: " HUSH
		"\n",
		"global:\n  smtp_auth_password:" HUSH "\n",
		"global:\n  smtp_auth_password = " HUSH "\n",
		"global:\n  smtp_auth_pass: " HUSH "\n",
		"global:\n  smtp_auth_pasward: " HUSH "\n",
		"global:\n  SMTP_AUTH_PASSWORD: " HUSH "\n",
		"global:\n  slack_api_ur: http://x/" HUSH "\n",
		"global: {a=b: 1, smtp_auth_password: " HUSH ", x: y}\n",
		"scrape_configs:\n- job_name: a\n  proxy-url: http://u:" HUSH "@h:1\n",
		"scrape_configs:\n- job_name: a\n  authorization: " HUSH "\n",
		"scrape_configs:\n- job_name: a\n  basic_auth: [u, " HUSH "]\n",
		"scrape_configs:\n- job_name: a\n  http_headers: {X-A: " HUSH "}\n",
		"scrape_configs:\n- job_name: a\n  http_headers:\n"
		"    Authorization: {values: ['Bearer " HUSH "']}\n",
		"scrape_configs:\n- job_name: a\n  proxy_connect_header: {X-A: " HUSH "}\n",
		"scrape_configs:\n- job_name: a\n  static_configs: [{targets: ['http://u:" HUSH
		"@h:1/']}]\n",
		"receivers:\n- name: a\n  webhook_configs:\n  - url: [http://h/" HUSH "]\n",
		"receivers:\n- name: a\n  webhook_configs:\n  - ulr: http://h/" HUSH "\n",
		"receivers:\n- name: a\n  webhook_configs: [http://h/" HUSH "]\n",
		"receivers:\n- name: a\n  slack_configs:\n  - api_url: " HUSH "\n    bogus: y\n",
		"receivers:\n- name: a\n  email_configs:\n  - auth_password: " HUSH
		"\n    to: nobody\n"
		"    auth_secret: " HUSH "\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct strbuf out = STRBUF_INIT;
		struct diag diag = DIAG_INIT;
		struct config *config = NULL;

		assert_int_equal(config_load_text("t.yml", texts[i], &config, &diag), -EINVAL);
		diag_print(&diag, &out);
		if (strstr(out.s, HUSH))
			printf("%s", out.s);
		assert_null(strstr(out.s, HUSH));
		diag_release(&diag);
		strbuf_release(&out);
	}
}

/* Ways to spell one that are YAML's, or nearly. */
static const char *const spellings[] = {
	"global: {smtp_auth_password: " HUSH "}",
	"global: {smtp_auth_password:\n" HUSH ", smtp_hello: a}",
	"global: {\"smtp_auth_password\":\n\"" HUSH "\"}",
	"global: {\"smtp_auth_password\"\n: " HUSH "}",
	"global: {\"smtp_auth_password\"\n:\n" HUSH "}",
	"global:\n  ? smtp_auth_password\n  : " HUSH,
	"global:\n  ? smtp_auth_password\n  :\n    " HUSH,
	"global:\n  ? |-\n    smtp_auth_password\n  : " HUSH,
	"? global\n: ? smtp_auth_password\n  : " HUSH,
	"global:\n  \"smtp_auth_p\\x61ssword\": " HUSH,
	"global:\n  !!str \"smtp_auth_password\": " HUSH,
	"global:\n  smtp_auth_password: !!str " HUSH,
	"global:\n  smtp_auth_password: !!str\n    " HUSH,
	"global:\n  smtp_auth_password: &a " HUSH,
	"global:\n  smtp_auth_password: &a\n    " HUSH,
	"global:\n  smtp_auth_password: '\n" HUSH "'",
	"global:\n  smtp_auth_password: \"a\n" HUSH "\"",
	"global:\n  smtp_auth_password: \"a\\\n" HUSH "\n b\"",
	"global:\n  smtp_auth_password: a\n    " HUSH "\n    " HUSH,
	"global:\n  smtp_auth_password: >-\n\n    a\n\n    " HUSH,
	"global:\n  smtp_auth_password: |2+\n    " HUSH "\n",
	"global:\n  smtp_auth_password:\n\n\n    " HUSH,
	"global:\n  smtp_auth_password: # of mail\n    " HUSH,
	"global:\n  smtp_auth_password:\n  # of mail\n    " HUSH,
	"global:\n  smtp_auth_password: *" HUSH,
	"global:\n  smtp_auth_password: !" HUSH,
	"global:\n  smtp_auth_password: @" HUSH,
	"global:\n  smtp_auth_password: [" HUSH ", {" HUSH ": " HUSH "}]",
	"global:\n  smtp_auth_password: {" HUSH ": 1, " HUSH ": 2}",
	"global:\n  smtp_auth_password:\n    - " HUSH,
	"global:\n  smtp_auth_password:\n  - " HUSH,
	"global:\r  smtp_auth_password:\r    " HUSH "\r",
	"global:\r\n  smtp_auth_password:\r\n    " HUSH "\r\n",
	"a: &a " HUSH "\nglobal:\n  smtp_auth_password: *a",
	"a: &a\n  - " HUSH "\nglobal:\n  smtp_auth_password: *a",
	"a: &a {smtp_auth_password: " HUSH "}\nglobal: {<<: *a}",
	"a: &a\n  smtp_auth_password:\n    " HUSH "\nglobal:\n  <<: [*a]\n  smtp_auth_password: x",
	"global:\n  smtp_auth_pssword: " HUSH,
	"global:\n  smtpAuthPassword: " HUSH,
	"global:\n  smtp_auth_pw: " HUSH,
	"global:\n  smtp_auth_secert: " HUSH,
	"global:\n  smtp_auth_password " HUSH,
	"global:\n  smtp_hello: a # the password is " HUSH,
	"global:\n  smtp_hello: a # Passwort: " HUSH,
	"global:\n  smtp_auth_password_file: a # " HUSH,
	"# " HUSH "\nglobal: {}",
	"global: {} # smtp_auth_password: " HUSH,
	"global:\n  smtp_auth_password: ab: to: " HUSH,
	"global:\n  slack_api_url: 'http://h/" HUSH "'",
	"receivers:\n- name: a\n  webhook_configs:\n  - url: http://h/" HUSH,
	"receivers:\n- name: a\n  webhook_configs:\n  - url:\n      http://h/" HUSH,
	"receivers: {name: a, webhook_configs: [{url: 'http://h/" HUSH "'}]}",
	"receivers:\n- name: a\n  webhook_configs:\n  - url: http://h/?a=" HUSH "#b",
	"receivers:\n- name: a\n  webhook_configs:\n  - http_config: {authorization: {credentails: " HUSH
	"}}",
	"receivers:\n- name: a\n  webhook_configs:\n  - http_config:\n      http_headers:\n"
	"        X-Key:\n          secrets:\n          - " HUSH,
	"receivers:\n- name: a\n  telegram_configs:\n  - {bot_token: 1:" HUSH ", chat_id: 1}",
	"scrape_configs:\n- job_name: a\n  oauth2: {client_secret: " HUSH "}",
	"scrape_configs:\n- job_name: a\n  basic_auth:\n    {username: u,\npassword:\n" HUSH "}",
	"remote_write: [{url: 'http://h/x', bearer_token: \"" HUSH "\"}]",
};
/* What makes a file one that is told about: a key too many, or no YAML at all. */
static const char *const faults[] = { "\nbogus: 1\n", "\nbogus: [\n", "\n\tbogus: 1\n",
	"\nbogus: 'x\n", " }\n", "\n" };

/* Every line of a file that was at fault, as it would be shown. */
static void print_lines(const struct diag *faulty, struct strbuf *out)
{
	struct diag diag = DIAG_INIT;
	struct pos pos = faulty->entries[0].pos;

	for (pos.line = 1; pos.line < 12; pos.line++) {
		pos.column = 1;
		diag_error(&diag, pos, "x");
	}
	diag_print(&diag, out);
	diag_release(&diag);
}

static void no_line_of_a_faulty_file_shows_a_secret(void **state)
{
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	size_t shown = 0;

	for (size_t i = 0; i < ARRAY_SIZE(spellings) * ARRAY_SIZE(faults); i++) {
		struct diag diag = DIAG_INIT;
		struct config *config = NULL;

		strbuf_reset(&text);
		strbuf_reset(&out);
		strbuf_addf(&text, "%s%s", spellings[i / ARRAY_SIZE(faults)],
			faults[i % ARRAY_SIZE(faults)]);
		config_load_text("t.yml", text.s, &config, &diag);
		diag_print(&diag, &out);
		if (diag.n && diag.entries[0].pos.source)
			print_lines(&diag, &out);
		if (strstr(out.s, HUSH)) {
			printf("of this file a secret is shown:\n%s\n%s", text.s, out.s);
			shown++;
		}
		config_unref(config);
		diag_release(&diag);
	}
	strbuf_release(&text);
	strbuf_release(&out);
	assert_int_equal(shown, 0);
}

static void the_line_around_a_secret_is_still_shown(void **state)
{
	static const char text[] = "global: {smtp_auth_password: '" HUSH "'}\n"
				   "route: {bogus: 1}\n"
				   "watch:\n"
				   "# password: below a comment no line belongs to it\n"
				   "  bogus: 2\n";
	struct strbuf out = STRBUF_INIT;
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;

	assert_int_equal(config_load_text("t.yml", text, &config, &diag), -EINVAL);
	diag_print(&diag, &out);
	assert_non_null(strstr(out.s, "    route: {bogus: 1}\n"));
	assert_non_null(strstr(out.s, "      bogus: 2\n"));
	strbuf_release(&out);
	diag_release(&diag);
}

static void secret_from(const char *content, size_t len, int expected_err, const char *expected)
{
	char path[] = "/tmp/tolld-secret-XXXXXX";
	struct config_secret secret = { .file.s = path };
	int fd = mkostemp(path, O_CLOEXEC), err;
	char *value = NULL;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), len);
	close(fd);
	err = config_secret_read(&secret, &value);
	assert_int_equal(err, expected_err);
	if (!err)
		assert_string_equal(value, expected);
	config_secret_wipe(&value);
	assert_null(value);
	unlink(path);
}

static void a_secret_comes_from_its_file_without_the_white_space_at_its_end(void **state)
{
	struct config_secret none = { 0 }, inline_ = { .value.s = (char *)" as is \n" };
	struct config_secret missing = { .file.s = (char *)"/nonexistent/x" };
	static char large[(64 << 10) + 1];
	char *value = NULL;

	secret_from("abcd efgh\n", 10, 0, "abcd efgh");
	secret_from("  x \r\n\n", 7, 0, "  x");
	secret_from("", 0, 0, "");
	memset(large, 'x', sizeof(large));
	secret_from(large, sizeof(large), -EFBIG, NULL);

	assert_int_equal(config_secret_read(&none, &value), 0);
	assert_null(value);
	assert_int_equal(config_secret_read(&inline_, &value), 0);
	assert_string_equal(value, " as is \n");
	config_secret_wipe(&value);
	assert_int_equal(config_secret_read(&missing, &value), -ENOENT);
	assert_null(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_fault_shows_a_secret),
		cmocka_unit_test(no_line_of_a_faulty_file_shows_a_secret),
		cmocka_unit_test(the_line_around_a_secret_is_still_shown),
		cmocka_unit_test(a_secret_comes_from_its_file_without_the_white_space_at_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
