/*
 * silences.c - property: a silence that is taken is shown in JSON that is taken again and changes nothing, comes
 * back from its row, and can be ended; what is not taken changes nothing, and why is said.
 */
#include "api_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char list_uri[] = "/api/v2/silences";

/* The id of the silence that was made, or NULL; the caller frees. */
static char *post(struct world *w, const void *body, size_t len)
{
	struct request *req = send_bytes(w, "POST", list_uri, body, len);
	json_t *tree;
	char *id = NULL;

	if (req->response.status == 200) {
		tree = json_loadb(req->response.body.s, req->response.body.len, 0, NULL);
		id = strdup(json_string_value(json_object_get(tree, "silenceID")));
		json_decref(tree);
	} else if (req->response.status != 404) {
		assert_refusal(req);
	}
	request_free(req);
	return id;
}

static void assert_count(struct world *w, size_t n)
{
	json_t *list = get(w, list_uri);

	assert(json_array_size(list) == n);
	json_decref(list);
}

static void check(struct world *w, const char *id)
{
	char uri[100];
	json_t *shown, *again, *list;
	char *text, *same;

	snprintf(uri, sizeof(uri), "/api/v2/silence/%s", id);
	shown = get(w, uri);
	assert(shown && json_array_size(json_object_get(shown, "matchers")));
	list = get(w, list_uri);
	assert_restored(w, NOTIFY_KEEP_SILENCE, list_uri, list);
	json_decref(list);
	text = json_dumps(shown, 0);
	same = post(w, text, strlen(text));
	assert(same && !strcmp(same, id));
	again = get(w, uri);
	assert_same(shown, again);
	assert_count(w, 1);
	request_free(send_bytes(w, "DELETE", uri, NULL, 0));
	json_decref(again);
	again = get(w, uri);
	assert(!strcmp("expired",
		json_string_value(json_object_get(json_object_get(again, "status"), "state"))));
	json_decref(again);
	json_decref(shown);
	free(text);
	free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;
	char *id;

	world_begin(&w);
	id = post(&w, data, size);
	if (id)
		check(&w, id);
	else
		assert_count(&w, 0);
	free(id);
	world_end(&w);
	return 0;
}
