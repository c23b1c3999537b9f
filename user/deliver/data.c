/*
 * data.c - a notification as Alertmanager's Data: .Alerts.Firing, .CommonLabels.SortedPairs and so on.
 */
#include "deliver/data.h"

#include <errno.h>
#include "base/escape.h"
#include "deliver/body.h"
#include "deliver/go_time.h"
#include "template/functions_common.h"

struct alert_view {
	const struct alert *alert;
	bool firing;
};

struct data {
	const struct notification *n;
	const struct deliver_options *options;
	struct tvalue alerts; /* all of them: objects of struct alert_view */
	struct tvalue group_labels, common_labels, common_annotations, route_labels;
	bool route_labels_set;
	const char *cause; /* where all alerts share it */
};

static int wrong_args(struct template_call *call, const char *name, size_t want, size_t got)
{
	return template_call_fail(
		call, "wrong number of args for %s: want %zu got %zu", name, want, got);
}

static struct tvalue text_of(const char *s)
{
	return tvalue_string(s ? s : "", s ? strlen(s) : 0);
}

/* -- Strings -- */

static int join_strings(struct template_call *call, const struct tvalue *list,
	const char *separator, struct tvalue *ret)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < list->list.n; i++) {
		if (i)
			strbuf_adds(&text, separator);
		tvalue_print(&list->list.items[i], &text);
	}
	return template_give_text(call, &text, ret);
}

static int strings_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	if (streq(name, "Join")) {
		if (n != 1)
			return wrong_args(call, name, 1, n);
		if (template_want_text(call, &args[0]))
			return -EINVAL;
		return join_strings(call, self, args[0].str.s, ret);
	}
	if (streq(name, "String"))
		return n ? wrong_args(call, name, 0, n) : join_strings(call, self, ", ", ret);
	return -ENOENT;
}

static void strings_print(const void *self, struct strbuf *out)
{
	const struct tvalue *list = self;

	for (size_t i = 0; i < list->list.n; i++) {
		if (i)
			strbuf_adds(out, ", ");
		tvalue_print(&list->list.items[i], out);
	}
}

static const struct tvalue_class strings_class = {
	.name = "template.Strings",
	.get = strings_get,
	.print = strings_print,
	.stringer = true,
};

struct tvalue data_strings(const struct tvalue *items, size_t n)
{
	return (struct tvalue){ .type = TVALUE_LIST, .list = { items, n, &strings_class } };
}

/* -- as JSON -- */

static void json_name(struct strbuf *out, bool first, const char *name)
{
	strbuf_addch(out, first ? '{' : ',');
	escape_json_string(out, name, strlen(name));
	strbuf_addch(out, ':');
}

/* The fields of a struct under these names, where they have one. */
static int json_fields(const void *self, const char *const *names, int n,
	int (*field)(struct arena *arena, const void *self, int i, struct tvalue *ret),
	struct strbuf *out, unsigned depth)
{
	struct arena arena = ARENA_INIT;
	struct tvalue value;
	int err = 0;

	for (int i = 0; i < n && !err; i++) {
		if (!names[i])
			continue;
		json_name(out, !i, names[i]);
		err = field(&arena, self, i, &value);
		if (!err)
			err = tvalue_json_at(&value, out, depth);
	}
	strbuf_addch(out, '}');
	arena_release(&arena);
	return err;
}

/* -- Pair and Pairs -- */

static int pair_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct tvalue_pair *pair = self;

	if (n)
		return wrong_args(call, name, 0, n);
	if (streq(name, "Name"))
		*ret = text_of(pair->key);
	else if (streq(name, "Value"))
		*ret = *pair->value;
	else
		return -ENOENT;
	return 0;
}

static void pair_print(const void *self, struct strbuf *out)
{
	const struct tvalue_pair *pair = self;

	strbuf_addf(out, "{%s %s}", pair->key, pair->value->str.s);
}

static int pair_json(const void *self, struct strbuf *out, unsigned depth)
{
	const struct tvalue_pair *pair = self;
	int err;

	json_name(out, true, "Name");
	escape_json_string(out, pair->key, strlen(pair->key));
	json_name(out, false, "Value");
	err = tvalue_json_at(pair->value, out, depth);
	strbuf_addch(out, '}');
	return err;
}

static const struct tvalue_class pair_class = {
	.name = "template.Pair",
	.get = pair_get,
	.print = pair_print,
	.json = pair_json,
};

static void pairs_print(const void *self, struct strbuf *out)
{
	const struct tvalue *list = self;

	for (size_t i = 0; i < list->list.n; i++) {
		const struct tvalue_pair *pair = list->list.items[i].object.self;

		strbuf_addf(out, "%s%s=%s", i ? ", " : "", pair->key, pair->value->str.s);
	}
}

static int printed(struct template_call *call, const struct tvalue *value, struct tvalue *ret)
{
	struct strbuf text = STRBUF_INIT;

	tvalue_print(value, &text);
	return template_give_text(call, &text, ret);
}

static int pairs_column(
	struct template_call *call, const struct tvalue *list, bool names, struct tvalue *ret)
{
	struct tvalue *items = arena_alloc(call->arena, list->list.n * sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < list->list.n; i++) {
		const struct tvalue_pair *pair = list->list.items[i].object.self;

		items[i] = names ? text_of(pair->key) : *pair->value;
	}
	*ret = data_strings(items, list->list.n);
	return 0;
}

static int pairs_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	bool names = streq(name, "Names");

	if (!names && !streq(name, "Values") && !streq(name, "String"))
		return -ENOENT;
	if (n)
		return wrong_args(call, name, 0, n);
	if (streq(name, "String"))
		return printed(call, self, ret);
	return pairs_column(call, self, names, ret);
}

static const struct tvalue_class pairs_class = {
	.name = "template.Pairs",
	.get = pairs_get,
	.print = pairs_print,
	.stringer = true,
};

/* -- KV -- */

/* The i-th pair in the order of SortedPairs: alertname first. */
static const struct tvalue_pair *sorted_pair(const struct tvalue *kv, size_t i)
{
	size_t first;

	for (first = 0; first < kv->map.n; first++) {
		if (streq(kv->map.pairs[first].key, LABEL_ALERTNAME))
			break;
	}
	if (first == kv->map.n || i > first)
		return &kv->map.pairs[i];
	return &kv->map.pairs[i ? i - 1 : first];
}

static int sorted_pairs(struct arena *arena, const struct tvalue *kv, struct tvalue *ret)
{
	struct tvalue *items = arena_alloc(arena, kv->map.n * sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < kv->map.n; i++)
		items[i] = (struct tvalue){ .type = TVALUE_OBJECT,
			.object = { &pair_class, sorted_pair(kv, i) } };
	*ret = (struct tvalue){ .type = TVALUE_LIST, .list = { items, kv->map.n, &pairs_class } };
	return 0;
}

static bool holds(const struct tvalue *list, const char *key)
{
	for (size_t i = 0; i < list->list.n; i++) {
		if (tvalue_is_text(&list->list.items[i]) && streq(list->list.items[i].str.s, key))
			return true;
	}
	return false;
}

static int kv_remove(struct template_call *call, const struct tvalue *kv,
	const struct tvalue *names, struct tvalue *ret)
{
	struct tvalue_pair *pairs;
	size_t n = 0;

	if (names->type != TVALUE_LIST)
		return template_call_fail(call, "Remove wants a list of names");
	pairs = arena_alloc(call->arena, kv->map.n * sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	for (size_t i = 0; i < kv->map.n; i++) {
		if (!holds(names, kv->map.pairs[i].key))
			pairs[n++] = kv->map.pairs[i];
	}
	*ret = *kv;
	ret->map.pairs = pairs;
	ret->map.n = n;
	return 0;
}

static int kv_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	static const char *const methods[] = { "SortedPairs", "Names", "Values", "String" };
	struct tvalue pairs;
	int err;

	if (streq(name, "Remove"))
		return n == 1 ? kv_remove(call, self, &args[0], ret) : wrong_args(call, name, 1, n);
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (!streq(methods[i], name))
			continue;
		if (n)
			return wrong_args(call, name, 0, n);
		err = sorted_pairs(call->arena, self, &pairs);
		if (err || !i) {
			*ret = pairs;
			return err;
		}
		return pairs_get(call, &pairs, name, args, n, ret);
	}
	return -ENOENT;
}

static void kv_print(const void *self, struct strbuf *out)
{
	const struct tvalue *kv = self;

	for (size_t i = 0; i < kv->map.n; i++) {
		const struct tvalue_pair *pair = sorted_pair(kv, i);

		strbuf_addf(out, "%s%s=%s", i ? ", " : "", pair->key, pair->value->str.s);
	}
}

static const struct tvalue_class kv_class = {
	.name = "template.KV",
	.get = kv_get,
	.print = kv_print,
	.stringer = true,
};

static int kv_new(struct arena *arena, const struct labels *labels, struct tvalue *ret)
{
	struct tvalue_pair *pairs = arena_alloc(arena, labels->n * sizeof(*pairs));
	struct tvalue *values = arena_alloc(arena, labels->n * sizeof(*values));

	if (!pairs || !values)
		return -ENOMEM;
	for (unsigned i = 0; i < labels->n; i++) {
		values[i] = text_of(labels->v[i].value);
		pairs[i] = (struct tvalue_pair){ labels->v[i].name, &values[i] };
	}
	*ret = (struct tvalue){ .type = TVALUE_MAP,
		.map = { .pairs = pairs, .n = labels->n, .of_strings = true, .class = &kv_class } };
	return 0;
}

/* -- Alert and Alerts -- */

static int time_of(struct arena *arena, int64_t wall_ms, struct tvalue *ret)
{
	struct go_time t = wall_ms ? go_time_from_ms(wall_ms) : GO_TIME_ZERO;

	return go_time_value(arena, &t, ret);
}

static int fingerprint_of(struct arena *arena, const struct alert *alert, struct tvalue *ret)
{
	char *text = arena_printf(arena, "%016" PRIx64, alert_fingerprint(alert));

	if (!text)
		return -ENOMEM;
	*ret = text_of(text);
	return 0;
}

/* The fields in the order of Go's struct, which is that of JSON. */
enum {
	ALERT_STATUS,
	ALERT_LABELS,
	ALERT_ANNOTATIONS,
	ALERT_STARTS,
	ALERT_ENDS,
	ALERT_URL,
	ALERT_FINGERPRINT,
	ALERT_CAUSE,
	ALERT_FIELDS
};

static const char *const alert_fields[ALERT_FIELDS] = { "Status", "Labels", "Annotations",
	"StartsAt", "EndsAt", "GeneratorURL", "Fingerprint", "Cause" };

static int alert_field(struct arena *arena, const void *self, int field, struct tvalue *ret)
{
	const struct alert_view *view = self;
	const struct alert *alert = view->alert;

	switch (field) {
	case ALERT_STATUS:
		*ret = text_of(view->firing ? "firing" : "resolved");
		return 0;
	case ALERT_LABELS:
		return kv_new(arena, alert->labels, ret);
	case ALERT_ANNOTATIONS:
		return kv_new(arena, alert->annotations, ret);
	case ALERT_STARTS:
		return time_of(arena, alert->starts_wall_ms, ret);
	case ALERT_ENDS:
		/* While it fires, an end is only when its sender would be missed. */
		return time_of(arena, view->firing ? 0 : alert->ends_wall_ms, ret);
	case ALERT_URL:
		*ret = text_of(alert->generator_url);
		return 0;
	case ALERT_FINGERPRINT:
		return fingerprint_of(arena, alert, ret);
	default:
		*ret = text_of(labels_get(alert->annotations, BODY_CAUSE));
		return 0;
	}
}

static int alert_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	for (int i = 0; i < ALERT_FIELDS; i++) {
		if (!streq(alert_fields[i], name))
			continue;
		return n ? template_call_fail(call, "%s is not a method but has arguments", name)
			 : alert_field(call->arena, self, i, ret);
	}
	return -ENOENT;
}

static void alert_print(const void *self, struct strbuf *out)
{
	struct arena arena = ARENA_INIT;
	struct tvalue value;

	strbuf_addch(out, '{');
	for (int i = 0; i < ALERT_CAUSE; i++) {
		if (i)
			strbuf_addch(out, ' ');
		if (!alert_field(&arena, self, i, &value))
			tvalue_print(&value, out);
	}
	strbuf_addch(out, '}');
	arena_release(&arena);
}

static int alert_json(const void *self, struct strbuf *out, unsigned depth)
{
	static const char *const names[ALERT_FIELDS] = { "status", "labels", "annotations",
		"startsAt", "endsAt", "generatorURL", "fingerprint" };

	return json_fields(self, names, ALERT_FIELDS, alert_field, out, depth);
}

static const struct tvalue_class alert_class = {
	.name = "template.Alert",
	.get = alert_get,
	.print = alert_print,
	.json = alert_json,
};

/* Firing ones stand first, so either part is a slice. */
static int alerts_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct tvalue *all = self;
	bool firing = streq(name, "Firing");
	size_t n_firing = 0;

	if (!firing && !streq(name, "Resolved"))
		return -ENOENT;
	if (n)
		return wrong_args(call, name, 0, n);
	while (n_firing < all->list.n &&
		((const struct alert_view *)all->list.items[n_firing].object.self)->firing)
		n_firing++;
	*ret = *all;
	ret->list.items = all->list.items + (firing ? 0 : n_firing);
	ret->list.n = firing ? n_firing : all->list.n - n_firing;
	return 0;
}

static const struct tvalue_class alerts_class = {
	.name = "template.Alerts",
	.get = alerts_get,
};

static int alerts_new(struct arena *arena, const struct notification *n, struct tvalue *ret)
{
	struct tvalue *items = arena_alloc(arena, n->n_alerts * sizeof(*items));
	struct alert_view *views = arena_alloc(arena, n->n_alerts * sizeof(*views));

	if (!items || !views)
		return -ENOMEM;
	for (size_t i = 0; i < n->n_alerts; i++) {
		views[i] = (struct alert_view){ n->alerts[i], i < n->n_firing };
		items[i] = (struct tvalue){ .type = TVALUE_OBJECT,
			.object = { &alert_class, &views[i] } };
	}
	*ret = (struct tvalue){ .type = TVALUE_LIST,
		.list = { items, n->n_alerts, &alerts_class } };
	return 0;
}

/* -- Data -- */

enum {
	DATA_RECEIVER,
	DATA_STATUS,
	DATA_ALERTS,
	DATA_REASON,
	DATA_GROUP_LABELS,
	DATA_COMMON_LABELS,
	DATA_COMMON_ANNOTATIONS,
	DATA_ROUTE_LABELS,
	DATA_EXTERNAL_URL,
	DATA_CAUSE,
	DATA_FIELDS
};

/* In the order of Go's struct, which is that of JSON. */
static const char *const data_fields[DATA_FIELDS] = { "Receiver", "Status", "Alerts",
	"NotificationReason", "GroupLabels", "CommonLabels", "CommonAnnotations", "RouteLabels",
	"ExternalURL", "Cause" };

/* Go's regexp.QuoteMeta: the name goes into links as a regular expression. */
static int quoted(struct arena *arena, const char *name, struct tvalue *ret)
{
	size_t len = strlen(name), n = 0;
	char *out = arena_alloc(arena, 2 * len + 1);

	if (!out)
		return -ENOMEM;
	for (; *name; name++) {
		if (strchr("\\.+*?()|[]{}^$", *name))
			out[n++] = '\\';
		out[n++] = *name;
	}
	*ret = tvalue_string(out, n);
	return 0;
}

static int data_field(struct arena *arena, const void *self, int field, struct tvalue *ret)
{
	const struct data *d = self;
	const struct notification *n = d->n;

	switch (field) {
	case DATA_RECEIVER:
		return quoted(arena, n->receiver ? n->receiver : "", ret);
	case DATA_STATUS:
		*ret = text_of(n->n_firing ? "firing" : "resolved");
		return 0;
	case DATA_ALERTS:
		*ret = d->alerts;
		return 0;
	case DATA_GROUP_LABELS:
		*ret = d->group_labels;
		return 0;
	case DATA_COMMON_LABELS:
		*ret = d->common_labels;
		return 0;
	case DATA_COMMON_ANNOTATIONS:
		*ret = d->common_annotations;
		return 0;
	case DATA_ROUTE_LABELS:
		*ret = d->route_labels;
		return 0;
	case DATA_EXTERNAL_URL:
		*ret = text_of(d->options->external_url);
		return 0;
	case DATA_REASON:
		*ret = text_of(n->reason);
		return 0;
	default:
		*ret = text_of(d->cause);
		return 0;
	}
}

static int data_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	for (int i = 0; i < DATA_FIELDS; i++) {
		if (!streq(data_fields[i], name))
			continue;
		return n ? template_call_fail(call, "%s is not a method but has arguments", name)
			 : data_field(call->arena, self, i, ret);
	}
	return -ENOENT;
}

static int data_json(const void *self, struct strbuf *out, unsigned depth)
{
	static const char *const names[DATA_FIELDS] = { "receiver", "status", "alerts",
		"notification_reason", "groupLabels", "commonLabels", "commonAnnotations",
		"routeLabels", "externalURL" };

	return json_fields(self, names, DATA_FIELDS, data_field, out, depth);
}

static void data_print(const void *self, struct strbuf *out)
{
	struct arena arena = ARENA_INIT;
	struct tvalue value;

	strbuf_addch(out, '{');
	for (int i = 0; i < DATA_CAUSE; i++) {
		if (i)
			strbuf_addch(out, ' ');
		if (!data_field(&arena, self, i, &value))
			tvalue_print(&value, out);
	}
	strbuf_addch(out, '}');
	arena_release(&arena);
}

static const struct tvalue_class data_class = {
	.name = "*template.Data",
	.get = data_get,
	.print = data_print,
	.json = data_json,
};

/* Names and values stay alive with the alerts that share them. */
static int common_of(struct arena *arena, struct data *d)
{
	const struct notification *n = d->n;
	struct labels *labels = alerts_common_labels(n->alerts, n->n_alerts);
	struct labels *annotations = alerts_common_annotations(n->alerts, n->n_alerts);
	int err = labels && annotations ? 0 : -ENOMEM;

	if (!err)
		err = kv_new(arena, labels, &d->common_labels);
	if (!err)
		err = kv_new(arena, annotations, &d->common_annotations);
	if (!err)
		d->cause = labels_get(annotations, BODY_CAUSE);
	labels_unref(labels);
	labels_unref(annotations);
	return err;
}

int data_new(struct arena *arena, const struct notification *n,
	const struct deliver_options *options, struct tvalue *ret)
{
	struct data *d = arena_new(arena, struct data);
	int err;

	if (!d)
		return -ENOMEM;
	d->n = n;
	d->options = options;
	d->route_labels = (struct tvalue){ .type = TVALUE_MAP,
		.map = { .of_strings = true, .class = &kv_class } };
	err = alerts_new(arena, n, &d->alerts);
	if (!err)
		err = kv_new(arena, n->group_labels, &d->group_labels);
	if (!err)
		err = common_of(arena, d);
	if (!err)
		*ret = (struct tvalue){ .type = TVALUE_OBJECT, .object = { &data_class, d } };
	return err;
}

const struct notification *data_notification(const struct tvalue *data)
{
	return ((const struct data *)data->object.self)->n;
}

int data_set_route_labels(
	struct arena *arena, const struct tvalue *data, const struct labels *labels)
{
	struct data *d = (struct data *)data->object.self;
	struct tvalue_pair *pairs;
	int err = kv_new(arena, labels, &d->route_labels);

	/* The set does not live as long as the arena. */
	pairs = err ? NULL : (struct tvalue_pair *)d->route_labels.map.pairs;
	for (unsigned i = 0; i < labels->n && !err; i++) {
		pairs[i].key = arena_strdup(arena, labels->v[i].name);
		*(struct tvalue *)pairs[i].value = text_of(arena_strdup(arena, labels->v[i].value));
		err = pairs[i].key ? 0 : -ENOMEM;
	}
	d->route_labels_set = !err;
	return err;
}

bool data_is(const struct tvalue *value)
{
	return value && value->type == TVALUE_OBJECT && value->object.class == &data_class;
}

bool data_route_label(const struct tvalue *data, const char *name, struct tvalue *ret)
{
	const struct data *d = data->object.self;

	for (size_t i = 0; i < d->route_labels.map.n; i++) {
		if (streq(d->route_labels.map.pairs[i].key, name))
			*ret = *d->route_labels.map.pairs[i].value;
	}
	return d->route_labels_set;
}
