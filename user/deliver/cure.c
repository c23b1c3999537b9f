/*
 * cure.c - what the owner can mend when a mail could not be handed over.
 */
#include "deliver/cure.h"

enum password_look password_look(const char *password)
{
	if (!*password)
		return PASSWORD_EMPTY;
	if (password[strcspn(password, "\r\n")])
		return PASSWORD_LINES;
	for (const char *p = password; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			return PASSWORD_NOT_ASCII;
	}
	return PASSWORD_USUAL;
}

static bool is_gmail(const char *host)
{
	return host && (streq(host, "smtp.gmail.com") || streq(host, "smtp-relay.gmail.com") ||
			       streq(host, "smtp.googlemail.com"));
}

/* Before there is a greeting. */
static const char *cure_of_silence(const struct mail_failure *f)
{
	if (f->reply)
		return NULL;
	if (f->implicit_tls && f->code == CURLE_SSL_CONNECT_ERROR)
		return "this port does not speak TLS from the first byte: leave out "
		       "force_implicit_tls, or take port 465";
	if (!f->implicit_tls && f->connected && f->code == CURLE_OPERATION_TIMEDOUT)
		return "a port that speaks TLS from the first byte, as 465 does, needs "
		       "force_implicit_tls: true";
	return NULL;
}

static const char *cure_of_login(const struct mail_failure *f)
{
	static const char *const looks[] = {
		[PASSWORD_EMPTY] = "the password is empty",
		[PASSWORD_LINES] = "the password has more than one line",
		[PASSWORD_NOT_ASCII] = "the password has characters that are not ASCII, such as "
				       "spaces that came with copying it: type it",
	};

	/* Google: "Using OAuth 2.0 to Access Google APIs", refresh token expiration. */
	if (f->email->oauth2.set)
		return f->words && strstr(f->words, "invalid_grant")
			       ? "the refresh token is not taken any more: make a new one; Google "
				 "ends those of a project in testing after 7 days"
			       : NULL;
	if (f->reply != 534 && f->reply != 535)
		return NULL;
	if (f->password != PASSWORD_USUAL)
		return looks[f->password];
	return is_gmail(f->email->host)
		       ? "Gmail takes an app password, not that of the account: Google account > "
			 "Security > 2-Step Verification > App passwords"
		       : NULL;
}

const char *mail_cure(const struct mail_failure *f)
{
	/* GnuTLS says no more than that it failed. */
	if (f->code == CURLE_PEER_FAILED_VERIFICATION)
		return "its certificate has to be of an authority of the package ca-certificates or "
		       "of tls_config: ca_file, for this name, and in force by this machine's clock";
	if (f->stage == SMTP_CONNECT)
		return cure_of_silence(f);
	if (f->stage == SMTP_HELLO && f->code == CURLE_USE_SSL_FAILED)
		return "587 is the usual port with STARTTLS, 465 that with TLS from the first byte; "
		       "require_tls: false sends without either";
	if (f->stage == SMTP_AUTH)
		return cure_of_login(f);
	if (f->reply == 530 && !(f->email->auth_username.s && *f->email->auth_username.s))
		return "auth_username is not set";
	return NULL;
}
