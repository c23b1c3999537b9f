/*
 * ways.h - a daemon's end of all ways out, on a real loop, with a server over HTTP beside it.
 */
#ifndef TOLLD_TESTS_DELIVER_WAYS_H
#define TOLLD_TESTS_DELIVER_WAYS_H

#include "deliver/fixture.h"
#include "net/server.h"

#define HEAD(status_) "HTTP/1.1 " status_ "\r\nContent-Type: text/plain\r\n"

struct world {
	sd_event *event;
	struct net *net;
	struct deliver *deliver;
	struct server server;
	bool done;
	unsigned calls;
	enum delivery_result result;
	char message[400], answer[400];
};

static inline void setup(struct world *w, int64_t timeout_ms)
{
	struct deliver_options options = fixture_options;

	*w = (struct world){
		.server.head = HEAD("200 OK"), .server.body = "ok", .server.body_len = 2
	};
	options.timeout_ms = timeout_ms;
	assert_int_equal(sd_event_new(&w->event), 0);
	assert_int_equal(net_new(w->event, &w->net), 0);
	assert_int_equal(deliver_new(w->net, &options, &w->deliver), 0);
	server_start(&w->server, w->event);
}

static inline void teardown(struct world *w)
{
	deliver_free(w->deliver);
	server_stop(&w->server);
	net_free(w->net);
	sd_event_unref(w->event);
}

static inline void on_delivered(const struct delivery_report *report, void *userdata)
{
	struct world *w = userdata;

	w->done = true;
	w->calls++;
	w->result = report->result;
	snprintf(w->message, sizeof(w->message), "%s", report->message);
	snprintf(w->answer, sizeof(w->answer), "%s", report->answer ? report->answer : "");
}

/* The server's port stands for each %. */
static inline struct config *config_with(const struct world *w, const char *settings)
{
	struct strbuf text = STRBUF_INIT;
	struct config *config;

	for (const char *p = settings; *p; p++) {
		if (*p == '%')
			strbuf_addf(&text, "%u", w->server.port);
		else
			strbuf_addch(&text, *p);
	}
	config = config_of(text.s);
	strbuf_release(&text);
	return config;
}

#define RECEIVER(kind_, item_)                                                                     \
	"route: {receiver: r}\nreceivers: [{name: r, " kind_ "_configs: [" item_ "]}]\n"

/* 0 and a result in w, or what could not even begin. */
static inline int tell(
	struct world *w, const struct config *config, const char *kind, char error[400])
{
	struct notification *n = fixture_seed();
	int err;

	free(n->integration);
	n->integration = strdup(kind);
	w->done = false;
	error[0] = '\0';
	err = deliver_notification(
		w->deliver, &config->receivers[0], n, on_delivered, w, NULL, error, 400);
	notification_unref(n);
	if (!err)
		run_until(w->event, &w->done, PATIENCE_MS);
	if (!err)
		assert_true(w->done);
	return err;
}

#endif
