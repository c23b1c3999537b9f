/*
 * block.c - a block, written from front to back.
 */
#include "tsdb/block.h"

#include "tsdb/block_format.h"

void block_begin(struct block_writer *w)
{
	*w = (struct block_writer){ .min_ms = INT64_MAX, .max_ms = INT64_MIN };
	strbuf_init(&w->out, STRBUF_MAX_DEFAULT);
	strbuf_init(&w->index, STRBUF_MAX_DEFAULT);
	strbuf_init(&w->labels, STRBUF_MAX_DEFAULT);
	strbuf_init(&w->symbols, STRBUF_MAX_DEFAULT);
	strbuf_adds(&w->out, BLOCK_MAGIC);
}

void block_writer_release(struct block_writer *w)
{
	strbuf_release(&w->out);
	strbuf_release(&w->index);
	strbuf_release(&w->labels);
	strbuf_release(&w->symbols);
	map_release(&w->numbers);
}

static void remember(struct block_writer *w, int err)
{
	w->err = w->err ? w->err : err;
}

static uint64_t symbol_of(struct block_writer *w, const char *text)
{
	size_t len = strlen(text);
	uintptr_t number = (uintptr_t)map_get(&w->numbers, text, len);

	if (number)
		return number - 1;
	wire_put_u(&w->symbols, len);
	strbuf_add(&w->symbols, text, len);
	number = ++w->n_symbols;
	remember(w, map_put(&w->numbers, text, len, (void *)number));
	return number - 1;
}

void block_series(struct block_writer *w, uint32_t key, const struct labels *labels)
{
	wire_put_u(&w->index, key - w->last_key);
	wire_put_u(&w->labels, labels->n);
	for (unsigned i = 0; i < labels->n; i++) {
		wire_put_u(&w->labels, symbol_of(w, labels->v[i].name));
		wire_put_u(&w->labels, symbol_of(w, labels->v[i].value));
	}
	w->last_key = key;
	w->last_ms = 0;
	w->series_at = w->out.len;
	wire_put_u32(&w->out, 0);
}

void block_chunk(struct block_writer *w, const struct chunk *chunk)
{
	strbuf_addch(&w->out, (char)chunk->n);
	strbuf_addch(&w->out, (char)chunk->encoding);
	wire_put_s(&w->out, (int64_t)((uint64_t)chunk->first_ms - (uint64_t)w->last_ms));
	wire_put_u(&w->out, (uint64_t)chunk->last_ms - (uint64_t)chunk->first_ms);
	wire_put_u(&w->out, chunk->n_bits);
	strbuf_add(&w->out, chunk->data, (chunk->n_bits + 7u) / 8);
	w->last_ms = chunk->last_ms;
	w->min_ms = MIN(w->min_ms, chunk->first_ms);
	w->max_ms = MAX(w->max_ms, chunk->last_ms);
	w->n_samples += chunk->n;
}

void block_series_end(struct block_writer *w)
{
	size_t len = w->out.len - w->series_at;
	uint32_t crc;

	if (w->out.err)
		return;
	crc = htole32(wire_crc(w->out.s + w->series_at + 4, len - 4));
	memcpy(w->out.s + w->series_at, &crc, sizeof(crc));
	wire_put_u(&w->index, len);
	w->n_series++;
}

void block_end(struct block_writer *w)
{
	struct block_footer f = { .index_at = w->taken + w->out.len,
		.n_samples = w->n_samples,
		.min_ms = w->min_ms,
		.max_ms = w->max_ms,
		.n_series = w->n_series,
		.index_crc = wire_crc(w->index.s, w->index.len) };
	struct strbuf *out = &w->out;
	size_t at;

	strbuf_add(out, w->index.s, w->index.len);
	at = out->len;
	f.symbols_at = w->taken + at;
	wire_put_u(out, w->n_symbols);
	strbuf_add(out, w->symbols.s, w->symbols.len);
	f.labels_at = w->taken + out->len;
	strbuf_add(out, w->labels.s, w->labels.len);
	f.end_at = w->taken + out->len;
	if (!out->err)
		f.labels_crc = wire_crc(out->s + at, out->len - at);
	remember(w, w->index.err ? w->index.err : w->symbols.err ? w->symbols.err : w->labels.err);
	block_put_footer(out, &f);
}

int block_take(struct block_writer *w, char **ret, size_t *ret_len)
{
	size_t len = w->out.len;
	int err = w->err;

	if (!err)
		err = strbuf_finish(&w->out, ret);
	remember(w, err);
	if (err)
		return err;
	w->taken += len;
	*ret_len = len;
	return 0;
}
