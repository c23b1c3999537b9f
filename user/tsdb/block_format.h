/*
 * block_format.h - what block.c and block_read.c agree on.
 */
#ifndef TOLLD_TSDB_BLOCK_FORMAT_H
#define TOLLD_TSDB_BLOCK_FORMAT_H

#include "tsdb/wire.h"

#define BLOCK_MAGIC	   "tolldbk1"
#define BLOCK_END	   "tolldend"
#define BLOCK_FOOTER_BYTES 80u

struct block_footer {
	uint64_t index_at, symbols_at, labels_at, end_at;
	uint64_t n_samples;
	int64_t min_ms, max_ms;
	uint32_t n_series;
	uint32_t index_crc, labels_crc;
};

static inline void block_put_footer(struct strbuf *out, const struct block_footer *f)
{
	size_t at = out->len;

	wire_put_u64(out, f->index_at);
	wire_put_u64(out, f->symbols_at);
	wire_put_u64(out, f->labels_at);
	wire_put_u64(out, f->end_at);
	wire_put_u64(out, f->n_samples);
	wire_put_u64(out, (uint64_t)f->min_ms);
	wire_put_u64(out, (uint64_t)f->max_ms);
	wire_put_u32(out, f->n_series);
	wire_put_u32(out, f->index_crc);
	wire_put_u32(out, f->labels_crc);
	wire_put_u32(out, out->err ? 0 : wire_crc(out->s + at, out->len - at));
	strbuf_adds(out, BLOCK_END);
}

#endif
