/* What the owner is told to mend, for what went wrong. */
#include "deliver/cure.h"

#include "harness.h"

static const struct config_email gmail = { .host = (char *)"smtp.gmail.com",
	.auth_username = { .s = (char *)"you@gmail.com" } };
static const struct config_email other = { .host = (char *)"mail.example.org",
	.auth_username = { .s = (char *)"you" } };
static const struct config_email nobody = { .host = (char *)"smtp.gmail.com" };
static const struct config_email token = { .host = (char *)"smtp.gmail.com",
	.auth_username = { .s = (char *)"you@gmail.com" },
	.oauth2.set = true };

static void a_password_is_looked_at_and_not_shown(void **state)
{
	static const struct {
		const char *password;
		enum password_look look;
	} rows[] = {
		{ "abcdefghijklmnop", PASSWORD_USUAL },
		/* As Google shows it, and as Gmail takes it. */
		{ "abcd efgh ijkl mnop", PASSWORD_USUAL },
		{ "", PASSWORD_EMPTY },
		{ "abcd\nefgh", PASSWORD_LINES },
		{ "abcd\r", PASSWORD_LINES },
		{ "abcd\xc2\xa0"
		  "efgh",
			PASSWORD_NOT_ASCII },
		{ "\xef\xbb\xbf"
		  "abcd",
			PASSWORD_NOT_ASCII },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(password_look(rows[i].password), rows[i].look);
}

static void each_mistake_has_its_cure(void **state)
{
	static const struct {
		struct mail_failure failure;
		const char *cure; /* a part of it; NULL: none is known */
	} rows[] = {
		{ { .email = &gmail, .stage = SMTP_AUTH, .reply = 535 }, "app password" },
		{ { .email = &gmail, .stage = SMTP_AUTH, .reply = 534 }, "app password" },
		{ { .email = &gmail, .stage = SMTP_AUTH, .reply = 454 }, NULL },
		{ { .email = &other, .stage = SMTP_AUTH, .reply = 535 }, NULL },
		{ { .email = &other, .stage = SMTP_AUTH, .reply = 535, .password = PASSWORD_LINES },
			"more than one line" },
		{ { .email = &other, .stage = SMTP_AUTH, .reply = 535, .password = PASSWORD_EMPTY },
			"is empty" },
		{ { .email = &token,
			  .stage = SMTP_AUTH,
			  .words = "oauth2 token: status code 400: invalid_grant" },
			"make a new one" },
		{ { .email = &token, .stage = SMTP_AUTH, .words = "Login denied" }, NULL },
		{ { .email = &token, .stage = SMTP_AUTH }, NULL },
		{ { .email = &nobody, .stage = SMTP_MAIL, .reply = 530 },
			"auth_username is not set" },
		{ { .email = &gmail, .stage = SMTP_MAIL, .reply = 530 }, NULL },
		{ { .email = &gmail, .code = CURLE_OPERATION_TIMEDOUT, .connected = true },
			"force_implicit_tls: true" },
		{ { .email = &gmail, .code = CURLE_OPERATION_TIMEDOUT }, NULL },
		{ { .email = &gmail,
			  .code = CURLE_OPERATION_TIMEDOUT,
			  .connected = true,
			  .implicit_tls = true },
			NULL },
		{ { .email = &gmail,
			  .code = CURLE_SSL_CONNECT_ERROR,
			  .connected = true,
			  .implicit_tls = true },
			"leave out force_implicit_tls" },
		{ { .email = &gmail, .code = CURLE_COULDNT_CONNECT }, NULL },
		{ { .email = &gmail, .stage = SMTP_HELLO, .code = CURLE_USE_SSL_FAILED }, "587" },
		{ { .email = &gmail,
			  .stage = SMTP_STARTTLS,
			  .code = CURLE_PEER_FAILED_VERIFICATION },
			"ca_file" },
		{ { .email = &gmail, .stage = SMTP_RCPT, .reply = 550 }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *cure = mail_cure(&rows[i].failure);

		if (!cure != !rows[i].cure || (cure && !strstr(cure, rows[i].cure)))
			fail_msg("row %zu: '%s'", i, cure ? cure : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_looked_at_and_not_shown),
		cmocka_unit_test(each_mistake_has_its_cure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
