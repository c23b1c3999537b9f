/*
 * wal.c - pieces of chunks, written and read.
 */
#include "tsdb/wal.h"

#include <errno.h>
#include "tsdb/bits.h"
#include "tsdb/wire.h"

enum { HEAD_SERIES, HEAD_PIECE, HEAD_NEXT };

/* A step to the next key that still fits the head byte. */
#define MAX_STEP (UINT8_MAX - HEAD_NEXT + 1)

void wal_init(struct wal_writer *w)
{
	*w = (struct wal_writer){ .record = SIZE_MAX };
	strbuf_init(&w->out, STRBUF_MAX_DEFAULT);
}

void wal_release(struct wal_writer *w)
{
	strbuf_release(&w->out);
}

static void end_record(struct wal_writer *w)
{
	char *head = w->out.s + w->record;
	uint32_t numbers[2];

	if (w->record == SIZE_MAX || w->out.err)
		return;
	numbers[0] = (uint32_t)(w->out.len - w->record - WAL_HEAD_BYTES);
	numbers[1] = htole32(wire_crc(head + WAL_HEAD_BYTES, numbers[0]));
	numbers[0] = htole32(numbers[0]);
	memcpy(head, numbers, WAL_HEAD_BYTES);
	w->record = SIZE_MAX;
}

static void begin_entry(struct wal_writer *w)
{
	if (w->record != SIZE_MAX && w->out.len - w->record >= WAL_RECORD_BYTES)
		end_record(w);
	if (w->record != SIZE_MAX)
		return;
	w->record = w->out.len;
	w->last = (struct wal_piece){ 0 };
	strbuf_add(&w->out, (const char[WAL_HEAD_BYTES]){ 0 }, WAL_HEAD_BYTES);
}

static void put_text(struct strbuf *out, const char *s)
{
	size_t len = strlen(s);

	wire_put_u(out, len);
	strbuf_add(out, s, len);
}

void wal_series(struct wal_writer *w, uint32_t key, const struct labels *labels)
{
	begin_entry(w);
	strbuf_addch(&w->out, HEAD_SERIES);
	wire_put_u(&w->out, key);
	wire_put_u(&w->out, labels->n);
	for (unsigned i = 0; i < labels->n; i++) {
		put_text(&w->out, labels->v[i].name);
		put_text(&w->out, labels->v[i].value);
	}
}

static void put_bits(struct strbuf *out, const struct chunk *c, uint64_t from)
{
	uint64_t at = 0, end = c->n_bits;
	uint8_t *to = (uint8_t *)strbuf_room(out, (end - from + 7) / 8);

	if (!to)
		return;
	out->len += (end - from + 7) / 8;
	while (from < end) {
		unsigned take = (unsigned)MIN(end - from, (uint64_t)32);

		bits_put(to, &at, bits_get(c->data, end, &from, take), take);
	}
	out->s[out->len] = '\0';
}

void wal_piece(struct wal_writer *w, uint32_t key, const struct chunk *chunk, unsigned before,
	unsigned before_bits)
{
	struct strbuf *out = &w->out;
	struct wal_piece p = { .key = key,
		.n = (uint8_t)(chunk->n - before),
		.before = (uint8_t)before,
		.first_ms = chunk->first_ms };
	bool next;

	begin_entry(w);
	next = key > w->last.key && key - w->last.key <= MAX_STEP && p.n == w->last.n &&
	       p.before == w->last.before;
	if (next) {
		strbuf_addch(out, (char)(HEAD_NEXT - 1 + (key - w->last.key)));
	} else {
		strbuf_addch(out, HEAD_PIECE);
		wire_put_s(out, (int64_t)key - (int64_t)w->last.key);
		strbuf_addch(out, (char)p.n);
		strbuf_addch(out, (char)p.before);
	}
	if (before)
		p.first_ms = w->last.first_ms;
	else
		wire_put_s(out, (int64_t)((uint64_t)p.first_ms - (uint64_t)w->last.first_ms));
	wire_put_u(out, chunk->n_bits - before_bits);
	put_bits(out, chunk, before_bits);
	w->last = p;
}

int wal_take(struct wal_writer *w, char **ret, size_t *ret_len)
{
	int err;

	end_record(w);
	*ret_len = w->out.len;
	err = strbuf_finish(&w->out, ret);
	wal_release(w);
	wal_init(w);
	return err;
}

static int read_series(struct wire *in, const struct wal_events *events)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	uint64_t key = wire_u(in), n = wire_u(in);
	struct labels *labels;
	int err;

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		size_t name_len = wire_u(in);
		const char *name = wire_bytes(in, name_len);
		size_t value_len = wire_u(in);
		const char *value = wire_bytes(in, value_len);

		/* Nobody wrote a text with a NUL in it. */
		if (!name || !value || memchr(name, '\0', name_len) ||
			memchr(value, '\0', value_len))
			in->bad = true;
		else
			labels_builder_setn(&b, name, name_len, value, value_len);
	}
	if (in->bad || key > UINT32_MAX) {
		labels_builder_release(&b);
		return -EBADMSG;
	}
	err = labels_build(&b, &labels);
	return err ? err : events->series((uint32_t)key, labels, events->userdata);
}

static int read_piece(
	struct wire *in, unsigned head, struct wal_piece *last, const struct wal_events *events)
{
	struct wal_piece p = *last;

	if (head == HEAD_PIECE) {
		p.key = (uint32_t)((uint64_t)p.key + (uint64_t)wire_s(in));
		p.n = wire_u8(in);
		p.before = wire_u8(in);
	} else {
		p.key += head - (HEAD_NEXT - 1);
	}
	if (!p.before)
		p.first_ms = (int64_t)((uint64_t)p.first_ms + (uint64_t)wire_s(in));
	p.n_bits = (uint32_t)MIN(wire_u(in), (uint64_t)UINT16_MAX);
	p.bits = wire_bytes(in, (p.n_bits + 7) / 8);
	if (in->bad)
		return -EBADMSG;
	*last = p;
	return events->piece(&p, events->userdata);
}

int wal_decode(const void *payload, size_t len, const struct wal_events *events)
{
	struct wire in = wire_of(payload, len);
	struct wal_piece last = { 0 };
	int err = 0;

	while (!err && wire_left(&in)) {
		unsigned head = wire_u8(&in);

		err = head == HEAD_SERIES ? read_series(&in, events)
					  : read_piece(&in, head, &last, events);
	}
	return err;
}

bool wal_head(const void *head, uint32_t *ret_len, uint32_t *ret_crc)
{
	struct wire in = wire_of(head, WAL_HEAD_BYTES);

	*ret_len = wire_u32(&in);
	*ret_crc = wire_u32(&in);
	return *ret_len && *ret_len <= WAL_MAX_RECORD_BYTES;
}
