/*
 * net.c - libcurl tells which descriptors and which timeout it waits for; sd-event waits.
 *
 * libcurl is only entered when one of them is due, so a loop without transfers is idle.
 */
#include "net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <time.h>

bool net_has_ipv6(void)
{
	scoped(closep) int fd = open("/proc/net/if_inet6", O_RDONLY | O_CLOEXEC);
	char byte;

	return fd >= 0 && read(fd, &byte, 1) == 1;
}

struct net_transfer {
	struct net *net;
	struct net_transfer *prev, *next;
	CURL *easy;
	net_done_fn *done;
	void *userdata;
	bool stays; /* in the multi handle after it is done */
};

/* A descriptor that libcurl wants watched. */
struct watched {
	struct net *net;
	struct watched *prev, *next;
	sd_event_source *source;
};

struct net {
	sd_event *event;
	sd_event_source *timer;
	CURLM *multi;
	struct net_transfer *transfers;
	struct watched *watched;
};

static void transfer_end(struct net_transfer *t)
{
	curl_multi_remove_handle(t->net->multi, t->easy);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, NULL);
	if (t->prev)
		t->prev->next = t->next;
	else
		t->net->transfers = t->next;
	if (t->next)
		t->next->prev = t->prev;
	free(t);
}

/* Asks anew after each callback: it may have cancelled what stood next in libcurl's list. */
static void report_done(struct net *net)
{
	struct net_transfer *t, copy;
	CURLMsg *message;
	CURLcode result;
	char *private;
	int left;

	while ((message = curl_multi_info_read(net->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		/* The message dies with the removal of its handle. */
		result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		t = (struct net_transfer *)(void *)private;
		copy = *t;
		if (!t->stays)
			transfer_end(t);
		copy.done(copy.easy, result, copy.userdata);
	}
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	/* libcurl may end this source while it works: only `net` is used afterwards. */
	struct net *net = ((struct watched *)userdata)->net;
	int mask = 0, running;

	if (events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	curl_multi_socket_action(net->multi, fd, mask, &running);
	report_done(net);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct net *net = userdata;
	int running;

	curl_multi_socket_action(net->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	report_done(net);
	return 0;
}

static void watched_free(struct watched *w)
{
	sd_event_source_disable_unref(w->source);
	if (w->prev)
		w->prev->next = w->next;
	else
		w->net->watched = w->next;
	if (w->next)
		w->next->prev = w->prev;
	free(w);
}

static struct watched *watched_new(struct net *net, int fd, uint32_t events)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	if (sd_event_add_io(net->event, &w->source, fd, events, on_io, w) < 0) {
		free(w);
		return NULL;
	}
	w->net = net;
	w->next = net->watched;
	if (w->next)
		w->next->prev = w;
	net->watched = w;
	return w;
}

/*
 * Always 0: after -1 libcurl would fail every transfer of this multi handle for ever. A descriptor
 * that could not be watched costs its own transfer only, by that one's timeout.
 */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *assigned)
{
	static const uint32_t events[] = { [CURL_POLL_IN] = EPOLLIN,
		[CURL_POLL_OUT] = EPOLLOUT,
		[CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT };
	struct watched *w = assigned;

	if (what == CURL_POLL_REMOVE) {
		if (w)
			watched_free(w);
		return 0;
	}
	if (w) {
		sd_event_source_set_io_events(w->source, events[what]);
		return 0;
	}
	w = watched_new(userdata, fd, events[what]);
	if (w)
		curl_multi_assign(((struct net *)userdata)->multi, fd, w);
	return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *userdata)
{
	struct net *net = userdata;

	if (timeout_ms < 0) {
		sd_event_source_set_enabled(net->timer, SD_EVENT_OFF);
		return 0;
	}
	/* Relative to the loop's own idea of now: too early by that much at worst, and asked again. */
	sd_event_source_set_time_relative(net->timer, (uint64_t)timeout_ms * 1000);
	sd_event_source_set_enabled(net->timer, SD_EVENT_ONESHOT);
	return 0;
}

int net_new(sd_event *event, struct net **ret)
{
	struct net *net = calloc(1, sizeof(*net));
	int err;

	if (!net)
		return -ENOMEM;
	net->event = sd_event_ref(event);
	/* libcurl measures its timeouts by CLOCK_MONOTONIC; 1 us of slack, not sd-event's 250 ms. */
	err = sd_event_add_time(event, &net->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_timer, net);
	if (err < 0) {
		net_free(net);
		return err;
	}
	sd_event_source_set_enabled(net->timer, SD_EVENT_OFF);
	*ret = net;
	return 0;
}

/* With the first transfer: until then nobody needs libcurl. */
static int make_multi(struct net *net)
{
	if (net->multi)
		return 0;
	if (net_fault())
		return -EIO;
	/* Counted by libcurl; never undone, since others' handles may outlive this. */
	curl_global_init(CURL_GLOBAL_DEFAULT);
	net->multi = curl_multi_init();
	if (!net->multi)
		return -ENOMEM;
	curl_multi_setopt(net->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(net->multi, CURLMOPT_SOCKETDATA, net);
	curl_multi_setopt(net->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(net->multi, CURLMOPT_TIMERDATA, net);
	return 0;
}

void net_free(struct net *net)
{
	if (!net)
		return;
	while (net->transfers)
		transfer_end(net->transfers);
	/* This closes kept connections, and says REMOVE for what it still watches. */
	if (net->multi)
		curl_multi_cleanup(net->multi);
	while (net->watched)
		watched_free(net->watched);
	sd_event_source_disable_unref(net->timer);
	sd_event_unref(net->event);
	free(net);
}

static int start(struct net *net, const struct net_transfer *wanted, struct net_transfer **ret)
{
	struct net_transfer *t;
	CURLMcode code;
	int err = make_multi(net);

	if (err)
		return err;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = *wanted;
	t->net = net;
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	code = curl_multi_add_handle(net->multi, t->easy);
	if (code) {
		free(t);
		return code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
	}
	t->next = net->transfers;
	if (t->next)
		t->next->prev = t;
	net->transfers = t;
	if (ret)
		*ret = t;
	return 0;
}

int net_start(
	struct net *net, CURL *easy, net_done_fn *done, void *userdata, struct net_transfer **ret)
{
	const struct net_transfer t = { .easy = easy, .done = done, .userdata = userdata };

	return start(net, &t, ret);
}

int net_start_connection(
	struct net *net, CURL *easy, net_done_fn *done, void *userdata, struct net_transfer **ret)
{
	const struct net_transfer t = {
		.easy = easy, .done = done, .userdata = userdata, .stays = true
	};

	return start(net, &t, ret);
}

sd_event *net_event(struct net *net)
{
	return net->event;
}

void net_cancel(struct net_transfer *transfer)
{
	if (transfer)
		transfer_end(transfer);
}
