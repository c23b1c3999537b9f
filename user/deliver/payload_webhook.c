/*
 * payload_webhook.c - the notification as it is, as JSON: the generic webhook, and incident.io.
 *
 * Source: alertmanager notify/webhook/webhook.go, notify/incidentio/incidentio.go.
 */
#include "deliver/payload.h"

#include <errno.h>
#include "base/num.h"

/* What incident.io takes. */
#define INCIDENTIO_MAX ((size_t)512 << 10)

/* Shows templates no more than so many alerts; returns how many were left out. */
static size_t keep_alerts(struct payload *p, size_t max)
{
	struct notification *shorter;
	size_t left_out;

	if (!max || p->n->n_alerts <= max)
		return 0;
	left_out = p->n->n_alerts - max;
	shorter = arena_memdup(&p->arena, p->n, sizeof(*p->n));
	if (!shorter) {
		payload_fail(p, -ENOMEM, "out of memory");
		return 0;
	}
	shorter->n_alerts = max;
	shorter->n_firing = MIN(shorter->n_firing, max);
	p->n = shorter;
	payload_read_data(p);
	return left_out;
}

static size_t max_alerts(const struct payload *p)
{
	const char *text = payload_plain(p, "max_alerts");
	int64_t max = 0;

	return num_parse_int(text, 0, INT64_MAX, &max) ? 0 : (size_t)max;
}

static void put_message(struct payload *p, const char *version, size_t left_out)
{
	put_data(p, &p->data);
	put_string(p, "version", version);
	put_string(p, "groupKey", p->n->group_key);
	put_int(p, "truncatedAlerts", (int64_t)left_out);
	put_close(p, '}');
}

void render_webhook(struct payload *p)
{
	const struct config_value *payload = config_value_get(&p->integration->settings, "payload");
	size_t left_out = keep_alerts(p, max_alerts(p));

	payload_post_json(p, payload_secret(p, "url", true));
	p->timeout_ms = payload_duration_ms(p, "timeout");
	if (payload)
		put_value(p, NULL, payload);
	else
		put_message(p, "4", left_out);
}

void render_incidentio(struct payload *p)
{
	size_t left_out = keep_alerts(p, max_alerts(p));
	struct strbuf *body;

	payload_post_json(p, payload_secret(p, "url", false));
	body = &p->requests[0].body;
	p->timeout_ms = payload_duration_ms(p, "timeout");
	put_message(p, "1", left_out);
	if (body->len <= INCIDENTIO_MAX)
		return;
	strbuf_reset(body);
	keep_alerts(p, 1);
	put_message(p, "1", left_out);
}
