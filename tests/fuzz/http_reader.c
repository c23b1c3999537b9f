/*
 * http_reader.c - property: however an answer is cut into pieces, the same comes of it, and the body is
 * never longer than it may be.
 */
#include <assert.h>
#include <string.h>
#include "net/http_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES 200

static enum http_progress read_in_steps(
	struct http_reader *r, const uint8_t *data, size_t size, size_t step)
{
	enum http_progress progress = HTTP_MORE;

	for (size_t at = 0; at < size && progress == HTTP_MORE; at += step)
		progress = http_reader_feed(r, (const char *)data + at, MIN(step, size - at));
	return progress;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf whole, pieces;
	struct http_reader a, b;
	enum http_progress progress;

	if (!size)
		return 0;
	strbuf_init(&whole, MAX_BYTES);
	strbuf_init(&pieces, MAX_BYTES);
	http_reader_init(&a, &whole);
	http_reader_init(&b, &pieces);
	progress = read_in_steps(&a, data, size, size);
	assert(read_in_steps(&b, data, size, 1 + data[0] % 7) == progress);
	assert(a.status == b.status && a.redirects == b.redirects && a.has_type == b.has_type);
	assert(!strcmp(a.type, b.type));
	assert(whole.len <= MAX_BYTES);
	if (progress != HTTP_FULL)
		assert(whole.len == pieces.len && !memcmp(whole.s, pieces.s, whole.len));
	http_reader_release(&a);
	http_reader_release(&b);
	strbuf_release(&whole);
	strbuf_release(&pieces);
	return 0;
}
