/*
 * route.c - which routes an alert takes, and into which group it falls there.
 *
 * So far there is the root alone. Whoever adds children walks them in route_match(), which already
 * may yield several routes; keys of children are the parent's, a slash, and their matchers.
 * Source: alertmanager dispatch/route.go and dispatch/dispatch.go.
 */
#include "notify/internal.h"

#include <errno.h>
#include "base/escape.h"
#include "model/intern.h"

int route_new(const struct config *config, struct route **ret)
{
	const struct config_route *from = config->route;
	scoped(route_freep) struct route *route = calloc(1, sizeof(*route));

	if (!route)
		return -ENOMEM;
	route->key = strdup("{}");
	route->group_by = calloc(from->n_group_by + 1, sizeof(*route->group_by));
	if (!route->key || !route->group_by)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_group_by; i++) {
		const char *name = from->group_by[i].s;

		route->group_by[i] = intern(name, strlen(name));
		if (!route->group_by[i])
			return -ENOMEM;
		route->n_group_by++;
	}
	route->group_by_all = from->group_by_all;
	route->group_wait_ns = ns_of_ms(from->group_wait_ms);
	/* Zero is refused when the file is read; here it would be a loop without end. */
	route->group_interval_ns = ns_of_ms(MAX(from->group_interval_ms, 1));
	route->repeat_interval_ns = ns_of_ms(from->repeat_interval_ms);
	/* A configuration without the receiver was refused when it was read. */
	route->receiver = config_receiver_find(config, from->receiver.s);
	if (!route->receiver)
		return -EINVAL;
	*ret = TAKE(route);
	return 0;
}

void route_free(struct route *route)
{
	if (!route)
		return;
	for (size_t i = 0; i < route->n_group_by; i++)
		intern_unref(route->group_by[i]);
	free(route->group_by);
	free(route->key);
	free(route);
}

int route_match(
	const struct route *root, const struct labels *labels, route_match_fn *fn, void *userdata)
{
	return root ? fn(root, userdata) : 0;
}

static bool groups_by(const struct route *route, const char *name)
{
	if (route->group_by_all)
		return true;
	for (size_t i = 0; i < route->n_group_by; i++) {
		if (route->group_by[i] == name)
			return true;
	}
	return false;
}

int route_group_labels(const struct route *route, const struct labels *labels, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	for (unsigned i = 0; i < labels->n; i++) {
		if (groups_by(route, labels->v[i].name))
			labels_builder_set(&b, labels->v[i].name, labels->v[i].value);
	}
	return labels_build(&b, ret);
}

/* Not labels_format(): here __name__ is a label like all others, and names stand as they are. */
void route_group_key(const struct route *route, const struct labels *labels, struct strbuf *out)
{
	strbuf_adds(out, route->key);
	strbuf_adds(out, ":{");
	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];

		if (i)
			strbuf_adds(out, ", ");
		strbuf_adds(out, l->name);
		strbuf_adds(out, "=\"");
		escape_quoted(out, l->value, intern_len(l->value));
		strbuf_addch(out, '"');
	}
	strbuf_addch(out, '}');
}

size_t receiver_integrations(const struct config_receiver *receiver)
{
	return receiver->n_emails;
}

struct integration receiver_integration(const struct config_receiver *receiver, size_t i)
{
	return (struct integration){
		.receiver = receiver->name.s,
		.name = "email",
		.index = (unsigned)i,
		.send_resolved = receiver->emails[i].send_resolved,
	};
}

bool integration_exists(
	const struct config *config, const char *receiver, const char *name, unsigned index)
{
	const struct config_receiver *found = config_receiver_find(config, receiver);

	return found && streq(name, "email") && index < found->n_emails;
}
