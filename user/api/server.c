/*
 * server.c - libmicrohttpd on the event loop: connections in, requests to their handlers, answers out.
 *
 * No thread: libmicrohttpd's epoll descriptor and its next timeout are sources of sd-event. They
 * come after everything that watches and alerts, and long queries come after them. It does not know
 * what is asked or answered.
 */
#include "api/state.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <sys/socket.h>
#include "api/listen.h"
#include "base/num.h"

#define MAX_CONNECTIONS	  64
#define CONNECTION_MEMORY ((size_t)64 << 10) /* holds the request line and all headers */
#define IDLE_SECONDS	  30u
#define STREAM_BLOCK	  ((size_t)64 << 10)

/*
 * libmicrohttpd's own timeout starts again with each byte. These do not: a client that drips its
 * request, or takes its answer in drops, is ended.
 */
#define RECEIVE_NS (60 * NSEC_PER_SEC)
#define SEND_NS	   (300 * NSEC_PER_SEC)
/* A deadline is never set nearer than RECEIVE_NS: who looks that often sees each in time. */
#define SLOW_CHECK_MIN_NS (5 * NSEC_PER_SEC)
#define SLOW_CHECK_MAX_NS RECEIVE_NS
/* It may be as late as this, to share a wake-up with others. */
#define SLOW_SLACK_USEC 5000000

#define PRIORITY_HTTP  (SD_EVENT_PRIORITY_NORMAL + 10)
#define PRIORITY_QUERY (SD_EVENT_PRIORITY_NORMAL + 20)

/* One address, one libmicrohttpd. */
struct listener {
	struct api *api;
	struct MHD_Daemon *daemon;
	sd_event_source *io, *timer, *soon;
	unsigned port;
};

struct connection {
	struct api *api;
	struct MHD_Connection *mhd;
	int64_t deadline_boot_ns;
	struct connection *next, **link;
};

enum exchange_state { BEGUN, RECEIVING, WAITING, ANSWERED };

/* One request and its answer on a connection. */
struct exchange {
	struct api *api;
	struct MHD_Connection *mhd;
	struct request *req; /* NULL: its line could not be read, `refused` says it */
	unsigned refused;
	enum exchange_state state;
	bool queued;	      /* among the jobs */
	bool streaming;	      /* the answer goes out while it is written */
	size_t n_taken;	      /* of the body, then */
	size_t waiting_bytes; /* of the answer, until the client has it */
	struct exchange *next, *prev;
};

/* -- connections ------------------------------------------------------------------------------ */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void connection_deadline(struct MHD_Connection *mhd, int64_t boot_ns)
{
	struct connection *conn = connection_of(mhd);

	if (conn)
		conn->deadline_boot_ns = boot_ns;
}

static void end_connection(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	/* libmicrohttpd sees the end of the stream and cleans up by itself. */
	if (info)
		shutdown(info->connect_fd, SHUT_RDWR);
}

/* Whether the client sends no more: whoever has left looks so. */
static bool has_hung_up(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct pollfd fd = { .fd = info ? info->connect_fd : -1, .events = POLLRDHUP };

	return poll(&fd, 1, 0) > 0;
}

/*
 * libmicrohttpd hears of it once, which is too early where it came together with the last request: it
 * would then keep the connection until it is idle for too long. This makes the kernel say it again.
 */
static void hear_of_hang_up_again(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (info && has_hung_up(mhd))
		shutdown(info->connect_fd, SHUT_RD);
}

static void arm_slow_check(struct api *api, int64_t boot_ns)
{
	sd_event_source_set_time(api->slow_source, (uint64_t)(boot_ns / NSEC_PER_USEC));
	sd_event_source_set_enabled(api->slow_source, SD_EVENT_ONESHOT);
}

static int on_slow_check(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct api *api = userdata;
	int64_t now = clock_boot_ns(), next = now + SLOW_CHECK_MAX_NS;

	for (struct connection *conn = api->connections; conn; conn = conn->next) {
		if (now >= conn->deadline_boot_ns)
			end_connection(conn->mhd);
		next = MIN(next, conn->deadline_boot_ns);
	}
	if (api->connections)
		arm_slow_check(api, MAX(next, now + SLOW_CHECK_MIN_NS));
	return 0;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	struct api *api = cls;
	struct connection *conn = *socket_context;
	bool first = !api->connections;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (!conn)
			return;
		*conn->link = conn->next;
		if (conn->next)
			conn->next->link = conn->link;
		api->n_connections--;
		free(conn);
		return;
	}
	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		/* Without a deadline it would be unlimited: better no connection. */
		end_connection(mhd);
		return;
	}
	*conn = (struct connection){ .api = api,
		.mhd = mhd,
		.next = api->connections,
		.link = &api->connections,
		.deadline_boot_ns = clock_boot_ns() + RECEIVE_NS };
	if (conn->next)
		conn->next->link = &conn->next;
	api->connections = conn;
	api->n_connections++;
	*socket_context = conn;
	if (first)
		arm_slow_check(api, conn->deadline_boot_ns);
}

/* -- answers ---------------------------------------------------------------------------------- */

static void add_cors(struct MHD_Response *resp, const struct response *from)
{
	MHD_add_response_header(resp, "Access-Control-Allow-Origin", from->cors_origin);
	/* Without Content-Type a page cannot send JSON, and so change nothing. */
	MHD_add_response_header(resp, "Access-Control-Allow-Headers",
		from->cors_posts ? "Accept, Authorization, Content-Type, Origin"
				 : "Accept, Authorization, Origin");
	MHD_add_response_header(resp, "Access-Control-Allow-Methods",
		from->cors_changes ? "GET, POST, DELETE, OPTIONS"
		: from->cors_posts ? "GET, POST, OPTIONS"
				   : "GET, OPTIONS");
	MHD_add_response_header(resp, "Access-Control-Expose-Headers", "Date");
	MHD_add_response_header(resp, "Vary", "Origin");
}

static void add_headers(struct MHD_Response *resp, const struct response *from)
{
	MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
	if (from->content_type)
		MHD_add_response_header(resp, "Content-Type", from->content_type);
	if (from->allow)
		MHD_add_response_header(resp, "Allow", from->allow);
	if (from->location)
		MHD_add_response_header(resp, "Location", from->location);
	if (from->cache_control)
		MHD_add_response_header(resp, "Cache-Control", from->cache_control);
	if (from->cors_origin)
		add_cors(resp, from);
	if (!from->page)
		return;
	MHD_add_response_header(resp, "Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
		"img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
	/* Without any, a browser says of our own forms that they come from nowhere: Origin: null. */
	MHD_add_response_header(resp, "Referrer-Policy", "same-origin");
	MHD_add_response_header(resp, "X-Frame-Options", "DENY");
}

static enum MHD_Result queue(struct MHD_Connection *mhd, unsigned status, struct MHD_Response *resp)
{
	enum MHD_Result result;

	if (!resp)
		return MHD_NO;
	connection_deadline(mhd, clock_boot_ns() + SEND_NS);
	result = MHD_queue_response(mhd, status, resp);
	MHD_destroy_response(resp);
	return result;
}

/* An answer from memory that is there for ever. */
static enum MHD_Result queue_static(struct MHD_Connection *mhd, unsigned status, const char *text)
{
	struct MHD_Response *resp = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

	if (resp)
		MHD_add_response_header(resp, "Content-Type", "text/plain; charset=utf-8");
	return queue(mhd, status, resp);
}

/* Small answers are always taken in, and a large one where it is alone. */
static bool is_too_much(const struct api *api, size_t len)
{
	return len > STREAM_BLOCK && api->waiting_bytes &&
	       len + api->waiting_bytes > api->max_waiting_bytes;
}

static enum MHD_Result queue_answer(struct exchange *ex)
{
	struct response *from = &ex->req->response;
	struct MHD_Response *resp;
	size_t len;
	char *body;

	ex->state = ANSWERED;
	if (is_too_much(ex->api, from->body.len))
		respond_text(ex->req, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too many large answers wait for their clients\n");
	len = from->body.len;
	if (from->body.err || strbuf_finish(&from->body, &body) < 0) {
		route_count(ex->api, ex->req->route, MHD_HTTP_INTERNAL_SERVER_ERROR);
		return queue_static(ex->mhd, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	}
	route_count(ex->api, ex->req->route, from->status);
	resp = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
	if (resp)
		add_headers(resp, from);
	else
		free(body);
	ex->waiting_bytes = resp && len > STREAM_BLOCK ? len : 0;
	ex->api->waiting_bytes += ex->waiting_bytes;
	return queue(ex->mhd, from->status, resp);
}

/* -- jobs ------------------------------------------------------------------------------------- */

static void job_unlink(struct exchange *ex)
{
	struct api *api = ex->api;

	if (!ex->queued)
		return;
	*(ex->prev ? &ex->prev->next : &api->first_job) = ex->next;
	*(ex->next ? &ex->next->prev : &api->last_job) = ex->prev;
	ex->next = ex->prev = NULL;
	ex->queued = false;
	api->n_jobs--;
}

static void job_append(struct exchange *ex)
{
	struct api *api = ex->api;

	ex->prev = api->last_job;
	ex->next = NULL;
	*(ex->prev ? &ex->prev->next : &api->first_job) = ex;
	api->last_job = ex;
	ex->queued = true;
	api->n_jobs++;
}

/*
 * Without a thread of its own libmicrohttpd has nothing that wakes its epoll descriptor: a connection
 * that is resumed goes on in the next MHD_run().
 */
static void wake_listener(struct exchange *ex)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(ex->mhd, MHD_CONNECTION_INFO_DAEMON);

	for (size_t i = 0; info && i < ex->api->n_listeners; i++) {
		struct listener *listener = ex->api->listeners[i];

		if (listener->daemon != info->daemon)
			continue;
		sd_event_source_set_enabled(listener->soon, SD_EVENT_ONESHOT);
	}
}

static void resume(struct exchange *ex)
{
	if (ex->state != WAITING)
		return;
	ex->state = ex->streaming ? ANSWERED : RECEIVING;
	MHD_resume_connection(ex->mhd);
	wake_listener(ex);
}

static void job_finish(struct exchange *ex)
{
	job_unlink(ex);
	ex->req->job->free(ex->req->job);
	ex->req->job = NULL;
	resume(ex);
}

/* Whether there is something for the client already, and at first so much that it is worth it. */
static bool has_output(const struct exchange *ex)
{
	size_t enough = ex->streaming ? 1 : STREAM_BLOCK;

	return ex->req->job->streams && ex->req->response.body.len >= enough;
}

/* One turn for one of the first API_MAX_RUNNING queries; those behind wait without using memory. */
static int on_job(sd_event_source *source, void *userdata)
{
	struct api *api = userdata;
	struct exchange *ex = api->first_job, *after = api->first_job;

	if (!ex) {
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return 0;
	}
	/* While it is suspended libmicrohttpd does not look, and a query may go on for minutes. */
	if (ex->req->job->cancel && has_hung_up(ex->mhd)) {
		ex->req->job->cancel(ex->req->job, ex->req);
		job_finish(ex);
		return 0;
	}
	if (ex->req->job->step(ex->req->job, ex->req)) {
		job_finish(ex);
		return 0;
	}
	if (has_output(ex)) {
		job_unlink(ex);
		resume(ex);
		return 0;
	}
	for (size_t i = 1; i < API_MAX_RUNNING && after->next; i++)
		after = after->next;
	if (after == ex)
		return 0;
	/* To the end of those that run: each has its turn. */
	job_unlink(ex);
	ex->prev = after;
	ex->next = after->next;
	*(ex->next ? &ex->next->prev : &api->last_job) = ex;
	after->next = ex;
	ex->queued = true;
	api->n_jobs++;
	return 0;
}

static void job_wait(struct exchange *ex)
{
	job_append(ex);
	ex->state = WAITING;
	MHD_suspend_connection(ex->mhd);
	sd_event_source_set_enabled(ex->api->job_source, SD_EVENT_ON);
}

/*
 * The next bytes of an answer that goes out while it is written. Called when the client has taken those
 * before: a slow one lets its job rest.
 */
static ssize_t on_read(void *cls, uint64_t pos, char *to, size_t max)
{
	struct exchange *ex = cls;
	struct request *req = ex->req;
	struct strbuf *body = &req->response.body;

	if (ex->n_taken == body->len && req->job) {
		ex->n_taken = 0;
		strbuf_reset(body);
		if (req->job->step(req->job, req))
			job_finish(ex);
		else if (!body->len)
			job_wait(ex);
	}
	/* Half an answer is out already: all that can be done is to hang up. */
	if (body->err || req->response.status != MHD_HTTP_OK)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (ex->n_taken == body->len)
		return req->job ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
	max = MIN(max, body->len - ex->n_taken);
	memcpy(to, body->s + ex->n_taken, max);
	ex->n_taken += max;
	return (ssize_t)max;
}

static enum MHD_Result queue_stream(struct exchange *ex)
{
	struct response *from = &ex->req->response;
	struct MHD_Response *resp = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, ex, NULL);

	ex->state = ANSWERED;
	ex->streaming = true;
	route_count(ex->api, ex->req->route, from->status);
	if (resp)
		add_headers(resp, from);
	return queue(ex->mhd, from->status, resp);
}

/* Most queries end in their first turn, without ever leaving this function. */
static enum MHD_Result start_job(struct exchange *ex)
{
	struct api *api = ex->api;

	if (api->n_jobs < API_MAX_RUNNING) {
		if (ex->req->job->step(ex->req->job, ex->req)) {
			job_finish(ex);
			return queue_answer(ex);
		}
		if (has_output(ex))
			return queue_stream(ex);
	}
	connection_deadline(ex->mhd, BOOT_NS_NEVER);
	job_wait(ex);
	return MHD_YES;
}

/* -- requests --------------------------------------------------------------------------------- */

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct exchange *ex = calloc(1, sizeof(*ex));
	int err;

	if (!ex)
		return NULL;
	*ex = (struct exchange){ .api = cls, .mhd = mhd };
	err = request_new(ex->api, uri, &ex->req);
	if (err == -EMSGSIZE)
		ex->refused = MHD_HTTP_URI_TOO_LONG;
	else if (err == -EINVAL)
		ex->refused = MHD_HTTP_BAD_REQUEST;
	else if (err)
		ex->refused = MHD_HTTP_INTERNAL_SERVER_ERROR;
	return ex;
}

static void on_completed(
	void *cls, struct MHD_Connection *mhd, void **req_cls, enum MHD_RequestTerminationCode code)
{
	struct exchange *ex = *req_cls;

	*req_cls = NULL;
	connection_deadline(mhd, clock_boot_ns() + RECEIVE_NS);
	hear_of_hang_up_again(mhd);
	if (!ex)
		return;
	job_unlink(ex);
	ex->api->waiting_bytes -= ex->waiting_bytes;
	request_free(ex->req);
	free(ex);
}

static int copy_header(struct MHD_Connection *mhd, const char *name, char **ret)
{
	const char *value = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);

	if (!value)
		return 0;
	*ret = strdup(value);
	return *ret ? 0 : -ENOMEM;
}

static bool has_header(struct MHD_Connection *mhd, const char *name)
{
	return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

static bool body_too_large(struct MHD_Connection *mhd, size_t max)
{
	const char *len = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Length");
	int64_t bytes;

	return len && num_parse_int(len, 0, (int64_t)max, &bytes) < 0;
}

static const char *refusal(unsigned status)
{
	switch (status) {
	case MHD_HTTP_URI_TOO_LONG:
		return "the request line is too long\n";
	case MHD_HTTP_BAD_REQUEST:
		return "the request line cannot be read\n";
	case MHD_HTTP_CONTENT_TOO_LARGE:
		return "the body is too large: 1 MiB, or 16 MiB of alerts, is the most\n";
	default:
		return "out of memory\n";
	}
}

/* The line and the headers are here, the body is not. */
static enum MHD_Result begin_request(struct exchange *ex, const char *method)
{
	struct request *req = ex->req;
	size_t max_body = req ? route_max_body(ex->api, req->path) : 0;

	ex->state = RECEIVING;
	if (!ex->refused && body_too_large(ex->mhd, max_body))
		ex->refused = MHD_HTTP_CONTENT_TOO_LARGE;
	if (ex->refused) {
		route_count(ex->api, (unsigned)routes_count(), ex->refused);
		return queue_static(ex->mhd, ex->refused, refusal(ex->refused));
	}
	strbuf_init(&req->body, max_body);
	req->forwarded = has_header(ex->mhd, "X-Forwarded-For") ||
			 has_header(ex->mhd, "Forwarded") || has_header(ex->mhd, "Via");
	req->method = strdup(method);
	if (!req->method || copy_header(ex->mhd, "Origin", &req->origin) < 0 ||
		copy_header(ex->mhd, "Accept", &req->accept) < 0 ||
		copy_header(ex->mhd, "Host", &req->host) < 0 ||
		copy_header(ex->mhd, "Sec-Fetch-Site", &req->fetch_site) < 0 ||
		copy_header(ex->mhd, "Content-Type", &req->content_type) < 0)
		return MHD_NO;
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **req_cls)
{
	struct exchange *ex = *req_cls;

	if (!ex)
		return MHD_NO;
	if (ex->state == BEGUN)
		return begin_request(ex, method);
	if (*upload_len) {
		strbuf_add(&ex->req->body, upload, *upload_len);
		*upload_len = 0;
		/* Without a length said before, all that can be done is to hang up. */
		return ex->req->body.err ? MHD_NO : MHD_YES;
	}
	/* A job that had to wait comes back here. */
	if (ex->req->response.status)
		return ex->req->job ? queue_stream(ex) : queue_answer(ex);
	route_dispatch(ex->req, clock_now());
	return ex->req->job ? start_job(ex) : queue_answer(ex);
}

/* -- the loop --------------------------------------------------------------------------------- */

/*
 * A timer is only ever set nearer: connections prolong their timeouts with each byte, and telling the
 * kernel each time costs more than ringing in vain now and then.
 */
static void listener_arm(struct listener *listener)
{
	uint64_t now = 0, armed = 0, at;
	MHD_UNSIGNED_LONG_LONG ms;
	int enabled = SD_EVENT_OFF;

	if (MHD_get_timeout(listener->daemon, &ms) != MHD_YES)
		return;
	if (!ms) {
		sd_event_source_set_enabled(listener->soon, SD_EVENT_ONESHOT);
		return;
	}
	sd_event_now(listener->api->event, CLOCK_MONOTONIC, &now);
	at = now + MIN((uint64_t)ms, UINT64_C(3600000)) * 1000;
	sd_event_source_get_enabled(listener->timer, &enabled);
	sd_event_source_get_time(listener->timer, &armed);
	if (enabled && armed > now && armed <= at)
		return;
	sd_event_source_set_time(listener->timer, at);
	sd_event_source_set_enabled(listener->timer, SD_EVENT_ONESHOT);
}

static int on_soon(sd_event_source *source, void *userdata)
{
	struct listener *listener = userdata;

	MHD_run(listener->daemon);
	listener_arm(listener);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	return on_soon(source, userdata);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	return on_soon(source, userdata);
}

static void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	sd_event_source_disable_unref(listener->io);
	sd_event_source_disable_unref(listener->timer);
	sd_event_source_disable_unref(listener->soon);
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon);
	free(listener);
}
DEFINE_FREEP(listener)

static int listener_watch(struct listener *listener)
{
	sd_event *event = listener->api->event;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int err;

	if (!info)
		return -ENOTSUP;
	err = sd_event_add_io(event, &listener->io, info->epoll_fd, EPOLLIN, on_io, listener);
	if (err < 0)
		return err;
	err = sd_event_add_time_relative(
		event, &listener->timer, CLOCK_MONOTONIC, 0, 0, on_timer, listener);
	if (err < 0)
		return err;
	err = sd_event_add_defer(event, &listener->soon, on_soon, listener);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(listener->timer, SD_EVENT_OFF);
	sd_event_source_set_enabled(listener->soon, SD_EVENT_OFF);
	sd_event_source_set_priority(listener->io, PRIORITY_HTTP);
	sd_event_source_set_priority(listener->timer, PRIORITY_HTTP);
	sd_event_source_set_priority(listener->soon, PRIORITY_HTTP);
	sd_event_source_set_description(listener->io, "http");
	sd_event_source_set_description(listener->timer, "http-timeout");
	sd_event_source_set_description(listener->soon, "http-soon");
	listener_arm(listener);
	return 0;
}

static struct MHD_Daemon *start_daemon(struct api *api, int fd)
{
	unsigned most = api->options.max_connections;
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)most, NULL },
		/* One client alone must not be able to shut all others out. */
		{ MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)MAX(most / 2, 1u), NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)CONNECTION_MEMORY, NULL },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_uri, api },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, api },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, api },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
		NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

int api_bind(const char *address, int *ret_fd, char *error, size_t error_size)
{
	return listen_open(address, ret_fd, error, error_size);
}

int api_serve(struct api *api, int fd, char *error, size_t error_size)
{
	scoped(listener_freep) struct listener *listener = calloc(1, sizeof(*listener));
	int err;

	if (!listener || !vec_reserve(api->listeners, api->n_listeners, api->cap_listeners)) {
		snprintf(error, error_size, "out of memory");
		close(fd);
		return -ENOMEM;
	}
	listener->api = api;
	listener->port = listen_port(fd);
	/* From here the descriptor is libmicrohttpd's, which closes it. */
	listener->daemon = start_daemon(api, fd);
	err = listener->daemon ? listener_watch(listener) : -ENOMEM;
	if (err) {
		snprintf(error, error_size, "the HTTP server did not start: %s", strerror(-err));
		return err;
	}
	api->listeners[api->n_listeners++] = TAKE(listener);
	return 0;
}

unsigned api_port(const struct api *api, size_t i)
{
	return i < api->n_listeners ? api->listeners[i]->port : 0;
}

int api_new(sd_event *event, const struct api_options *options, const struct api_sources *sources,
	struct api **ret)
{
	scoped(api_freep) struct api *api = calloc(1, sizeof(*api));
	int err;

	if (!api)
		return -ENOMEM;
	api->event = sd_event_ref(event);
	api->options = *options;
	api->sources = *sources;
	if (!api->options.max_connections)
		api->options.max_connections = MAX_CONNECTIONS;
	api->max_waiting_bytes = HTTP_MAX_WAITING;
	api->prefix = route_prefix(options);
	if (!api->prefix)
		return -ENOMEM;
	if (options->cors_origin) {
		char error[200];

		err = regex_new(options->cors_origin, &api->cors_origin, error, sizeof(error));
		if (err)
			return err;
	}
	err = sd_event_add_defer(event, &api->job_source, on_job, api);
	if (err < 0)
		return err;
	err = sd_event_add_time_relative(
		event, &api->slow_source, CLOCK_BOOTTIME, 0, SLOW_SLACK_USEC, on_slow_check, api);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(api->job_source, SD_EVENT_OFF);
	sd_event_source_set_enabled(api->slow_source, SD_EVENT_OFF);
	sd_event_source_set_priority(api->job_source, PRIORITY_QUERY);
	sd_event_source_set_priority(api->slow_source, PRIORITY_HTTP);
	sd_event_source_set_description(api->job_source, "http-query");
	*ret = TAKE(api);
	return 0;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	/* libmicrohttpd will not stop while a connection is suspended. */
	while (api->first_job) {
		struct exchange *ex = api->first_job;

		respond_text(ex->req, MHD_HTTP_SERVICE_UNAVAILABLE, "tolld is stopping\n");
		job_finish(ex);
	}
	for (size_t i = 0; i < api->n_listeners; i++) {
		/* What is answered already still goes out, as far as the client takes it at once. */
		MHD_run(api->listeners[i]->daemon);
		listener_free(api->listeners[i]);
	}
	free(api->listeners);
	regex_free(api->cors_origin);
	free(api->prefix);
	sd_event_source_disable_unref(api->job_source);
	sd_event_source_disable_unref(api->slow_source);
	sd_event_unref(api->event);
	free(api);
}
