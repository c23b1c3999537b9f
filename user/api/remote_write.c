/*
 * remote_write.c - POST /api/v1/write: samples that another Prometheus, or an agent, sends here.
 *
 * Remote write 1.0: a WriteRequest in Protocol Buffers, packed by Snappy. Source: prometheus
 * storage/remote/write_handler.go. What one series may not have does not keep the others out. Histograms,
 * exemplars and metadata are passed over.
 */
#include "api/state.h"

#include <errno.h>
#include <microhttpd.h>
#include <strings.h>
#include "base/escape.h"
#include "base/snappy.h"

/* Unpacked; Prometheus's own senders stay below a megabyte. */
#define MAX_BYTES ((size_t)32 << 20)
/* Further ahead than this a sample would be in the way of all that come after it. */
#define MAX_AHEAD_MS (10 * 60 * 1000ll)
/* Series taken before the clock is looked at again. */
#define SERIES_AT_ONCE 100

/* Field numbers of the messages. */
enum { REQUEST_SERIES = 1 };
enum { SERIES_LABEL = 1, SERIES_SAMPLE = 2 };
enum { LABEL_FIELD_NAME = 1, LABEL_FIELD_VALUE = 2 };
enum { SAMPLE_VALUE = 1, SAMPLE_TIME = 2 };

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct message {
	const uint8_t *at, *end;
	bool bad; /* it is not what it says it is */
};

struct field {
	uint64_t number;
	enum wire_type type;
	uint64_t value; /* VARINT, FIXED64 */
	const char *bytes;
	size_t len;
};

struct writing {
	struct job job;
	struct tsdb *db;
	char *data;
	struct message in;
	int64_t most_wall_ms;
	int err; /* the first that says why a sample was not taken */
};

static uint64_t varint(struct message *m)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && m->at < m->end; shift += 7) {
		uint8_t byte = *m->at++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	m->bad = true;
	return 0;
}

static const uint8_t *take(struct message *m, uint64_t n)
{
	const uint8_t *bytes = m->at;

	if (m->bad || n > (uint64_t)(m->end - m->at)) {
		m->bad = true;
		return NULL;
	}
	m->at += n;
	return bytes;
}

static uint64_t fixed(struct message *m, unsigned n)
{
	const uint8_t *bytes = take(m, n);
	uint64_t v = 0;

	for (unsigned i = 0; bytes && i < n; i++)
		v |= (uint64_t)bytes[i] << (8 * i);
	return v;
}

/* False at the end, and where the message is bad. */
static bool next_field(struct message *m, struct field *ret)
{
	uint64_t tag;

	if (m->bad || m->at >= m->end)
		return false;
	tag = varint(m);
	*ret = (struct field){ .number = tag >> 3, .type = (enum wire_type)(tag & 7) };
	switch (ret->type) {
	case VARINT:
		ret->value = varint(m);
		break;
	case FIXED64:
	case FIXED32:
		ret->value = fixed(m, ret->type == FIXED64 ? 8 : 4);
		break;
	case BYTES:
		ret->len = varint(m);
		ret->bytes = (const char *)take(m, ret->len);
		break;
	default:
		m->bad = true;
	}
	m->bad |= !ret->number;
	return !m->bad;
}

static struct message message_of(const struct field *field)
{
	return (struct message){ (const uint8_t *)field->bytes,
		(const uint8_t *)field->bytes + field->len, false };
}

static bool is_text(const char *s, size_t len)
{
	return !memchr(s, '\0', len) && utf8_valid(s, len);
}

/* False: no such label can be, or it stands twice; the series is passed over, as Prometheus does. */
static bool add_label(struct message *in, struct labels_builder *b)
{
	const char *name = "", *value = "";
	size_t name_len = 0, value_len = 0, before = b->n;
	struct field f;

	while (next_field(in, &f)) {
		if (f.type != BYTES)
			continue;
		if (f.number == LABEL_FIELD_NAME) {
			name = f.bytes;
			name_len = f.len;
		} else if (f.number == LABEL_FIELD_VALUE) {
			value = f.bytes;
			value_len = f.len;
		}
	}
	if (in->bad || !name_len || !is_text(name, name_len) || !is_text(value, value_len))
		return false;
	labels_builder_setn(b, name, name_len, value, value_len);
	return b->err || b->n == before + (value_len > 0);
}

/* *ret NULL: such a series cannot be. */
static int read_labels(struct message series, bool *ret_bad, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct field f;
	bool good = true;

	while (good && next_field(&series, &f)) {
		if (f.number == SERIES_LABEL && f.type == BYTES) {
			struct message label = message_of(&f);

			good = add_label(&label, &b);
			*ret_bad |= label.bad;
		}
	}
	*ret_bad |= series.bad;
	*ret = NULL;
	if (good && !series.bad && (b.err || labels_builder_get(&b, LABEL_NAME)))
		return labels_build(&b, ret);
	labels_builder_release(&b);
	return 0;
}

static int append(struct writing *w, struct series *series, struct message *in)
{
	int64_t wall_ms = 0;
	double value = 0;
	struct field f;

	while (next_field(in, &f)) {
		if (f.number == SAMPLE_VALUE && f.type == FIXED64)
			memcpy(&value, &f.value, sizeof(value));
		else if (f.number == SAMPLE_TIME && f.type == VARINT)
			wall_ms = (int64_t)f.value;
	}
	if (in->bad)
		return -EBADMSG;
	if (wall_ms > w->most_wall_ms)
		return -EDOM;
	return tsdb_append(w->db, series, wall_ms, value);
}

static void note(struct writing *w, int err)
{
	w->err = w->err ? w->err : err;
}

static void take_series(struct writing *w, struct message in)
{
	scoped(labels_unrefp) struct labels *labels = NULL;
	struct series *series;
	struct field f;
	int err = read_labels(in, &w->in.bad, &labels);

	if (!err && labels)
		err = tsdb_series(w->db, labels, &series);
	if (err || !labels) {
		note(w, err);
		return;
	}
	while (next_field(&in, &f)) {
		if (f.number == SERIES_SAMPLE && f.type == BYTES) {
			struct message sample = message_of(&f);

			note(w, append(w, series, &sample));
			w->in.bad |= sample.bad;
		}
	}
	series_unref(series);
}

/* What makes a sender come again is for what may be better then: it gives up what it is told is bad. */
static void answer(struct writing *w, struct request *req)
{
	const struct {
		int err;
		unsigned status;
		const char *text;
	} answers[] = {
		{ -ERANGE, MHD_HTTP_BAD_REQUEST, "out of order sample\n" },
		{ -EEXIST, MHD_HTTP_BAD_REQUEST, "duplicate sample for timestamp\n" },
		{ -EDOM, MHD_HTTP_BAD_REQUEST, "out of bounds\n" },
		{ -ENOSPC, MHD_HTTP_BAD_REQUEST, "there is no room for more series\n" },
	};

	if (w->in.bad) {
		respond_text(req, MHD_HTTP_BAD_REQUEST, "the body is not a WriteRequest\n");
		return;
	}
	if (!w->err) {
		respond_text(req, MHD_HTTP_NO_CONTENT, "");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		if (answers[i].err == w->err) {
			respond_text(req, answers[i].status, answers[i].text);
			return;
		}
	}
	respond_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
}

static bool writing_step(struct job *job, struct request *req)
{
	struct writing *w = container_of(job, struct writing, job);
	int64_t until = clock_boot_ns() + API_TURN_NS;
	struct field f;

	do {
		for (unsigned n = 0; n < SERIES_AT_ONCE; n++) {
			if (!next_field(&w->in, &f)) {
				answer(w, req);
				return true;
			}
			if (f.number == REQUEST_SERIES && f.type == BYTES)
				take_series(w, message_of(&f));
		}
	} while (clock_boot_ns() < until);
	return false;
}

static void writing_free(struct job *job)
{
	struct writing *w = container_of(job, struct writing, job);

	free(w->data);
	free(w);
}

/* Of the two messages that remote write knows, the first; who sends the second falls back to it at a 415. */
static bool is_write_request(const char *type)
{
	static const char protobuf[] = "application/x-protobuf", proto[] = "proto=";
	size_t len = type ? strcspn(type, "; \t") : 0;

	if (len != sizeof(protobuf) - 1 || strncasecmp(type, protobuf, len))
		return false;
	type = strstr(type + len, proto);
	return !type || starts_with(type + sizeof(proto) - 1, "prometheus.WriteRequest");
}

void remote_write_post(struct request *req, struct instant now)
{
	struct writing *w;
	size_t len = 0;
	int err;

	if (!req->api->options.enable_remote_write || !req->api->sources.db) {
		respond_text(req, MHD_HTTP_NOT_FOUND,
			"remote write receiver needs to be enabled with "
			"--web.enable-remote-write-receiver\n");
		return;
	}
	if (!is_write_request(req->content_type)) {
		respond_text(req, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
			"only application/x-protobuf of remote write 1.0 is taken\n");
		return;
	}
	w = calloc(1, sizeof(*w));
	err = w ? snappy_decode(req->body.s, req->body.len, MAX_BYTES, &w->data, &len) : -ENOMEM;
	if (err) {
		free(w);
		respond_text(req,
			err == -ENOMEM ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_BAD_REQUEST,
			err == -ENOMEM	   ? "out of memory\n"
			: err == -EMSGSIZE ? "the body holds more than 32 MiB\n"
					   : "snappy: corrupt input\n");
		return;
	}
	w->job = (struct job){ .step = writing_step, .free = writing_free };
	w->db = req->api->sources.db;
	w->in = (struct message){ (uint8_t *)w->data, (uint8_t *)w->data + len, false };
	w->most_wall_ms = now.wall_ms + MAX_AHEAD_MS;
	req->job = &w->job;
}
