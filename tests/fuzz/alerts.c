/*
 * alerts.c - property: alerts that are taken are shown in JSON that is taken again and changes nothing, and come
 * back from their rows; what is not taken is refused with a reason.
 */
#include "api_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char uri[] = "/api/v2/alerts";

static unsigned post(struct world *w, const void *body, size_t len)
{
	struct request *req = send_bytes(w, "POST", uri, body, len);
	unsigned status = req->response.status;

	if (status == 200)
		assert(!req->response.body.len);
	else
		assert_refusal(req);
	request_free(req);
	return status;
}

/* The fingerprint is that of the labels that are shown. */
static void check_fingerprint(const json_t *alert)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels;
	const char *name;
	json_t *value;
	char text[17];

	json_object_foreach(json_object_get(alert, "labels"), name, value)
	{
		assert(*json_string_value(value));
		labels_builder_set(&b, name, json_string_value(value));
	}
	assert(!labels_build(&b, &labels) && labels->n);
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)labels_fingerprint(labels));
	assert(!strcmp(text, json_string_value(json_object_get(alert, "fingerprint"))));
	labels_unref(labels);
}

/* When an alert was last put is read from the clock, also in the middle of a long body. */
static void forget_updates(json_t *list)
{
	json_t *alert;
	size_t i;

	json_array_foreach(list, i, alert) json_object_del(alert, "updatedAt");
}

static void check(struct world *w)
{
	json_t *shown = get(w, uri), *again, *groups = get(w, "/api/v2/alerts/groups"), *alert;
	size_t i, grouped = 0;
	char *text;

	json_array_foreach(shown, i, alert) check_fingerprint(alert);
	json_array_foreach(groups, i, alert) grouped +=
		json_array_size(json_object_get(alert, "alerts"));
	assert(grouped == json_array_size(shown));
	assert_restored(w, NOTIFY_KEEP_ALERT, uri, shown);
	text = json_dumps(shown, 0);
	assert(post(w, text, strlen(text)) == 200);
	again = get(w, uri);
	forget_updates(shown);
	forget_updates(again);
	assert_same(shown, again);
	json_decref(again);
	json_decref(shown);
	json_decref(groups);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;

	world_begin(&w);
	post(&w, data, size);
	check(&w);
	world_end(&w);
	return 0;
}
