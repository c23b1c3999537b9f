/*
 * v2_receivers.c - the receivers of the settings: listed, and chosen by name and label.
 */
#include "api/v2.h"

#include <errno.h>
#include <microhttpd.h>
#include "base/regex.h"

static int read_receiver_regex(struct request *req, struct regex **ret)
{
	const char *pattern = v2_param(req, "receiver");
	char error[200];
	int err;

	*ret = NULL;
	if (!pattern)
		return 0;
	err = regex_new(pattern, ret, error, sizeof(error));
	if (err == -EINVAL)
		v2_text(req, MHD_HTTP_BAD_REQUEST,
			"failed to parse receiver param: error parsing regexp: %s: `^(?:%s)$`",
			error, pattern);
	else if (err)
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	return err;
}

static int choose(struct request *req, const struct regex *regex,
	const struct matcher_list *matchers, struct v2_receivers *ret)
{
	const struct config *config = api_config(req->api);
	int err = 0;

	for (size_t i = 0; config && i < config->n_receivers && !err; i++) {
		const struct config_receiver *receiver = &config->receivers[i];
		scoped(labels_unrefp) struct labels *labels = NULL;

		if (regex && !regex_matches(regex, receiver->name.s, strlen(receiver->name.s)))
			continue;
		err = config_receiver_labels(receiver, &labels);
		if (!err && matcher_list_match(matchers, labels))
			err = map_puts(&ret->chosen, receiver->name.s, ret);
	}
	return err;
}

int v2_receivers_read(struct request *req, struct v2_receivers *ret)
{
	scoped(regex_freep) struct regex *regex = NULL;
	struct matcher_list matchers;
	int err;

	*ret = (struct v2_receivers){ 0 };
	err = read_receiver_regex(req, &regex);
	if (!err)
		err = v2_matchers(req, "receiver_matchers", &matchers);
	if (err)
		return err;
	ret->all = !regex && !matchers.n;
	if (!ret->all)
		err = choose(req, regex, &matchers, ret);
	matcher_list_release(&matchers);
	if (err) {
		v2_receivers_release(ret);
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
	return err;
}

void v2_receivers_release(struct v2_receivers *receivers)
{
	map_release(&receivers->chosen);
}

bool v2_receivers_have(const struct v2_receivers *receivers, const char *name)
{
	return receivers->all || map_gets(&receivers->chosen, name);
}

void v2_receivers_list(struct request *req, struct instant now)
{
	const struct config *config = api_config(req->api);
	struct v2_receivers chosen;
	struct jsonw json;

	if (v2_receivers_read(req, &chosen))
		return;
	v2_begin(req, &json);
	jsonw_begin_array(&json);
	for (size_t i = 0; config && i < config->n_receivers; i++) {
		const struct config_receiver *receiver = &config->receivers[i];
		struct labels *labels;

		if (!v2_receivers_have(&chosen, receiver->name.s))
			continue;
		if (config_receiver_labels(receiver, &labels)) {
			req->response.body.err = -ENOMEM;
			break;
		}
		jsonw_begin_object(&json);
		jsonw_field_string(&json, "name", receiver->name.s);
		jsonw_field_labels(&json, "labels", labels);
		jsonw_end_object(&json);
		labels_unref(labels);
	}
	jsonw_end_array(&json);
	v2_end(req);
	v2_receivers_release(&chosen);
}
