/*
 * http.c - a connection, kept between requests, and what is under way on it.
 */
#include "net/http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "net/http_reader.h"

/* Read at once, and how often in one turn of the loop: others want their turn. */
#define CHUNK_BYTES 16384
#define CHUNKS_MAX  32
/*
 * A server writes a long answer in small pieces, and each would wake us. When the last one was as long as
 * this, the kernel is asked to wait until most of it is there again, but not for longer than the time.
 */
#define LONG_BYTES	 ((size_t)16 << 10)
#define MOST_OF(bytes)	 ((bytes) / 32 * 31)
#define LONG_PATIENCE_NS (200 * NSEC_PER_MSEC)

enum phase { IDLE, CONNECTING, SENDING, READING, KNOWN };

struct http {
	sd_event *event;
	http_done_fn *done;
	void *userdata;
	struct http_request request;
	char *text;
	size_t text_len;

	sd_event_source *timer;
	sd_event_source *known; /* on where the result is known before the loop's turn */
	sd_event_source *io;	/* of the connection, which it owns; NULL: there is none */
	int fd;
	bool reused;	   /* the connection had a request before */
	bool patient;	   /* the kernel waits for most of the answer */
	size_t last_bytes; /* of the last answer on this connection */
	int64_t deadline_boot_ns;

	enum phase phase;
	size_t address; /* the one that is tried */
	size_t sent;
	struct http_reader reader;
	struct strbuf body;
	enum http_result result; /* KNOWN */
	char error[200];
};

static void go_on(struct http *h);

static void hang_up(struct http *h)
{
	h->io = sd_event_source_disable_unref(h->io);
	h->reused = h->patient = false;
}

/* The next turn tells it: whoever asked has not yet heard that it was asked. */
static void know(struct http *h, enum http_result result)
{
	h->phase = KNOWN;
	h->result = result;
	sd_event_source_set_enabled(h->known, SD_EVENT_ONESHOT);
}

static void fail(struct http *h, const char *what, int err)
{
	hang_up(h);
	snprintf(h->error, sizeof(h->error), "%s: %s", what, strerror(err));
	know(h, HTTP_FAILED);
}

static void begin_reading(struct http *h)
{
	http_reader_release(&h->reader);
	strbuf_release(&h->body);
	strbuf_init(&h->body, h->request.max_bytes);
	http_reader_init(&h->reader, &h->body);
}

/* -- the connection ------------------------------------------------------------------------- */

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct http *h = userdata;

	/* Nothing was asked: it is the end of the connection, or nothing that one would want. */
	if (h->phase == IDLE)
		hang_up(h);
	else if (h->phase != KNOWN)
		go_on(h);
	return 0;
}

static void set_timer(struct http *h, int64_t boot_ns)
{
	sd_event_source_set_time(h->timer, (uint64_t)(boot_ns / NSEC_PER_USEC));
	sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
}

static void wake_at(struct http *h, size_t bytes)
{
	int low = (int)MIN(bytes, (size_t)1 << 20);

	setsockopt(h->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

static void be_patient(struct http *h, int64_t now_boot_ns)
{
	int64_t until = now_boot_ns + LONG_PATIENCE_NS;

	h->patient = h->reused && h->last_bytes >= LONG_BYTES && until < h->deadline_boot_ns;
	if (!h->patient)
		return;
	wake_at(h, MOST_OF(h->last_bytes));
	set_timer(h, until);
}

static void be_impatient(struct http *h)
{
	if (!h->patient)
		return;
	h->patient = false;
	wake_at(h, 1);
	set_timer(h, h->deadline_boot_ns);
}

static void wait_for(struct http *h, uint32_t events)
{
	sd_event_source_set_io_events(h->io, events);
}

static void fail_to_connect(struct http *h, int err)
{
	const struct sockaddr_storage *address = &h->request.addresses[h->address];
	bool ipv6 = address->ss_family == AF_INET6;
	char host[INET6_ADDRSTRLEN] = "?", port[8] = "?", what[100];

	getnameinfo((const void *)address, sizeof(*address), host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(what, sizeof(what), ipv6 ? "connect to [%s]:%s" : "connect to %s:%s", host, port);
	fail(h, what, err);
}

/* 0: connected; -EINPROGRESS: not yet. */
static int connect_to(struct http *h, const struct sockaddr_storage *address)
{
	socklen_t len = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						       : sizeof(struct sockaddr_in);
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd ready;
	int err;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const void *)address, len) < 0 && errno != EINPROGRESS) {
		err = -errno;
		close(fd);
		return err;
	}
	/* On this machine the other side has answered before connect() is back, yes or no. */
	ready = (struct pollfd){ .fd = fd, .events = POLLOUT };
	err = poll(&ready, 1, 0) == 1 ? 0 : -EINPROGRESS;
	if (!err) {
		socklen_t size = sizeof(err);

		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
		err = -err;
	}
	if (err && err != -EINPROGRESS) {
		close(fd);
		return err;
	}
	if (sd_event_add_io(h->event, &h->io, fd, err ? EPOLLOUT : EPOLLIN, on_io, h) < 0) {
		close(fd);
		return -ENOMEM;
	}
	sd_event_source_set_io_fd_own(h->io, true);
	h->fd = fd;
	return err;
}

static void connect_from(struct http *h, size_t first)
{
	int err = -EADDRNOTAVAIL;

	hang_up(h);
	for (h->address = first; h->address < h->request.n_addresses; h->address++) {
		err = connect_to(h, &h->request.addresses[h->address]);
		if (err == -EINPROGRESS) {
			h->phase = CONNECTING;
			return;
		}
		if (err)
			continue;
		h->phase = SENDING;
		return;
	}
	h->address = h->request.n_addresses - 1;
	fail_to_connect(h, -err);
}

static void finish_connecting(struct http *h)
{
	size_t address = h->address;
	socklen_t size = sizeof(int);
	int err = 0;

	getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &err, &size);
	if (!err) {
		h->phase = SENDING;
	} else if (address + 1 < h->request.n_addresses) {
		connect_from(h, address + 1);
	} else {
		fail_to_connect(h, err);
	}
}

/* -- one request on it ---------------------------------------------------------------------- */

/* A kept connection may have been closed by the server when our request was on its way. */
static void ask_anew_or_fail(struct http *h, const char *what, int err)
{
	if (!h->reused || h->reader.begun) {
		fail(h, what, err);
		return;
	}
	h->sent = 0;
	connect_from(h, 0);
	if (h->phase == SENDING)
		go_on(h);
}

static void send_request(struct http *h)
{
	ssize_t n = send(h->fd, h->text + h->sent, h->text_len - h->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		ask_anew_or_fail(h, "cannot send the request", errno);
		return;
	}
	h->sent += n > 0 ? (size_t)n : 0;
	if (h->sent == h->text_len)
		h->phase = READING;
	wait_for(h, h->phase == READING ? EPOLLIN : EPOLLOUT);
}

static void conclude(struct http *h, enum http_progress progress)
{
	static const enum http_result results[] = {
		[HTTP_REFUSED] = HTTP_ANSWERED,
		[HTTP_DONE] = HTTP_ANSWERED,
		[HTTP_FULL] = HTTP_TOO_LARGE,
		[HTTP_STRANGE] = HTTP_ELSEWHERE,
	};

	h->last_bytes = h->body.len;
	if (!h->reader.keep_alive)
		hang_up(h);
	snprintf(h->error, sizeof(h->error), "%s",
		h->body.err == -ENOMEM ? "out of memory" : "body size limit exceeded");
	h->phase = KNOWN;
	h->result = h->body.err == -ENOMEM ? HTTP_FAILED : results[progress];
}

static void read_answer(struct http *h)
{
	enum http_progress progress = HTTP_MORE;
	char bytes[CHUNK_BYTES];
	ssize_t n = sizeof(bytes);

	be_impatient(h);
	/* A short one was all there is. */
	for (int i = 0; i < CHUNKS_MAX && progress == HTTP_MORE && n == sizeof(bytes); i++) {
		n = recv(h->fd, bytes, sizeof(bytes), 0);
		if (n > 0)
			progress = http_reader_feed(&h->reader, bytes, (size_t)n);
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		ask_anew_or_fail(h, "cannot read the answer", errno);
		return;
	}
	if (!n) {
		progress = http_reader_end(&h->reader);
		if (progress == HTTP_MORE) {
			ask_anew_or_fail(h, "the server hung up within its answer", ECONNRESET);
			return;
		}
	}
	if (progress != HTTP_MORE)
		conclude(h, progress);
}

/* -- telling -------------------------------------------------------------------------------- */

/* The client may be gone afterwards. */
static void tell(struct http *h)
{
	struct strbuf body = h->body;
	struct http_reader *r = &h->reader;
	char type[HTTP_TYPE_MAX], error[sizeof(h->error)];
	struct http_answer answer = {
		.result = h->result,
		.error = error,
		.status = r->status,
		.redirects = r->redirects,
		.type = r->has_type ? type : NULL,
		.body = body.s,
		.len = body.len,
	};

	memcpy(type, r->type, sizeof(type));
	memcpy(error, h->error, sizeof(error));
	strbuf_init(&h->body, h->request.max_bytes);
	http_reader_release(r);
	sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
	h->phase = IDLE;
	h->done(&answer, h->userdata);
	strbuf_release(&body);
}

static int on_known(sd_event_source *source, void *userdata)
{
	tell(userdata);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct http *h = userdata;

	if (h->phase == IDLE || h->phase == KNOWN)
		return 0;
	if (h->patient) {
		/* It is shorter this time, or slow: whatever is there is read now. */
		be_impatient(h);
		return 0;
	}
	hang_up(h);
	snprintf(h->error, sizeof(h->error), "timed out after %lld ms",
		(long long)h->request.timeout_ms);
	h->result = HTTP_FAILED;
	tell(h);
	return 0;
}

/* As far as it goes without waiting; from the loop. */
static void go_on(struct http *h)
{
	if (h->phase == CONNECTING)
		finish_connecting(h);
	if (h->phase == SENDING)
		send_request(h);
	else if (h->phase == READING)
		read_answer(h);
	if (h->phase == KNOWN && sd_event_source_get_enabled(h->known, NULL) <= 0)
		tell(h);
}

/* -- life ----------------------------------------------------------------------------------- */

int http_new(sd_event *event, const struct http_request *request, http_done_fn *done,
	void *userdata, struct http **ret)
{
	scoped(http_freep) struct http *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->event = sd_event_ref(event);
	h->done = done;
	h->userdata = userdata;
	h->request = *request;
	strbuf_init(&h->body, request->max_bytes);
	http_reader_init(&h->reader, &h->body);
	h->text = strdup(request->text);
	if (!h->text)
		return -ENOMEM;
	h->text_len = strlen(h->text);
	/* A millisecond of slack instead of sd-event's 250. */
	err = sd_event_add_time(event, &h->timer, CLOCK_BOOTTIME, UINT64_MAX, 1000, on_timeout, h);
	if (err >= 0)
		err = sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
	if (err >= 0)
		err = sd_event_add_defer(event, &h->known, on_known, h);
	if (err >= 0)
		err = sd_event_source_set_enabled(h->known, SD_EVENT_OFF);
	if (err < 0)
		return err;
	/* What is known already waits for nobody. */
	sd_event_source_set_priority(h->known, SD_EVENT_PRIORITY_IMPORTANT);
	*ret = TAKE(h);
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	hang_up(h);
	sd_event_source_disable_unref(h->timer);
	sd_event_source_disable_unref(h->known);
	http_reader_release(&h->reader);
	strbuf_release(&h->body);
	free(h->text);
	sd_event_unref(h->event);
	free(h);
}

int http_start(struct http *h, bool fresh)
{
	int64_t now_boot_ns = clock_boot_ns();

	h->deadline_boot_ns = now_boot_ns + h->request.timeout_ms * NSEC_PER_MSEC;
	set_timer(h, h->deadline_boot_ns);
	begin_reading(h);
	h->sent = 0;
	if (fresh || !h->io) {
		connect_from(h, 0);
	} else {
		h->phase = SENDING;
		h->reused = true;
		be_patient(h, now_boot_ns);
	}
	if (h->phase == SENDING)
		send_request(h);
	return 0;
}
