/*
 * smtp.h - listens to a conversation with a mail server, and judges how it ended.
 *
 * Whether it is worth trying again is in the server's replies. This hears both sides, line by line:
 * from libcurl's debug callback until the login is done, from transaction.c afterwards. What is sent
 * while logging in is never looked at, and what the server says is searched for the secrets before
 * it is kept.
 */
#ifndef TOLLD_DELIVER_SMTP_H
#define TOLLD_DELIVER_SMTP_H

#include "base/censor.h"
#include "base/strbuf.h"
#include "deliver/address.h"
#include "deliver/deliver.h"

#define SMTP_WORDS_MAX	 400
#define SMTP_REFUSED_MAX ((size_t)4 << 10)
#define SMTP_HEARD_MAX	 ((size_t)16 << 10)

enum smtp_stage {
	SMTP_CONNECT, /* until the server has said its name, TLS before that included */
	SMTP_HELLO,
	SMTP_STARTTLS, /* the handshake after it included */
	SMTP_AUTH,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_BODY, /* from the first byte of the mail until the server has taken it */
	SMTP_STAGES
};

struct smtp_dialogue {
	enum smtp_stage stage;
	/* The server's last whole reply in this stage: 0 while there is none. */
	unsigned code;
	char words[SMTP_WORDS_MAX]; /* one line, "550-5.1.1 ..." of several joined */
	size_t words_len;
	bool in_reply; /* more lines of it follow */
	bool over;     /* QUIT was sent: what follows says nothing about the mail */

	const struct address_list *to; /* borrowed */
	size_t answered;	       /* recipients that the server has answered for */
	size_t accepted, deferred;     /* of these: 2xx, and 4xx */
	struct strbuf refused;	       /* "a@b: 550 no; c@d: 450 later" */
	struct strbuf served;	       /* those accepted, each with a line end */

	struct censor censor; /* what is sent while logging in, and never shown */
	bool keeps;	      /* all replies are wanted, line by line, in `heard` */
	struct strbuf heard;
};

void smtp_dialogue_init(struct smtp_dialogue *d, const struct address_list *to);
/* Wipes the secrets. */
void smtp_dialogue_release(struct smtp_dialogue *d);
/*
 * Makes known what is sent while logging in, so that no reply that repeats it is shown: the password
 * as it is and in base64. 0 or -ENOMEM.
 */
int smtp_dialogue_hide(
	struct smtp_dialogue *d, const char *identity, const char *username, const char *password);

/* The same for XOAUTH2, whose token stands where the password would. */
int smtp_dialogue_hide_token(struct smtp_dialogue *d, const char *username, const char *token);

/* A command goes out, and a new stage begins with it. */
void smtp_dialogue_begin(struct smtp_dialogue *d, enum smtp_stage stage);
/* The same, told by the command, of which `bytes` may be the start only. */
void smtp_dialogue_sent(struct smtp_dialogue *d, const char *bytes, size_t len);
/* A line came in, with or without its line end. True where it completes a reply. */
bool smtp_dialogue_received(struct smtp_dialogue *d, const char *line, size_t len);

/* Whether the server has taken the mail, for some recipients or all. */
bool smtp_dialogue_is_taken(const struct smtp_dialogue *d);
/*
 * What became of the mail: sent where the server has taken it for all whom it will ever take it for, else
 * whether trying again may help: where it has taken it for some, trying it for the others.
 */
enum delivery_result smtp_dialogue_result(const struct smtp_dialogue *d);
/*
 * One line for people: "AUTH: 535 5.7.8 ..." where the server refused, else the stage with `words`,
 * which say how the connection ended: "connect: Connection refused".
 */
void smtp_dialogue_message(const struct smtp_dialogue *d, const char *words, struct strbuf *out);

#endif
