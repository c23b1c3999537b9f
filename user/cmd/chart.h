/*
 * chart.h - a series as one line of a terminal: ▁▂▃▄▅▆▇█.
 */
#ifndef TOLLD_CMD_CHART_H
#define TOLLD_CMD_CHART_H

#include "base/strbuf.h"
#include "model/sample.h"

struct chart {
	int64_t start_wall_ms, end_wall_ms;
	size_t width; /* columns; each shows the mean of the samples that fall into it */
	bool ascii;   /* the terminal knows no blocks: _.-=+*#@ */
};

/*
 * Adds the line, without an end of line. It spans from the lowest column to the highest. A column
 * without samples is a blank, one that has no finite number is '?'. The points are in order of time.
 */
void chart_line(
	struct strbuf *out, const struct chart *chart, const struct sample *points, size_t n);

#endif
