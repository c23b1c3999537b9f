/* The log of notifications: paged, filtered, read in turns. */
#include "world.h"

#define NOTICES 1234

struct log {
	unsigned reads;
	int64_t most; /* ids asked for at once */
	int err;
	struct api_notices_ask last;
	char receiver[20];
};

static struct log notices;

static int read_notices(
	const struct api_notices_ask *asked, api_notice_fn *fn, void *to, void *userdata)
{
	notices.reads++;
	notices.most = MAX(notices.most, asked->end - asked->first);
	notices.last = *asked;
	snprintf(notices.receiver, sizeof(notices.receiver), "%s",
		asked->receiver ? asked->receiver : "");
	if (notices.err)
		return notices.err;
	for (int64_t id = asked->end - 1; id >= asked->first; id--) {
		/* "rare" has every 500th. */
		if (asked->receiver && streq(asked->receiver, "rare") && id % 500)
			continue;
		if (!fn(id, "\"outcome\":\"sent\"", to))
			break;
	}
	return 0;
}

static void span(int64_t *ret_first, int64_t *ret_end, void *userdata)
{
	*ret_first = 1;
	*ret_end = NOTICES + 1;
}

static void begin(struct world *w)
{
	world_begin(w);
	notices = (struct log){ 0 };
	w->api->sources.notices = read_notices;
	w->api->sources.notices_span = span;
}

static size_t page(struct world *w, const char *query, json_int_t *ret_first, json_int_t *ret_next)
{
	struct strbuf uri = STRBUF_INIT;
	json_t *root, *data, *list;
	size_t n;

	strbuf_addf(&uri, "/api/v1/notifications/history%s", query);
	root = ask_json(w, "GET", uri.s, NULL, 200);
	data = json_object_get(root, "data");
	list = json_object_get(data, "notifications");
	n = json_array_size(list);
	*ret_first = json_integer_value(json_object_get(json_array_get(list, 0), "id"));
	*ret_next = json_integer_value(json_object_get(data, "next"));
	json_decref(root);
	strbuf_release(&uri);
	return n;
}

static void pages_follow_each_other_to_the_end(void **state)
{
	struct world w;
	json_int_t first, next = 0;
	size_t seen = 0;
	char query[60];

	begin(&w);
	assert_int_equal(page(&w, "", &first, &next), 100);
	assert_int_equal(first, NOTICES);
	assert_int_equal(next, NOTICES - 99);
	next = NOTICES + 1;
	while (next) {
		json_int_t before = next;
		size_t n;

		snprintf(query, sizeof(query), "?limit=500&before=%lld", (long long)before);
		n = page(&w, query, &first, &next);
		assert_int_equal(first, before - 1);
		seen += n;
	}
	assert_int_equal(seen, NOTICES);
	/* Never much of the disk in one turn of the loop. */
	assert_in_range(notices.most, 1, 200);
	assert_int_equal(page(&w, "?limit=9999", &first, &next), 1000);
	world_end(&w);
}

static void a_filter_looks_at_all_in_turns(void **state)
{
	struct world w;
	json_int_t first, next;

	begin(&w);
	assert_int_equal(page(&w, "?receiver=rare", &first, &next), 2);
	assert_int_equal(first, 1000);
	assert_int_equal(next, 0);
	assert_int_equal(notices.reads, (NOTICES + 199) / 200);
	assert_string_equal(notices.receiver, "rare");
	page(&w, "?outcome=failed&alert=X&since=10&until=20.5", &first, &next);
	assert_int_equal(notices.last.since_wall_ms, 10000);
	assert_int_equal(notices.last.until_wall_ms, 20500);
	world_end(&w);
}

static void faults_are_told(void **state)
{
	static const char *const queries[] = { "?outcome=lost", "?before=x", "?limit=-1",
		"?since=never" };
	struct world w;

	begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		struct strbuf uri = STRBUF_INIT;

		strbuf_addf(&uri, "/api/v1/notifications/history%s", queries[i]);
		json_decref(ask_json(&w, "GET", uri.s, NULL, 400));
		strbuf_release(&uri);
	}
	assert_int_equal(notices.reads, 0);
	notices.err = -EIO;
	json_decref(ask_json(&w, "GET", "/api/v1/notifications/history", NULL, 503));
	w.api->sources.notices = NULL;
	json_decref(ask_json(&w, "GET", "/api/v1/notifications/history", NULL, 503));
	world_end(&w);
}

static void entries_are_objects(void **state)
{
	struct world w;

	begin(&w);
	assert_data(&w, "/api/v1/notifications/history?limit=2&before=3",
		"{'notifications': [{'id': 2, 'outcome': 'sent'}, {'id': 1, 'outcome': 'sent'}]}");
	assert_data(&w, "/api/v1/notifications/history?limit=1&before=3",
		"{'notifications': [{'id': 2, 'outcome': 'sent'}], 'next': 2}");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_follow_each_other_to_the_end),
		cmocka_unit_test(a_filter_looks_at_all_in_turns),
		cmocka_unit_test(faults_are_told),
		cmocka_unit_test(entries_are_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
