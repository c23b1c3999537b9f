/*
 * openmetrics.c - property: reading ends; a line that is read is read the same when its text is
 * expected, and by itself with the end behind it; its labels survive being printed and read by the
 * parser of the other format.
 */
#include "series_labels.h"

#include "scrape/openmetrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_labels(const struct exposition_entry *a, const struct exposition_entry *b)
{
	struct labels *x = labels_of(a->series, a->series_len);
	struct labels *y = labels_of(b->series, b->series_len);

	assert(labels_equal(x, y));
	labels_unref(x);
	labels_unref(y);
}

static void same_rest(const struct exposition_entry *a, const struct exposition_entry *b)
{
	assert(!memcmp(&a->value, &b->value, sizeof(a->value)) && a->has_time == b->has_time &&
		(!a->has_time || a->wall_ms == b->wall_ms));
}

static void check_sample(const char *end, const struct exposition_entry *entry)
{
	struct exposition_entry again;
	struct strbuf text = STRBUF_INIT;
	struct exposition p;

	openmetrics_init(&p, entry->series, (size_t)(end - entry->series));
	assert(openmetrics_expect(&p, entry->series, entry->series_len, &again) == 1 &&
		p.at == p.end);
	same_rest(entry, &again);
	strbuf_add(&text, entry->series, (size_t)(end - entry->series));
	strbuf_adds(&text, "# EOF");
	openmetrics_init(&p, text.s, text.len);
	assert(!text.err && openmetrics_next(&p, &again) == EXPOSITION_SAMPLE);
	same_rest(entry, &again);
	same_labels(entry, &again);
	assert(openmetrics_next(&p, &again) == EXPOSITION_END);
	strbuf_reset(&text);
	strbuf_add(&text, entry->series, entry->series_len);
	strbuf_adds(&text, " 1\n");
	exposition_init(&p, text.s, text.len);
	assert(exposition_next(&p, &again) == EXPOSITION_SAMPLE);
	same_labels(entry, &again);
	strbuf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exposition_entry entry;
	struct exposition p;
	int kind;

	openmetrics_init(&p, (const char *)data, size);
	while ((kind = openmetrics_next(&p, &entry)) > EXPOSITION_END) {
		assert(p.at <= p.end);
		if (kind == EXPOSITION_SAMPLE)
			check_sample(p.at, &entry);
	}
	assert(kind == EXPOSITION_END ? p.at == p.end : p.error[0] != 0);
	return 0;
}
