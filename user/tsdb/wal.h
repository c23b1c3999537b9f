/*
 * wal.h - what was appended since the last flush, as records that a file grows by; private to tsdb/.
 *
 * A piece is a run of samples of one open chunk, as the bits that the chunk has for them: reading the
 * pieces of a chunk one after the other makes the chunk again. Series are told once, by a key that
 * stays theirs for ever.
 *
 *   file:   "tolldwal", records
 *   record: u32 length and u32 CRC of the payload, payload
 *   payload: entries, each with a head byte
 *     0       a series: key, number of labels, for each the lengths and bytes of name and value
 *     1       a piece: key less the last one (signed), samples, samples before, rest
 *     2..255  a piece with key = the last one + head - 1 and the last piece's two numbers; rest
 *     rest:   where no samples were before, the time of the first less that of the last such piece;
 *             number of bits, bits
 */
#ifndef TOLLD_TSDB_WAL_H
#define TOLLD_TSDB_WAL_H

#include "base/strbuf.h"
#include "model/labels.h"
#include "tsdb/chunk.h"

#define WAL_MAGIC	"tolldwal"
#define WAL_MAGIC_BYTES 8u
#define WAL_HEAD_BYTES	8u
/* A payload is ended past the first, and none is longer than the second. */
#define WAL_RECORD_BYTES     ((size_t)64 << 10)
#define WAL_MAX_RECORD_BYTES ((size_t)4 << 20)
/* Of a series' names and values, so that none makes a record too long. */
#define WAL_MAX_LABELS_BYTES ((size_t)1 << 20)

struct wal_piece {
	uint32_t key;
	uint8_t n, before; /* samples in it, and samples of the chunk before it */
	int64_t first_ms;  /* of the chunk; where before is 0 */
	uint32_t n_bits;
	const uint8_t *bits;
};

struct wal_writer {
	struct strbuf out;
	size_t record; /* where the record under way begins; SIZE_MAX: none is */
	struct wal_piece last;
};

void wal_init(struct wal_writer *w);
void wal_release(struct wal_writer *w);
/* Errors (memory, STRBUF_MAX_DEFAULT) stay in w->out.err. */
void wal_series(struct wal_writer *w, uint32_t key, const struct labels *labels);
/* The samples of a PLAIN chunk after the first `before`, whose bits end at before_bits. */
void wal_piece(struct wal_writer *w, uint32_t key, const struct chunk *chunk, unsigned before,
	unsigned before_bits);
/* All whole records, the caller's to free(). 0, or the remembered error with everything lost. */
int wal_take(struct wal_writer *w, char **ret, size_t *ret_len);

/* What a payload holds; each returns 0, or what wal_decode() is to return. The labels are given away. */
struct wal_events {
	int (*series)(uint32_t key, struct labels *labels, void *userdata);
	int (*piece)(const struct wal_piece *piece, void *userdata);
	void *userdata;
};

/* -EBADMSG where it makes no sense; -ENOMEM; or what an event returned. */
int wal_decode(const void *payload, size_t len, const struct wal_events *events);

/* From the 8 bytes before a payload. False: no record can begin so. */
bool wal_head(const void *head, uint32_t *ret_len, uint32_t *ret_crc);

#endif
