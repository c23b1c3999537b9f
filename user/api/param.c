/*
 * param.c - parameters read as Prometheus reads them, with its words for what is wrong.
 */
#include "api/answer.h"

#include <errno.h>
#include <math.h>
#include "base/escape.h"
#include "base/num.h"
#include "model/duration.h"
#include "model/timestamp.h"

/* Seconds from which milliseconds still fit, with room for a lookback on either side. */
#define MAX_SECONDS ((double)(INT64_MAX / 4000))
/* What is beyond these means "from the first" or "to the last", as clients in Go write it. */
#define MOST_SECONDS ((double)(INT64_MAX / 1000))

/*
 * Answers `invalid parameter "NAME": BEFORE "VALUE" AFTER`, the value as Go's %q; without a name only
 * what is behind the colon.
 */
static int refuse(struct request *req, const char *name, const char *before, const char *value,
	const char *after)
{
	struct strbuf text = STRBUF_INIT;

	if (name)
		strbuf_addf(&text, "invalid parameter \"%s\": ", name);
	strbuf_addf(&text, "%s \"", before);
	escape_quoted(&text, value, strlen(value));
	strbuf_addf(&text, "\"%s", after);
	answer_error(req, ANSWER_BAD_DATA, "%s", text.err ? "out of memory" : text.s);
	strbuf_release(&text);
	return -EINVAL;
}

/* Prometheus words the fault in an optional time unlike the one in a required time. */
static int refuse_time(struct request *req, const char *name, bool required, const char *value)
{
	struct strbuf before = STRBUF_INIT;
	int err;

	if (!required)
		strbuf_addf(&before, "Invalid time value for '%s': ", name);
	strbuf_adds(&before, "cannot parse");
	err = refuse(req, name, before.s, value, " to a valid timestamp");
	strbuf_release(&before);
	return err;
}

/*
 * Go's first and last times, which Prometheus gives out and takes back by these words alone. Source:
 * prometheus web/api/v1/api.go (minTimeFormatted, maxTimeFormatted).
 */
static bool is_first_or_last(const char *value, double *ret_seconds)
{
	bool first = streq(value, "-292273086-05-16T16:47:06Z");

	if (!first && !streq(value, "292277025-08-18T07:12:54.999999999Z"))
		return false;
	*ret_seconds = first ? -MAX_SECONDS : MAX_SECONDS;
	return true;
}

int param_time(struct request *req, const char *name, bool required, int64_t *ret_wall_ms)
{
	const char *value = request_text(req, name);
	double seconds, whole;

	if (!value) {
		if (!required)
			return 0;
		value = "";
	}
	if (is_first_or_last(value, &seconds) || num_parse(value, strlen(value), &seconds) == 0) {
		/* A NaN compares false with everything and ends here as well. */
		if (!(fabs(seconds) <= MOST_SECONDS))
			return refuse_time(req, name, required, value);
		seconds = fmin(fmax(seconds, -MAX_SECONDS), MAX_SECONDS);
		/* As Prometheus rounds: 1.2345 is a little less than it reads. */
		*ret_wall_ms = (int64_t)seconds * 1000 + llround(modf(seconds, &whole) * 1000);
		return 0;
	}
	if (timestamp_parse_rfc3339(value, strlen(value), ret_wall_ms) == 0)
		return 0;
	return refuse_time(req, name, required, value);
}

/* `name`, in what is said of a fault: NULL for without. */
static int read_duration(struct request *req, const char *name, const char *before,
	const char *value, int64_t *ret_ms)
{
	double seconds;

	if (num_parse(value, strlen(value), &seconds) == 0) {
		if (!(fabs(seconds) <= MAX_SECONDS))
			return refuse(req, name, before, value,
				" to a valid duration. It overflows int64");
		*ret_ms = llround(seconds * 1000);
		return 0;
	}
	if (duration_parse(value, strlen(value), ret_ms) == 0)
		return 0;
	return refuse(req, name, before, value, " to a valid duration");
}

int param_duration(struct request *req, const char *name, int64_t *ret_ms)
{
	const char *value = request_text(req, name);

	return value ? read_duration(req, name, "cannot parse", value, ret_ms) : 0;
}

int param_step(struct request *req, int64_t *ret_ms)
{
	const char *value = request_param(req, "step");

	return read_duration(req, "step", "cannot parse", value ? value : "", ret_ms);
}

int param_lookback(struct request *req, int64_t *ret_ms)
{
	const char *value = request_text(req, "lookback_delta");

	if (!value)
		return 0;
	return read_duration(
		req, NULL, "error parsing lookback delta duration: cannot parse", value, ret_ms);
}

int param_limit(struct request *req, const char *name, size_t *ret)
{
	const char *value = request_text(req, name);
	int64_t limit;

	if (!value)
		return 0;
	if (num_parse_int(value, INT32_MIN, INT32_MAX, &limit) < 0)
		return refuse(req, name, "cannot parse", value, " to a valid limit");
	if (limit < 0) {
		answer_error(req, ANSWER_BAD_DATA,
			"invalid parameter \"%s\": limit must be non-negative", name);
		return -EINVAL;
	}
	*ret = (size_t)limit;
	return 0;
}

/*
 * Whether a text that the parser took as an instant vector is one selector and nothing else: a name,
 * matchers in braces, or both. Only the first brace outside quotes that closes may end it.
 */
static bool is_lone_selector(const char *s)
{
	static const char blank[] = " \t\r\n";
	char quote = 0;
	size_t name;

	s += strspn(s, blank);
	name = strcspn(s, "{ \t\r\n");
	if (name && !metric_name_valid_classic(s, name))
		return false;
	s += name;
	s += strspn(s, blank);
	if (*s != '{')
		return name && !*s;
	for (; *s && (quote || *s != '}'); s++) {
		if (quote && quote != '`' && *s == '\\' && s[1])
			s++;
		else if (quote && *s == quote)
			quote = 0;
		else if (!quote && strchr("\"'`", *s))
			quote = *s;
	}
	return *s && s[1 + strspn(s + 1, blank)] == '\0';
}

static void take_matchers(const struct matcher *const *matchers, size_t n, void *userdata)
{
	struct selector *selector = userdata;

	selector->matchers = matchers;
	selector->n = n;
}

/* Prometheus's words for `{}` and its like, which match whatever there is. */
static bool matches_everything(const struct promql_error *error)
{
	return streq(error->text, "vector selector must contain at least one non-empty matcher");
}

static int add_selector(
	struct request *req, const char *name, const char *text, struct selectors *selectors)
{
	struct promql_error error = { 0 };
	struct selector *selector;
	int err;

	if (!vec_reserve(selectors->items, selectors->n, selectors->cap)) {
		answer_error(req, ANSWER_INTERNAL, "out of memory");
		return -ENOMEM;
	}
	selector = &selectors->items[selectors->n];
	*selector = (struct selector){ 0 };
	err = promql_parse(text, &selector->expr, &error);
	if (err == -ENOMEM) {
		answer_error(req, ANSWER_INTERNAL, "out of memory");
		return err;
	}
	if (err && (!name || streq(name, "match[]")) && matches_everything(&error)) {
		answer_error(req, ANSWER_BAD_DATA,
			"%smatch[] must contain at least one non-empty matcher",
			name ? "invalid parameter \"match[]\": " : "");
		return err;
	}
	if (err) {
		answer_parse_error(req, name, text, &error);
		return err;
	}
	selectors->n++;
	if (promql_type(selector->expr) != PROMQL_VECTOR || !is_lone_selector(text))
		return refuse(req, name, "not a series selector:", text, "");
	promql_selectors(selector->expr, take_matchers, selector);
	return 0;
}

int param_selectors(struct request *req, const char *name, bool named, struct selectors *ret)
{
	int err = 0;

	*ret = (struct selectors){ 0 };
	for (const struct param *p = request_next(req, name, NULL); p && !err;
		p = request_next(req, name, p))
		err = add_selector(req, named ? name : NULL, p->value, ret);
	if (err)
		selectors_release(ret);
	return err;
}

void selectors_release(struct selectors *selectors)
{
	for (size_t i = 0; i < selectors->n; i++)
		promql_free(selectors->items[i].expr);
	free(selectors->items);
	*selectors = (struct selectors){ 0 };
}

bool selectors_match(const struct selectors *selectors, const struct labels *labels)
{
	for (size_t i = 0; i < selectors->n; i++) {
		if (matchers_match(selectors->items[i].matchers, selectors->items[i].n, labels))
			return true;
	}
	return selectors->n == 0;
}
