/*
 * exposition.c - Prometheus's text format, written.
 */
#include "api/exposition.h"

#include "api/metric_table.h"
#include "base/escape.h"
#include "base/num.h"

void exposition_family(struct strbuf *out, const char *name)
{
	const struct metric *metric = metric_find(name);

	if (!metric)
		return;
	/* Piece by piece: hundreds of formats at each scrape are a good part of what tolld costs at rest. */
	strbuf_adds(out, "# HELP ");
	strbuf_adds(out, name);
	strbuf_addch(out, ' ');
	strbuf_adds(out, metric->help);
	strbuf_adds(out, "\n# TYPE ");
	strbuf_adds(out, name);
	strbuf_addch(out, ' ');
	strbuf_adds(out, metric_kind_name(metric->kind));
	strbuf_addch(out, '\n');
}

void exposition_sample(
	struct strbuf *out, const char *name, size_t n, const char *const labels[][2], double value)
{
	char text[NUM_MAX];

	strbuf_adds(out, name);
	for (size_t i = 0; i < n; i++) {
		strbuf_addch(out, i ? ',' : '{');
		strbuf_adds(out, labels[i][0]);
		strbuf_adds(out, "=\"");
		escape_label_value(out, labels[i][1], strlen(labels[i][1]));
		strbuf_addch(out, '"');
	}
	num_format_go(text, value);
	strbuf_adds(out, n ? "} " : " ");
	strbuf_adds(out, text);
	strbuf_addch(out, '\n');
}

void exposition_histogram(struct strbuf *out, const char *name, const struct histogram *histogram)
{
	struct strbuf series = STRBUF_INIT;
	uint64_t up_to = 0;

	exposition_family(out, name);
	strbuf_addf(&series, "%s_bucket", name);
	for (size_t i = 0; i <= histogram->n; i++) {
		char bound[NUM_MAX] = "+Inf";

		if (i < histogram->n)
			num_format_go(bound, histogram->bounds[i]);
		up_to += histogram->counts[i];
		exposition_sample(out, series.s, 1, (const char *const[][2]){ { "le", bound } },
			(double)up_to);
	}
	strbuf_reset(&series);
	strbuf_addf(&series, "%s_sum", name);
	exposition_sample(out, series.s, 0, NULL, histogram->sum);
	strbuf_reset(&series);
	strbuf_addf(&series, "%s_count", name);
	exposition_sample(out, series.s, 0, NULL, (double)up_to);
	strbuf_release(&series);
}
