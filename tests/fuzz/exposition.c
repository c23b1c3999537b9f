/*
 * exposition.c - property: reading ends; a sample that is read is read the same when its text is
 * expected; its labels are the same when they are printed and read again.
 */
#include "series_labels.h"

#include "base/escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void quoted(struct strbuf *out, const char *s)
{
	strbuf_addch(out, '"');
	escape_label_value(out, s, strlen(s));
	strbuf_addch(out, '"');
}

/* {"name","label"="value",...} */
static void print(const struct labels *labels, struct strbuf *out)
{
	strbuf_addch(out, '{');
	for (unsigned i = 0; i < labels->n; i++) {
		if (!strcmp(labels->v[i].name, LABEL_NAME)) {
			quoted(out, labels->v[i].value);
		} else {
			quoted(out, labels->v[i].name);
			strbuf_addch(out, '=');
			quoted(out, labels->v[i].value);
		}
		strbuf_addch(out, ',');
	}
	strbuf_adds(out, "} 1\n");
}

static void check_sample(const char *line, const char *end, const struct exposition_entry *entry)
{
	struct labels *first = labels_of(entry->series, entry->series_len), *second;
	struct exposition_entry again;
	struct strbuf text = STRBUF_INIT;
	struct exposition p;

	exposition_init(&p, line, (size_t)(end - line));
	if (exposition_expect(&p, entry->series, entry->series_len, &again) == 1)
		assert(!memcmp(&again.value, &entry->value, sizeof(again.value)) &&
			again.has_time == entry->has_time);
	print(first, &text);
	exposition_init(&p, text.s, text.len);
	assert(!text.err && exposition_next(&p, &again) == EXPOSITION_SAMPLE);
	second = labels_of(again.series, again.series_len);
	assert(labels_equal(first, second));
	labels_unref(first);
	labels_unref(second);
	strbuf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exposition_entry entry;
	struct exposition p;
	int kind;

	exposition_init(&p, (const char *)data, size);
	while ((kind = exposition_next(&p, &entry)) > EXPOSITION_END) {
		assert(p.at <= p.end);
		if (kind == EXPOSITION_SAMPLE)
			check_sample(entry.series, p.at, &entry);
	}
	assert(kind == EXPOSITION_END || p.error[0]);
	return 0;
}
