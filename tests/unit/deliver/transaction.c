/* One mail's conversation, played through without a connection. */
#include "deliver/fixture.h"

#include <errno.h>
#include "deliver/transaction.h"

static char sender[] = "w@x";
static struct address people[] = { { (char *)"", (char *)"a@x" }, { (char *)"", (char *)"b@y" } };

struct play {
	struct message message;
	struct smtp_dialogue dialogue;
	struct transaction transaction;
};

static void play_init(struct play *p, const char *data, size_t recipients)
{
	*p = (struct play){ .message = {
				    .from = sender,
				    .to = { .items = people, .n = recipients },
				    .data = (char *)data,
				    .len = strlen(data),
			    } };
	smtp_dialogue_init(&p->dialogue, &p->message.to);
	transaction_init(&p->transaction, &p->message, &p->dialogue);
}

static void play_release(struct play *p)
{
	transaction_release(&p->transaction);
	smtp_dialogue_release(&p->dialogue);
}

/* What the client says next, all of which is then sent. */
static const char *said(struct play *p)
{
	p->transaction.sent = p->transaction.out.len;
	return p->transaction.out.s;
}

/* One answer after the other, each to what was said before. */
static void converse(struct play *p, const char *replies)
{
	for (const char *line = replies, *end; *line; line = end) {
		end = strchr(line, '\n') + 1;
		said(p);
		assert_int_equal(transaction_feed(&p->transaction, line, (size_t)(end - line)), 0);
	}
}

static void hears(struct play *p, const char *reply)
{
	assert_int_equal(transaction_feed(&p->transaction, reply, strlen(reply)), 0);
}

static void a_mail_goes_step_by_step(void **state)
{
	struct play p;

	play_init(&p, "Subject: x\r\n\r\nhello\r\n", 2);
	assert_string_equal(said(&p), "MAIL FROM:<w@x>\r\n");
	hears(&p, "250 2.1.0 fine\r\n");
	assert_string_equal(said(&p), "RCPT TO:<a@x>\r\n");
	hears(&p, "250 2.1.5 fine\r\n");
	assert_string_equal(said(&p), "RCPT TO:<b@y>\r\n");
	/* Replies of many lines, in pieces of any size, whatever the line end. */
	hears(&p, "2");
	hears(&p, "50-one\r\n250-two\r");
	hears(&p, "\n250 three\n");
	assert_string_equal(said(&p), "DATA\r\n");
	hears(&p, "354 go on\r\n");
	assert_string_equal(said(&p), "Subject: x\r\n\r\nhello\r\n.\r\n");
	assert_false(p.transaction.over);
	hears(&p, "250 2.0.0 queued\r\n");
	assert_true(p.transaction.over);
	assert_string_equal(said(&p), "QUIT\r\n");
	assert_int_equal(smtp_dialogue_result(&p.dialogue), DELIVERY_SENT);
	/* What comes afterwards changes nothing. */
	hears(&p, "550 no, after all\r\n");
	assert_int_equal(smtp_dialogue_result(&p.dialogue), DELIVERY_SENT);
	play_release(&p);
}

static void dots_at_the_start_of_a_line_are_doubled(void **state)
{
	struct play p;

	play_init(&p, ".\r\na.\r\n..b\r\n.", 1);
	converse(&p, "250 ok\r\n250 ok\r\n354 go on\r\n");
	assert_string_equal(said(&p), "..\r\na.\r\n...b\r\n...\r\n");
	play_release(&p);
}

static void every_refusal_has_its_consequence(void **state)
{
	static const struct {
		const char *replies;
		enum delivery_result result;
		const char *message, *refused;
	} rows[] = {
		{ "", DELIVERY_RETRY, "MAIL FROM: gone", "" },
		{ "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", DELIVERY_RETRY, "message: gone", "" },
		{ "451 later\r\n", DELIVERY_RETRY, "MAIL FROM: 451 later", "" },
		{ "550 no\r\n", DELIVERY_REFUSED, "MAIL FROM: 550 no", "" },
		{ "530 5.7.0 log in\r\n", DELIVERY_RETRY, "MAIL FROM: 530 5.7.0 log in", "" },
		{ "530\r\n", DELIVERY_RETRY, "MAIL FROM: 530", "" },
		{ "250 ok\r\n550 no\r\n551-nor\r\n551 here\r\n", DELIVERY_REFUSED,
			"RCPT TO: a@x: 550 no; b@y: 551-nor 551 here",
			"a@x: 550 no; b@y: 551-nor 551 here" },
		{ "250 ok\r\n450 later\r\n550 no\r\n", DELIVERY_RETRY,
			"RCPT TO: a@x: 450 later; b@y: 550 no", "a@x: 450 later; b@y: 550 no" },
		{ "250 ok\r\n421 bye\r\n", DELIVERY_RETRY, "RCPT TO: 421 bye", "a@x: 421 bye" },
		{ "250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n250 taken\r\n", DELIVERY_SENT, NULL,
			"b@y: 550 no" },
		{ "250 ok\r\n250 ok\r\n250 ok\r\n554 no\r\n", DELIVERY_REFUSED, "DATA: 554 no",
			"" },
		{ "250 ok\r\n250 ok\r\n250 ok\r\n250 what?\r\n", DELIVERY_RETRY, "DATA: 250 what?",
			"" },
		{ "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n552 too large\r\n", DELIVERY_REFUSED,
			"message: 552 too large", "" },
		{ "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n550-5.4.5 Daily\r\n550 5.4.5 limit\r\n",
			DELIVERY_RETRY, "message: 550-5.4.5 Daily 550 5.4.5 limit", "" },
		/* Not SMTP at all: waited for until the time is up. */
		{ "HTTP/1.1 400 Bad Request\r\n\r\n25\r\n", DELIVERY_RETRY, "MAIL FROM: gone", "" },
		{ "550 \x1b[31mred\x01\xff\r\n", DELIVERY_REFUSED,
			"MAIL FROM: 550 \\x1b[31mred\\x01\xef\xbf\xbd", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf message = STRBUF_INIT;
		struct play p;

		play_init(&p, "hello\r\n", 2);
		converse(&p, rows[i].replies);
		assert_int_equal(smtp_dialogue_result(&p.dialogue), rows[i].result);
		smtp_dialogue_message(&p.dialogue, "gone", &message);
		if (rows[i].message)
			assert_string_equal(message.s, rows[i].message);
		assert_string_equal(p.dialogue.refused.s, rows[i].refused);
		strbuf_release(&message);
		play_release(&p);
	}
}

static void a_mail_sent_by_half_was_not_taken(void **state)
{
	struct play p;

	play_init(&p, "hello\r\n", 1);
	converse(&p, "250 ok\r\n250 ok\r\n354 go on\r\n");
	p.transaction.sent = 3;
	hears(&p, "250 taken\r\n");
	assert_true(p.transaction.over);
	assert_int_equal(smtp_dialogue_result(&p.dialogue), DELIVERY_RETRY);
	play_release(&p);
}

/* Whoever counts two answers for one has a recipient for served whom the server never heard of. */
static void a_server_that_answers_before_it_is_asked_has_taken_nothing(void **state)
{
	static const struct {
		const char *before, *at_once;
		enum delivery_result result;
	} rows[] = {
		{ "", "250 ok\r\n250 ok\r\n", DELIVERY_RETRY },
		{ "250 ok\r\n", "250 ok\r\n250-and\r\n250 ok\r\n", DELIVERY_RETRY },
		{ "250 ok\r\n250 ok\r\n", "250 ok\r\n354 go\r\n", DELIVERY_RETRY },
		{ "250 ok\r\n250 ok\r\n250 ok\r\n", "354 go\r\n250 taken\r\n", DELIVERY_RETRY },
		{ "250 ok\r\n", "250 ok\r\n550 no\r\n", DELIVERY_RETRY },
		/* Who wants no more says so when he likes. */
		{ "250 ok\r\n", "250 ok\r\n421 bye\r\n", DELIVERY_RETRY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct play p;

		play_init(&p, "hello\r\n", 2);
		converse(&p, rows[i].before);
		said(&p);
		hears(&p, rows[i].at_once);
		assert_true(p.transaction.over);
		assert_int_equal(p.transaction.out_of_step, i + 1 < ARRAY_SIZE(rows));
		assert_string_equal(said(&p), "QUIT\r\n");
		assert_int_equal(smtp_dialogue_result(&p.dialogue), rows[i].result);
		assert_false(smtp_dialogue_is_taken(&p.dialogue));
		play_release(&p);
	}
}

static void a_reply_without_end_is_cut(void **state)
{
	struct strbuf message = STRBUF_INIT;
	struct play p;
	char x[100];

	memset(x, 'x', sizeof(x));
	play_init(&p, "hello\r\n", 1);
	hears(&p, "550 ");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(transaction_feed(&p.transaction, x, sizeof(x)), 0);
	assert_false(p.transaction.over);
	hears(&p, "\n");
	assert_true(p.transaction.over);
	smtp_dialogue_message(&p.dialogue, "", &message);
	assert_true(message.len < SMTP_WORDS_MAX + 20);
	strbuf_release(&message);
	play_release(&p);
}

/* A server that talks without end, with or without lines, must not be listened to for ever. */
static void a_server_that_never_stops_talking_is_not_heard_out(void **state)
{
	static const char *const pieces[] = { "250-more\r\n", "never a line",
		"HTTP/1.1 400 no\r\n" };

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t len = strlen(pieces[i]), heard = 0;
		struct play p;
		int err = 0;

		play_init(&p, "hello\r\n", 1);
		converse(&p, "250 ok\r\n250 ok\r\n354 go on\r\n");
		said(&p);
		for (; !err && heard < 2 * TRANSACTION_HEARD_MAX; heard += len)
			err = transaction_feed(&p.transaction, pieces[i], len);
		assert_int_equal(err, -EMSGSIZE);
		assert_true(heard > TRANSACTION_HEARD_MAX / 2);
		/* It may have taken the mail or not. */
		assert_int_equal(smtp_dialogue_result(&p.dialogue), DELIVERY_RETRY);
		play_release(&p);
	}
}

/* libcurl says HELO to whoever did not like its EHLO, also where nobody listens any more. */
static void a_server_that_hangs_up_at_ehlo_is_quoted(void **state)
{
	static const struct {
		const char *to_ehlo, *to_helo, *message;
	} rows[] = {
		{ "421 4.3.2 busy", NULL, "EHLO: 421 4.3.2 busy" },
		{ "421 4.3.2 busy", "554 no", "EHLO: 554 no" },
		{ "502 what?", NULL, "EHLO: gone" },
	};
	struct address_list nobody = ADDRESS_LIST_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf message = STRBUF_INIT;
		struct smtp_dialogue d;

		smtp_dialogue_init(&d, &nobody);
		smtp_dialogue_sent(&d, "EHLO here\r\n", 11);
		smtp_dialogue_received(&d, rows[i].to_ehlo, strlen(rows[i].to_ehlo));
		smtp_dialogue_sent(&d, "HELO here\r\n", 11);
		if (rows[i].to_helo)
			smtp_dialogue_received(&d, rows[i].to_helo, strlen(rows[i].to_helo));
		assert_int_equal(smtp_dialogue_result(&d), DELIVERY_RETRY);
		smtp_dialogue_message(&d, "gone", &message);
		assert_string_equal(message.s, rows[i].message);
		strbuf_release(&message);
		smtp_dialogue_release(&d);
	}
}

/* The replies to a login: what was sent is never shown, however it comes back. */
static void secrets_are_hidden(void **state)
{
	static const char *const replies[] = {
		"535 5.7.8 hunter2 is wrong",
		"535 5.7.8 aHVudGVyMg== is wrong",
		"500 what is AUTH PLAIN AGpvAGh1bnRlcjI=",
		"535-hunter2hunter2\r\n535 hunter2",
		"500 what is AUTH PLAIN AGpvAGh1bnRlcjI",
		"535 see http://h/?user=jo&password=%68unter%32",
	};
	struct address_list nobody = ADDRESS_LIST_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		struct strbuf message = STRBUF_INIT;
		struct smtp_dialogue d;

		smtp_dialogue_init(&d, &nobody);
		assert_int_equal(smtp_dialogue_hide(&d, "", "jo", "hunter2"), 0);
		smtp_dialogue_sent(&d, "AUTH PLAIN\r\n", 12);
		smtp_dialogue_received(&d, "334 ", 4);
		/* Base64 that looks like a command is none. */
		smtp_dialogue_sent(&d, "QUIT\r\n", 6);
		assert_int_equal(d.stage, SMTP_AUTH);
		assert_false(d.over);
		for (const char *line = replies[i]; *line;
			line += strcspn(line, "\n") + !!strchr(line, '\n'))
			smtp_dialogue_received(&d, line, strcspn(line, "\n"));
		smtp_dialogue_message(&d, "", &message);
		assert_int_equal(smtp_dialogue_result(&d), DELIVERY_RETRY);
		assert_null(strstr(message.s, "hunter2"));
		assert_null(strstr(message.s, "aHVudGVyMg"));
		assert_null(strstr(message.s, "AGpvAGh1bnRlcjI"));
		assert_non_null(strstr(message.s, "<secret>"));
		strbuf_release(&message);
		smtp_dialogue_release(&d);
	}
}

static int play_once(void *userdata)
{
	struct play p;
	int err;

	play_init(&p, "hello\r\n", 2);
	err = transaction_feed(&p.transaction, "250 ok\r\n", 8);
	said(&p);
	err = err ? err : transaction_feed(&p.transaction, "550 no\r\n", 8);
	said(&p);
	err = err ? err : transaction_feed(&p.transaction, "250 ok\r\n", 8);
	said(&p);
	err = err ? err : transaction_feed(&p.transaction, "354 go\r\n", 8);
	said(&p);
	err = err ? err : smtp_dialogue_hide(&p.dialogue, "i", "u", "p");
	play_release(&p);
	return err;
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(play_once, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mail_goes_step_by_step),
		cmocka_unit_test(dots_at_the_start_of_a_line_are_doubled),
		cmocka_unit_test(every_refusal_has_its_consequence),
		cmocka_unit_test(a_mail_sent_by_half_was_not_taken),
		cmocka_unit_test(a_server_that_answers_before_it_is_asked_has_taken_nothing),
		cmocka_unit_test(a_reply_without_end_is_cut),
		cmocka_unit_test(a_server_that_never_stops_talking_is_not_heard_out),
		cmocka_unit_test(a_server_that_hangs_up_at_ehlo_is_quoted),
		cmocka_unit_test(secrets_are_hidden),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
