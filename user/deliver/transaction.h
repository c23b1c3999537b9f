/*
 * transaction.h - the client's side of one mail: MAIL FROM, RCPT TO, DATA, the mail, QUIT.
 *
 * Pure: bytes in, bytes out. libcurl brings the connection up to here (EHLO, STARTTLS, AUTH) and
 * could do this as well, but it waits for the server's last answer without going back to the loop
 * (7.88, smtp_done), and a transfer that is cancelled after DATA sends the end of the mail, so that
 * half an alert is delivered.
 */
#ifndef TOLLD_DELIVER_TRANSACTION_H
#define TOLLD_DELIVER_TRANSACTION_H

#include "deliver/message.h"
#include "deliver/smtp.h"

/* RFC 5321 4.5.3.1.5 allows replies of 512 bytes; what is longer is cut. */
#define TRANSACTION_LINE_MAX 1024
/*
 * All that a server may say of one mail: as much as libcurl 7.88 hears before the login. Whoever talks
 * faster than he is heard would hold the loop, and no timer would end it.
 */
#define TRANSACTION_HEARD_MAX ((size_t)300 << 10)

struct transaction {
	const struct message *message; /* borrowed, as the dialogue is */
	struct smtp_dialogue *dialogue;
	struct strbuf out; /* to be sent; the caller takes from `sent` on */
	size_t sent;
	size_t asked; /* recipients asked for so far */
	size_t heard;
	char line[TRANSACTION_LINE_MAX];
	size_t line_len;
	bool out_of_step; /* it was answered what was not asked: what the server took nobody knows */
	bool over;	  /* the mail's fate is in the dialogue; QUIT may be left in out */
};

/* The first command is in `out` afterwards. */
void transaction_init(
	struct transaction *t, const struct message *message, struct smtp_dialogue *dialogue);
void transaction_release(struct transaction *t);
/* What the server said, in pieces of any size; answers go to `out`. -ENOMEM; -EMSGSIZE: too much of it. */
int transaction_feed(struct transaction *t, const char *bytes, size_t len);

#endif
