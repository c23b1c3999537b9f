/*
 * strict.c - OpenMetrics, held to all that it promises.
 */
#include "scrape/strict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include "base/map.h"
#include "base/num.h"
#include "scrape/openmetrics.h"

#define MAX_EXEMPLAR_CHARS 128

/* What a family of a type may have behind its name; NULL: the name alone. */
static const struct {
	enum metric_type type;
	const char *suffix;
} suffixes[] = {
	{ METRIC_UNKNOWN, "" },
	{ METRIC_GAUGE, "" },
	{ METRIC_STATESET, "" },
	{ METRIC_COUNTER, "_total" },
	{ METRIC_COUNTER, "_created" },
	{ METRIC_INFO, "_info" },
	{ METRIC_SUMMARY, "" },
	{ METRIC_SUMMARY, "_count" },
	{ METRIC_SUMMARY, "_sum" },
	{ METRIC_SUMMARY, "_created" },
	{ METRIC_HISTOGRAM, "_bucket" },
	{ METRIC_HISTOGRAM, "_count" },
	{ METRIC_HISTOGRAM, "_sum" },
	{ METRIC_HISTOGRAM, "_created" },
	{ METRIC_GAUGEHISTOGRAM, "_bucket" },
	{ METRIC_GAUGEHISTOGRAM, "_gcount" },
	{ METRIC_GAUGEHISTOGRAM, "_gsum" },
};

/* Of one group of a histogram at one time. */
struct buckets {
	bool any, has_sum, has_gsum, has_count, has_bucket;
	bool negative_bucket, negative_gsum;
	double le, value, count;
};

struct strict {
	struct exposition p;
	struct exposition_entry e;
	struct strict_counts counts;
	struct map names; /* of all samples that a family so far may have */
	/* The family under way. */
	char *family; /* NULL: none is */
	const char *family_at;
	enum metric_type type;
	bool has_type, has_help, has_unit, has_samples;
	struct map groups; /* seen of it */
	char *group;
	bool group_timed;
	int64_t group_ms;
	struct buckets buckets;
};

/* A sample taken apart. */
struct line {
	struct labels *labels;
	const char *name, *suffix; /* behind the family's name */
};

static int fault(struct strict *s, const char *what)
{
	return exposition_fault(&s->p, s->e.series, what);
}

static int fault_of_family(struct strict *s, const char *what)
{
	return exposition_fault(&s->p, s->family_at, what);
}

/* -- histograms -------------------------------------------------------------------------------- */

static int end_buckets(struct strict *s)
{
	const struct buckets b = s->buckets;
	bool histogram = s->type == METRIC_HISTOGRAM || s->type == METRIC_GAUGEHISTOGRAM;

	s->buckets = (struct buckets){ 0 };
	if (!histogram || !b.any)
		return 0;
	if (!b.has_bucket || b.le != INFINITY)
		return fault_of_family(s, "a histogram without a bucket for +Inf");
	if (b.has_count && b.count != b.value)
		return fault_of_family(s, "a histogram whose count is not that of its +Inf bucket");
	if ((b.has_sum || b.has_gsum) && !b.has_count)
		return fault_of_family(s, "a histogram with a sum and without a count");
	if (!b.has_sum && !b.has_gsum && b.has_count)
		return fault_of_family(s, "a histogram with a count and without a sum");
	if (b.negative_bucket && b.has_sum)
		return fault_of_family(s, "a histogram with negative buckets cannot have a sum");
	if (!b.negative_bucket && b.negative_gsum)
		return fault_of_family(s, "a negative sum without a negative bucket");
	return 0;
}

static int note_bucket(struct strict *s, const struct line *l)
{
	const char *text = labels_get(l->labels, "le");
	struct buckets *b = &s->buckets;
	double le;

	if (!text || num_parse(text, strlen(text), &le) || isnan(le) ||
		(isinf(le) && !streq(text, "+Inf")))
		return fault(s, "a bucket needs a label le with a number, the last of them +Inf");
	if (b->has_bucket && le <= b->le)
		return fault(s, "buckets must come in rising order");
	if (b->has_bucket && s->e.value < b->value)
		return fault(s, "a bucket counts what smaller ones count, too");
	if (s->e.value != floor(s->e.value))
		return fault(s, "a bucket counts whole things");
	b->has_bucket = true;
	b->negative_bucket |= le < 0;
	b->le = le;
	b->value = s->e.value;
	return 0;
}

static int note_histogram(struct strict *s, const struct line *l)
{
	struct buckets *b = &s->buckets;

	if (s->type != METRIC_HISTOGRAM && s->type != METRIC_GAUGEHISTOGRAM)
		return 0;
	b->any = true;
	if (streq(l->suffix, "_bucket"))
		return note_bucket(s, l);
	if (streq(l->suffix, "_count") || streq(l->suffix, "_gcount")) {
		if (s->e.value != floor(s->e.value))
			return fault(s, "a count is a whole number");
		b->has_count = true;
		b->count = s->e.value;
	} else if (streq(l->suffix, "_sum")) {
		b->has_sum = true;
	} else if (streq(l->suffix, "_gsum")) {
		b->has_gsum = true;
		b->negative_gsum |= s->e.value < 0;
	}
	return 0;
}

/* -- families ---------------------------------------------------------------------------------- */

static int end_family(struct strict *s)
{
	int err = end_buckets(s);

	map_release(&s->groups);
	free(TAKE(s->group));
	free(TAKE(s->family));
	return err;
}

/* What this family's samples may be called nobody else's may; told once its type is known. */
static int claim_names(struct strict *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		struct strbuf name = STRBUF_INIT;
		int err;

		/* The name itself is the family's, whatever its samples are called. */
		if (suffixes[i].type != s->type)
			continue;
		strbuf_addf(&name, "%s%s", s->family, suffixes[i].suffix);
		err = name.err;
		if (!err && *suffixes[i].suffix && map_gets(&s->names, name.s))
			err = fault_of_family(s, "its samples have the names of another family's");
		if (!err)
			err = map_puts(&s->names, name.s, s);
		strbuf_release(&name);
		if (err)
			return err;
	}
	return 0;
}

static int begin_family(struct strict *s, const char *at, const char *name, size_t len)
{
	int err = end_family(s);

	if (err)
		return err;
	s->family = strndup(name, len);
	if (!s->family)
		return -ENOMEM;
	s->family_at = at;
	s->type = METRIC_UNKNOWN;
	s->has_type = s->has_help = s->has_unit = s->has_samples = false;
	s->counts.families++;
	if (map_gets(&s->names, s->family))
		return fault_of_family(
			s, "this name was a family's before, or one of its samples'");
	return map_puts(&s->names, s->family, s);
}

static bool is_family(const struct strict *s, const char *name, size_t len)
{
	return s->family && strlen(s->family) == len && !memcmp(s->family, name, len);
}

static int take_metadata(struct strict *s, int kind)
{
	bool *const had[] = { [EXPOSITION_HELP] = &s->has_help,
		[EXPOSITION_TYPE] = &s->has_type,
		[EXPOSITION_UNIT] = &s->has_unit };
	int err = 0;

	if (!is_family(s, s->e.name, s->e.name_len))
		err = begin_family(s, s->e.name, s->e.name, s->e.name_len);
	if (err)
		return err;
	s->family_at = s->e.name;
	if (s->has_samples)
		return fault_of_family(s, "what is said of a family stands before its samples");
	if (*had[kind])
		return fault_of_family(s, "this was said of the family before");
	*had[kind] = true;
	if (kind == EXPOSITION_TYPE) {
		s->type = s->p.type;
		err = claim_names(s);
	}
	if (!err && s->has_unit && s->e.text_len && kind == EXPOSITION_UNIT &&
		(s->type == METRIC_INFO || s->type == METRIC_STATESET))
		err = fault_of_family(s, "information and states have no unit");
	return err;
}

/* The suffix where a sample may be called so; NULL: it is another family's. */
static const char *suffix_of(const struct strict *s, const char *name)
{
	size_t len = s->family ? strlen(s->family) : 0;

	if (!s->family || strncmp(name, s->family, len))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (suffixes[i].type == s->type && streq(suffixes[i].suffix, name + len))
			return suffixes[i].suffix;
	}
	return NULL;
}

/* -- samples ----------------------------------------------------------------------------------- */

/* The label by which a family's samples differ within one group. */
static const char *label_within(const struct strict *s, const struct line *l)
{
	if (streq(l->suffix, "_bucket"))
		return "le";
	if (s->type == METRIC_SUMMARY && !*l->suffix)
		return "quantile";
	return s->type == METRIC_STATESET ? s->family : NULL;
}

static int group_of(const struct strict *s, const struct line *l, char **ret)
{
	const char *without = label_within(s, l);
	struct strbuf key = STRBUF_INIT;

	/* Information differs by nothing but its labels: it is all one group. */
	for (unsigned i = 0; i < l->labels->n && s->type != METRIC_INFO; i++) {
		const struct label *label = &l->labels->v[i];

		if (!streq(label->name, LABEL_NAME) && !(without && streq(label->name, without)))
			strbuf_addf(&key, "%s\xff%s\xff", label->name, label->value);
	}
	if (!key.len)
		strbuf_adds(&key, "");
	return strbuf_finish(&key, ret);
}

static int check_times(struct strict *s)
{
	if (s->e.has_time != s->group_timed)
		return fault(s, "within a group all samples have timestamps, or none has");
	if (s->e.has_time && s->e.wall_ms < s->group_ms && s->type != METRIC_INFO)
		return fault(s, "timestamps go backwards within a group");
	return 0;
}

static int check_group(struct strict *s, const struct line *l)
{
	scoped(freep) char *group = NULL;
	int err = group_of(s, l, &group);
	bool same;

	if (err)
		return err;
	same = s->group && streq(group, s->group);
	if (s->group && !same && map_gets(&s->groups, group))
		return fault(s, "a group's samples stand together");
	if (same)
		err = check_times(s);
	/* A histogram begins anew with each group and each time. */
	if (!err && (!same || (s->e.has_time && s->e.wall_ms != s->group_ms)))
		err = end_buckets(s);
	if (!err)
		err = map_puts(&s->groups, group, s);
	if (err)
		return err;
	free(s->group);
	s->group = TAKE(group);
	s->group_timed = s->e.has_time;
	s->group_ms = s->e.wall_ms;
	return 0;
}

static bool is_one_of(const char *suffix, const char *const *list)
{
	for (; *list; list++) {
		if (streq(suffix, *list))
			return true;
	}
	return false;
}

static int check_value(struct strict *s, const struct line *l)
{
	static const char *const numbers[] = { "_total", "_sum", "_count", "_bucket", "_gcount",
		"_gsum", NULL };
	static const char *const counts[] = { "_total", "_sum", "_count", "_bucket", "_gcount",
		NULL };
	double v = s->e.value;

	if (s->type == METRIC_STATESET && v != 0 && v != 1)
		return fault(s, "a state is 0 or 1");
	if (s->type == METRIC_INFO && v != 1)
		return fault(s, "information has the value 1");
	if (s->type == METRIC_SUMMARY && !*l->suffix && v < 0)
		return fault(s, "a quantile is not negative");
	if (is_one_of(l->suffix, numbers) && isnan(v))
		return fault(s, "what is counted is a number");
	if (is_one_of(l->suffix, counts) && v < 0)
		return fault(s, "what is counted is not negative");
	return 0;
}

static int check_labels(struct strict *s, const struct line *l)
{
	const char *quantile = labels_get(l->labels, "quantile");
	double q;

	if (s->type == METRIC_STATESET && !labels_get(l->labels, s->family))
		return fault(s, "a state needs a label with the name of its family");
	if (s->type == METRIC_SUMMARY && !*l->suffix &&
		(!quantile || num_parse(quantile, strlen(quantile), &q) || !(q >= 0 && q <= 1)))
		return fault(s, "a summary's sample needs a label quantile from 0 to 1");
	if (s->e.series[s->e.series_len - 1] == '}' && s->e.series[s->e.series_len - 2] == ',')
		return fault(s, "a comma behind the last label");
	return 0;
}

/* Names and values of an exemplar's labels, in characters. */
static size_t exemplar_chars(const struct strict *s)
{
	size_t n = 0;
	bool quoted = false;

	for (size_t i = 0; i < s->e.exemplar_len; i++) {
		unsigned char c = (unsigned char)s->e.exemplar[i];

		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && c == '\\')
			c = (unsigned char)s->e.exemplar[++i];
		n += (quoted || (c != '=' && c != ',')) && (c & 0xc0) != 0x80;
	}
	return n;
}

static int check_exemplar(struct strict *s, const struct line *l)
{
	bool histogram = s->type == METRIC_HISTOGRAM || s->type == METRIC_GAUGEHISTOGRAM;

	if (!s->e.exemplar)
		return 0;
	if (!(histogram && streq(l->suffix, "_bucket")) &&
		!(s->type == METRIC_COUNTER && streq(l->suffix, "_total")))
		return fault(s, "only buckets and counters have exemplars");
	if (exemplar_chars(s) > MAX_EXEMPLAR_CHARS)
		return fault(s, "an exemplar's labels are longer than 128 characters");
	return 0;
}

static int take_line(struct strict *s, struct line *l)
{
	int err = 0;

	l->name = labels_get(l->labels, LABEL_NAME);
	l->suffix = suffix_of(s, l->name);
	if (!l->suffix) {
		err = begin_family(s, s->e.series, l->name, strlen(l->name));
		l->suffix = "";
	}
	s->has_samples = true;
	s->counts.samples++;
	if (!err)
		err = check_labels(s, l);
	if (!err)
		err = check_group(s, l);
	if (!err)
		err = check_value(s, l);
	if (!err)
		err = note_histogram(s, l);
	return err ? err : check_exemplar(s, l);
}

static int take_sample(struct strict *s)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	scoped(labels_unrefp) struct labels *labels = NULL;
	struct line l = { 0 };
	bool twice;
	int err;

	exposition_labels(s->e.series, s->e.series_len, METRIC_UNKNOWN, &b, &twice);
	err = labels_build(&b, &labels);
	if (err)
		return err;
	if (twice)
		return fault(s, "a label that stands twice");
	l.labels = labels;
	return take_line(s, &l);
}

int strict_check(
	const char *text, size_t len, struct strict_counts *ret, char *error, size_t error_size)
{
	struct strict s = { 0 };
	int kind, err = 0;

	openmetrics_init(&s.p, text, len);
	do {
		kind = openmetrics_next(&s.p, &s.e);
		if (kind < 0)
			err = kind;
		else if (kind == EXPOSITION_SAMPLE)
			err = take_sample(&s);
		else if (kind != EXPOSITION_END)
			err = take_metadata(&s, kind);
	} while (!err && kind != EXPOSITION_END);
	if (!err)
		err = end_family(&s);
	if (err == -EINVAL)
		snprintf(error, error_size, "%s", s.p.error);
	if (!err)
		*ret = s.counts;
	map_release(&s.names);
	map_release(&s.groups);
	free(s.group);
	free(s.family);
	return err;
}
