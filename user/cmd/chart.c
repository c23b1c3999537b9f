/*
 * chart.c - a series as one line of a terminal.
 */
#include "cmd/chart.h"

#include <math.h>

#define LEVELS 8

static const char *const blocks[LEVELS] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const letters[LEVELS] = { "_", ".", "-", "=", "+", "*", "#", "@" };

/* The mean of a column's finite samples; NaN where it has others only. *ret_n counts all of them. */
static double column_mean(const struct chart *chart, const struct sample *points, size_t n,
	size_t column, size_t *at, size_t *ret_n)
{
	int64_t span = chart->end_wall_ms - chart->start_wall_ms + 1;
	double mean = 0, finite = 0;

	*ret_n = 0;
	for (; *at < n; (*at)++) {
		double place = (double)(points[*at].wall_ms - chart->start_wall_ms) / (double)span *
			       (double)chart->width;

		if (place >= (double)(column + 1))
			break;
		(*ret_n)++;
		if (!isfinite(points[*at].value))
			continue;
		/* Step by step, so that the sum of great values is never needed. */
		finite++;
		mean += points[*at].value / finite - mean / finite;
	}
	return finite > 0 ? mean : NAN;
}

static void find_span(const struct chart *chart, const struct sample *points, size_t n,
	double *ret_min, double *ret_max)
{
	size_t at = 0, in_column;
	double mean;

	*ret_min = *ret_max = NAN;
	for (size_t i = 0; i < chart->width; i++) {
		mean = column_mean(chart, points, n, i, &at, &in_column);
		/* fmin() prefers what is a number. */
		*ret_min = fmin(*ret_min, mean);
		*ret_max = fmax(*ret_max, mean);
	}
}

void chart_line(
	struct strbuf *out, const struct chart *chart, const struct sample *points, size_t n)
{
	const char *const *signs = chart->ascii ? letters : blocks;
	size_t at = 0, in_column, level;
	double min, max, mean, share;

	find_span(chart, points, n, &min, &max);
	for (size_t i = 0; i < chart->width; i++) {
		mean = column_mean(chart, points, n, i, &at, &in_column);
		if (!in_column || isnan(mean)) {
			strbuf_addch(out, in_column ? '?' : ' ');
			continue;
		}
		/* Halves, because the whole span of two great values is more than a number holds. */
		share = max > min ? (mean / 2 - min / 2) / (max / 2 - min / 2) : 0;
		level = (size_t)(share * LEVELS);
		strbuf_adds(out, signs[MIN(level, (size_t)LEVELS - 1)]);
	}
}
