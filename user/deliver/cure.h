/*
 * cure.h - what the owner can mend when a mail could not be handed over.
 *
 * Servers and libcurl say what went wrong in their own words; this knows the usual mistakes behind
 * them. Pure: it is told what is known of the try, and sends nothing.
 */
#ifndef TOLLD_DELIVER_CURE_H
#define TOLLD_DELIVER_CURE_H

#include <curl/curl.h>
#include "config/config.h"
#include "deliver/smtp.h"

/* What can be said of a password without saying it. */
enum password_look {
	PASSWORD_USUAL,
	PASSWORD_EMPTY,
	PASSWORD_LINES,	   /* more than one */
	PASSWORD_NOT_ASCII /* such as the no-break spaces that come with copying from a page */
};

enum password_look password_look(const char *password);

struct mail_failure {
	const struct config_email *email;
	enum smtp_stage stage;
	unsigned reply; /* the server's last code in this stage; 0: none */
	CURLcode code;	/* CURLE_OK from the login on */
	bool connected; /* TCP stood */
	bool implicit_tls;
	enum password_look password;
	const char *words; /* of what ended the try before a connection, such as a token refused */
};

/* A sentence for people, without its full stop; NULL where none is known. Lives for ever. */
const char *mail_cure(const struct mail_failure *failure);

#endif
