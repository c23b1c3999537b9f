/*
 * smtp.c - listens to a conversation with a mail server, and judges how it ended.
 *
 * Sources: RFC 5321 4.2 (replies), RFC 4954 (AUTH), RFC 3463 (enhanced codes).
 */
#include "deliver/smtp.h"

#include <ctype.h>
#include <errno.h>
#include "base/escape.h"

/* More of a line is not looked at; what is shown of it is shorter yet, by more than a token takes. */
#define LINE_MAX_BYTES ((size_t)16 << 10)

/* By the command that begins a stage; `name` is what people are told. */
static const struct stage {
	const char *command;
	const char *name;
	/* A 5xx here means this mail, not the way to the server or the login. */
	bool about_mail;
} stages[SMTP_STAGES] = {
	[SMTP_CONNECT] = { NULL, "connect", false },
	[SMTP_HELLO] = { "EHLO ", "EHLO", false },
	[SMTP_STARTTLS] = { "STARTTLS", "STARTTLS", false },
	[SMTP_AUTH] = { "AUTH ", "AUTH", false },
	[SMTP_MAIL] = { "MAIL FROM:", "MAIL FROM", true },
	[SMTP_RCPT] = { "RCPT TO:", "RCPT TO", true },
	[SMTP_DATA] = { "DATA", "DATA", true },
	[SMTP_BODY] = { NULL, "message", true },
};

/*
 * Replies that look final and are about the account, not the mail: it works again when the owner
 * has mended the login, or the next day.
 */
static const struct {
	unsigned code;
	const char *enhanced;
} temporary[] = {
	{ 530, "" }, /* log in first, or STARTTLS first */
	{ 534, "" }, { 535, "" }, { 538, "" },
	{ 550, "5.4.5" }, /* Gmail's daily quota: support.google.com/a/answer/3726730 */
};

void smtp_dialogue_init(struct smtp_dialogue *d, const struct address_list *to)
{
	*d = (struct smtp_dialogue){ .to = to };
	strbuf_init(&d->refused, SMTP_REFUSED_MAX);
	d->served = STRBUF_INIT;
	strbuf_init(&d->heard, SMTP_HEARD_MAX);
}

void smtp_dialogue_release(struct smtp_dialogue *d)
{
	censor_release(&d->censor);
	strbuf_release(&d->refused);
	strbuf_release(&d->served);
	strbuf_release(&d->heard);
}

/* -- secrets -- */

int smtp_dialogue_hide(
	struct smtp_dialogue *d, const char *identity, const char *username, const char *password)
{
	size_t id = strlen(identity), user = strlen(username), pass = strlen(password);
	size_t len = id + 1 + user + 1 + pass;
	char *plain;

	if (!pass)
		return 0;
	plain = malloc(len + 1);
	if (!plain)
		return -ENOMEM;
	memcpy(plain, identity, id + 1);
	memcpy(plain + id + 1, username, user + 1);
	memcpy(plain + id + 1 + user + 1, password, pass + 1);
	censor_add_base64(&d->censor, plain, len);
	censor_add(&d->censor, password);
	explicit_bzero(plain, len);
	free(plain);
	return d->censor.err;
}

int smtp_dialogue_hide_token(struct smtp_dialogue *d, const char *username, const char *token)
{
	struct strbuf sent = STRBUF_INIT;
	int err;

	strbuf_addf(&sent, "user=%s\1auth=Bearer %s\1\1", username, token);
	err = sent.err;
	censor_add_base64(&d->censor, sent.s, sent.len);
	censor_add(&d->censor, token);
	explicit_bzero(sent.s, sent.len);
	strbuf_release(&sent);
	return err ? err : d->censor.err;
}

/* -- listening -- */

void smtp_dialogue_begin(struct smtp_dialogue *d, enum smtp_stage stage)
{
	d->stage = stage;
	d->code = 0;
	d->words_len = 0;
	d->words[0] = '\0';
	d->in_reply = false;
}

void smtp_dialogue_sent(struct smtp_dialogue *d, const char *bytes, size_t len)
{
	/* Until the server has answered the login, all that is sent belongs to it. */
	if (d->stage == SMTP_AUTH && !d->code)
		return;
	if (len >= 4 && !memcmp(bytes, "QUIT", 4)) {
		d->over = true;
		return;
	}
	if (len >= 5 && !memcmp(bytes, "HELO ", 5)) {
		/* Who answered EHLO with 421 hangs up, and those were its last words. */
		if (d->stage != SMTP_HELLO || d->code != 421)
			smtp_dialogue_begin(d, SMTP_HELLO);
		return;
	}
	for (enum smtp_stage s = SMTP_CONNECT; s < SMTP_STAGES; s++) {
		size_t n = stages[s].command ? strlen(stages[s].command) : 0;

		if (!n || len < n || memcmp(bytes, stages[s].command, n))
			continue;
		smtp_dialogue_begin(d, s);
		return;
	}
}

static void add_words(struct smtp_dialogue *d, const char *line, size_t len)
{
	struct strbuf raw = STRBUF_INIT, text = STRBUF_INIT;
	size_t room = SMTP_WORDS_MAX - 1 - d->words_len, n;

	censor_text(&d->censor, line, MIN(len, LINE_MAX_BYTES), &raw);
	strbuf_truncate(&raw, SMTP_WORDS_MAX);
	if (d->words_len)
		strbuf_addch(&text, ' ');
	escape_terminal(&text, raw.s, raw.len);
	n = MIN(text.len, room);
	while (n < text.len && n && ((unsigned char)text.s[n] & 0xc0) == 0x80)
		n--;
	memcpy(d->words + d->words_len, text.s, n);
	d->words_len += n;
	d->words[d->words_len] = '\0';
	if (d->keeps)
		strbuf_addf(&d->heard, "%s\n", text.s + (*text.s == ' '));
	strbuf_release(&raw);
	strbuf_release(&text);
}

/* The answer for one recipient. libcurl asks in the order of the list. */
static void note_recipient(struct smtp_dialogue *d)
{
	if (d->answered == d->to->n)
		return;
	if (d->code / 100 == 2) {
		d->accepted++;
		strbuf_addf(&d->served, "%s\n", d->to->items[d->answered].spec);
	} else {
		if (d->code / 100 == 4)
			d->deferred++;
		strbuf_addf(&d->refused, "%s%s: %s", d->refused.len ? "; " : "",
			d->to->items[d->answered].spec, d->words);
	}
	d->answered++;
}

bool smtp_dialogue_received(struct smtp_dialogue *d, const char *line, size_t len)
{
	unsigned code = 0;

	while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	if (len < 3 || d->over)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (!isdigit((unsigned char)line[i]))
			return false;
		code = code * 10 + (unsigned)(line[i] - '0');
	}
	/* A step of the login: what it says is a question, and no answer yet. */
	if (d->stage == SMTP_AUTH && code == 334)
		return false;
	if (!d->in_reply) {
		d->words_len = 0;
		d->words[0] = '\0';
	}
	add_words(d, line, len);
	d->in_reply = len > 3 && line[3] == '-';
	if (d->in_reply)
		return false;
	d->code = code;
	if (d->stage == SMTP_RCPT)
		note_recipient(d);
	return true;
}

/* -- judging -- */

static bool is_final(const struct smtp_dialogue *d)
{
	const char *text = d->words_len > 4 ? d->words + 4 : "";

	if (d->code / 100 != 5 || !stages[d->stage].about_mail)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(temporary); i++) {
		if (d->code == temporary[i].code && starts_with(text, temporary[i].enhanced))
			return false;
	}
	/* The last recipient's refusal stands for all only where no other one may be served later. */
	return d->stage != SMTP_RCPT || !d->deferred;
}

bool smtp_dialogue_is_taken(const struct smtp_dialogue *d)
{
	return d->stage == SMTP_BODY && d->code / 100 == 2;
}

enum delivery_result smtp_dialogue_result(const struct smtp_dialogue *d)
{
	if (smtp_dialogue_is_taken(d))
		return d->deferred ? DELIVERY_RETRY : DELIVERY_SENT;
	return is_final(d) ? DELIVERY_REFUSED : DELIVERY_RETRY;
}

void smtp_dialogue_message(const struct smtp_dialogue *d, const char *words, struct strbuf *out)
{
	strbuf_addf(out, "%s: ", stages[d->stage].name);
	if (smtp_dialogue_is_taken(d))
		strbuf_addf(out, "taken, but not for %s", d->refused.s);
	else if (d->stage == SMTP_RCPT && d->refused.len && !d->accepted && d->answered == d->to->n)
		strbuf_adds(out, d->refused.s);
	else if (d->code >= 400 || (d->over && d->code))
		strbuf_adds(out, d->words);
	else
		escape_terminal(out, words, strlen(words));
}
