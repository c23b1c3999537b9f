/*
 * transaction.c - the client's side of one mail.
 *
 * Source: RFC 5321 4.1.1 and 4.5.2 (dots). Commands are not pipelined: a handful of round trips is
 * nothing next to the TLS handshake before them.
 */
#include "deliver/transaction.h"

#include <errno.h>

/* "VERB<ARG>": a command, and with it a new stage. */
static void say(struct transaction *t, enum smtp_stage stage, const char *verb, const char *arg)
{
	smtp_dialogue_begin(t->dialogue, stage);
	strbuf_reset(&t->out);
	t->sent = 0;
	strbuf_adds(&t->out, verb);
	if (arg)
		strbuf_addf(&t->out, "<%s>", arg);
	strbuf_adds(&t->out, "\r\n");
}

static void say_recipient(struct transaction *t)
{
	say(t, SMTP_RCPT, "RCPT TO:", t->message->to.items[t->asked++].spec);
}

/* A line that begins with a dot gets another one, and a dot alone is the end. */
static void say_body(struct transaction *t)
{
	const char *line = t->message->data, *end = line + t->message->len, *next;

	smtp_dialogue_begin(t->dialogue, SMTP_BODY);
	strbuf_reset(&t->out);
	t->sent = 0;
	for (; line < end; line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next ? next + 1 : end;
		if (*line == '.')
			strbuf_addch(&t->out, '.');
		strbuf_add(&t->out, line, (size_t)(next - line));
	}
	strbuf_adds(&t->out, ".\r\n");
}

/* The dialogue keeps the stage and the reply that decided. */
static void finish(struct transaction *t)
{
	strbuf_reset(&t->out);
	strbuf_adds(&t->out, "QUIT\r\n");
	t->sent = 0;
	t->dialogue->over = true;
	t->over = true;
}

/*
 * Not all of what was said last has left yet, and it is answered: a recipient whom the server was never
 * asked for would pass for served, a mail that was not sent to its end for taken. A refusal may come
 * at any time: 421, and whatever half of a mail brings.
 */
static bool is_early(const struct transaction *t)
{
	const struct smtp_dialogue *d = t->dialogue;

	return t->sent < t->out.len && (d->code < 400 || (d->stage == SMTP_RCPT && d->code != 421));
}

static void on_reply(struct transaction *t)
{
	const struct smtp_dialogue *d = t->dialogue;
	bool good = d->code / 100 == 2;

	if (is_early(t)) {
		smtp_dialogue_begin(t->dialogue, d->stage);
		t->out_of_step = true;
		finish(t);
		return;
	}
	switch (d->stage) {
	case SMTP_MAIL:
		if (good)
			say_recipient(t);
		else
			finish(t);
		break;
	case SMTP_RCPT:
		/* 421: the server hangs up, whatever was asked. */
		if (d->code == 421)
			finish(t);
		else if (t->asked < t->message->to.n)
			say_recipient(t);
		else if (d->accepted)
			say(t, SMTP_DATA, "DATA", NULL);
		else
			finish(t);
		break;
	case SMTP_DATA:
		if (d->code == 354)
			say_body(t);
		else
			finish(t);
		break;
	default:
		finish(t);
	}
}

void transaction_init(
	struct transaction *t, const struct message *message, struct smtp_dialogue *dialogue)
{
	*t = (struct transaction){ .message = message, .dialogue = dialogue };
	strbuf_init(&t->out, MESSAGE_MAX_BYTES * 2);
	say(t, SMTP_MAIL, "MAIL FROM:", message->from);
}

void transaction_release(struct transaction *t)
{
	strbuf_release(&t->out);
}

int transaction_feed(struct transaction *t, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && !t->over; i++) {
		if (bytes[i] != '\n') {
			if (t->line_len < TRANSACTION_LINE_MAX)
				t->line[t->line_len++] = bytes[i];
			continue;
		}
		if (smtp_dialogue_received(t->dialogue, t->line, t->line_len))
			on_reply(t);
		t->line_len = 0;
	}
	t->heard += len;
	if (!t->over && t->heard > TRANSACTION_HEARD_MAX)
		return -EMSGSIZE;
	return t->out.err;
}
