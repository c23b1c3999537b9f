/*
 * chunk.h - up to CHUNK_SAMPLES samples, packed bit by bit.
 *
 * A chunk that is written to is PLAIN: times are stored as the change of their difference, values as
 * the XOR with the one before, after Facebook's Gorilla paper (Pelkonen et al., VLDB 2015). A sealed
 * one may be DECIMAL: most values are decimal fractions with few digits, and the differences of the
 * whole numbers behind them take half the room of the XORs.
 *
 * Every int64 time and every bit of a value come back as they were, NaN payloads too. A chunk's
 * buffer grows with it, so that a series with a single sample costs a few dozen bytes.
 */
#ifndef TOLLD_TSDB_CHUNK_H
#define TOLLD_TSDB_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A query of the last minutes decodes half a chunk on average; each chunk costs a header of 51
 * bytes. Measured on a day of a Go program's metrics: 2.6 bytes a sample with 120 in a plain chunk,
 * 2.3 with 240, for twice the time of such a query.
 */
#define CHUNK_SAMPLES 120

/* More bits than CHUNK_SAMPLES of the worst kind take. */
#define CHUNK_MAX_BITS 32000u

enum chunk_encoding { CHUNK_PLAIN, CHUNK_DECIMAL, CHUNK_ENCODINGS };

/* Whether a sealed chunk stands in a file, too. */
enum chunk_kept { CHUNK_UNSAVED, CHUNK_WRITING, CHUNK_SAVED };

struct chunk {
	struct chunk *next;	       /* the next newer one of the same series */
	struct chunk *earlier, *later; /* sealed before and after it, of any series */
	int64_t first_ms, last_ms;
	uint32_t slot; /* of its series */
	uint16_t n_bits, cap_bytes;
	uint8_t n;
	uint8_t encoding;
	uint8_t kept;
	uint8_t data[];
};

/* Where a writer or a reader stands: what the next sample is told relative to. */
struct chunk_state {
	int64_t ms, delta_ms;
	uint64_t value_bits;
	uint8_t leading, trailing; /* PLAIN: the window of the last XOR; none when both are 0xff */
	/* DECIMAL, reading. */
	uint8_t digits, width;
	bool even, flat, twice;
	int64_t whole, step;
};

/*
 * Adds a sample. *chunk is NULL for a new one; it may move. The state is the writer's and starts
 * anew with each chunk. The caller sees to the order of times. 0 or -ENOMEM, nothing changed.
 */
int chunk_append(struct chunk **chunk, struct chunk_state *state, int64_t ms, uint64_t value_bits);
/*
 * Adds n samples as the bits that chunk_append() once wrote for them behind the same samples. *chunk is
 * NULL for a new one that begins at first_ms. -EBADMSG where the bits do not fit, or -ENOMEM: nothing
 * has changed then.
 */
int chunk_extend(struct chunk **chunk, struct chunk_state *state, int64_t first_ms, unsigned n,
	const uint8_t *bits, uint32_t n_bits);
bool chunk_full(const struct chunk *chunk);
/* Gives back the unused end of the buffer, and writes the samples smaller where it can; may move. */
struct chunk *chunk_seal(struct chunk *chunk);
/* What it costs, the allocator's share included. */
size_t chunk_bytes(const struct chunk *chunk);

/*
 * Decodes the sample after `index` others; bit and state are the reader's, zeroed at the start.
 * False at the end, or where the bits make no sense (never for a chunk that chunk_append() made).
 */
bool chunk_next(
	const struct chunk *chunk, uint32_t index, uint64_t *bit, struct chunk_state *state);

#endif
