/* Requests: paths, parameters and forms are taken apart as they were meant, or refused. */
#include "harness.h"

#include "api/http.h"

static void takes_a_request_line_apart(void **state)
{
	struct request *req;
	const struct param *p;

	assert_int_equal(
		request_new(NULL, "/api/v1/label/a%2Fb+c/values?query=up%20%3E+0&&x&y=#z", &req),
		0);
	/* A plus sign is a blank in a form, and itself in a path. */
	assert_string_equal(req->path, "/api/v1/label/a/b+c/values");
	assert_string_equal(request_param(req, "query"), "up > 0");
	assert_string_equal(request_param(req, "x"), "");
	assert_string_equal(request_param(req, "y"), "");
	assert_null(request_param(req, "z"));
	request_free(req);

	assert_int_equal(request_new(NULL, "/?match[]=a&other=1&match%5B%5D=b", &req), 0);
	p = request_next(req, "match[]", NULL);
	assert_string_equal(p->value, "a");
	p = request_next(req, "match[]", p);
	assert_string_equal(p->value, "b");
	assert_null(request_next(req, "match[]", p));
	request_free(req);
}

static void a_line_as_proxies_get_it_is_the_same(void **state)
{
	static const char *const lines[][2] = { { "http://x:9090/a?q=1", "/a" },
		{ "HTTPS://[::1]/a?q=1", "/a" }, { "/http://x?q=1", "/http://x" },
		{ "http://x/?q=1", "/" } };
	struct request *req;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(request_new(NULL, lines[i][0], &req), 0);
		assert_string_equal(req->path, lines[i][1]);
		assert_string_equal(request_param(req, "q"), "1");
		request_free(req);
	}
	assert_int_equal(request_new(NULL, "http://x", &req), 0);
	assert_string_equal(req->path, "/");
	request_free(req);
}

static void a_form_comes_before_the_request_line(void **state)
{
	struct request *req;

	assert_int_equal(request_new(NULL, "/?query=line&start=1", &req), 0);
	req->content_type = strdup("Application/X-WWW-Form-Urlencoded");
	strbuf_adds(&req->body, "query=form&end=2");
	assert_int_equal(request_read_form(req), 0);
	assert_string_equal(request_param(req, "query"), "form");
	assert_string_equal(request_param(req, "start"), "1");
	assert_string_equal(request_param(req, "end"), "2");
	request_free(req);
}

static void another_body_is_no_form(void **state)
{
	struct request *req;

	assert_int_equal(request_new(NULL, "/?query=line", &req), 0);
	req->content_type = strdup("application/json");
	strbuf_adds(&req->body, "query=form");
	assert_int_equal(request_read_form(req), 0);
	assert_string_equal(request_param(req, "query"), "line");
	request_free(req);
}

static void refuses_what_cannot_be_meant(void **state)
{
	static const char *const bad[] = { "/%", "/%4", "/%zz", "/a%00b" }, *const bad_params[] = {
		"/?a=%0&b=1", "/?b=1&%=1", "/?a=%1&b=1"
	};
	struct request *req;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(request_new(NULL, bad[i], &req), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad_params); i++) {
		assert_int_equal(request_new(NULL, bad_params[i], &req), 0);
		assert_true(req->bad_params);
		assert_string_equal(request_param(req, "b"), "1");
		assert_null(request_param(req, "a"));
		request_free(req);
	}
	assert_int_equal(request_new(NULL, "/?a=%41", &req), 0);
	assert_false(req->bad_params);
	request_free(req);
	assert_int_equal(request_new(NULL, "/?a%00=%00b%00", &req), 0);
	assert_false(req->bad_params);
	assert_string_equal(request_param(req, "a\ufffd"), "\ufffdb\ufffd");
	request_free(req);
}

static void refuses_what_is_too_long(void **state)
{
	struct strbuf uri = STRBUF_INIT;
	struct request *req;

	strbuf_adds(&uri, "/?");
	for (size_t i = 0; i < HTTP_MAX_PARAMS; i++)
		strbuf_adds(&uri, "a&");
	assert_int_equal(request_new(NULL, uri.s, &req), 0);
	request_free(req);
	strbuf_adds(&uri, "a");
	assert_int_equal(request_new(NULL, uri.s, &req), -EMSGSIZE);
	strbuf_reset(&uri);
	while (uri.len <= HTTP_MAX_URI)
		strbuf_adds(&uri, "/aaaaaaa");
	assert_int_equal(request_new(NULL, uri.s, &req), -EMSGSIZE);
	strbuf_release(&uri);
}

static int make_one(void *userdata)
{
	struct request *req;
	int err = request_new(NULL, "/path?a=1&b=2&c=3", &req);

	if (err)
		return err;
	req->content_type = strdup("application/x-www-form-urlencoded");
	strbuf_adds(&req->body, "d=4&e=5");
	err = !req->content_type ? -ENOMEM : req->body.err;
	if (!err)
		err = request_read_form(req);
	request_free(req);
	return err;
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(make_one, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_request_line_apart),
		cmocka_unit_test(a_line_as_proxies_get_it_is_the_same),
		cmocka_unit_test(a_form_comes_before_the_request_line),
		cmocka_unit_test(another_body_is_no_form),
		cmocka_unit_test(refuses_what_cannot_be_meant),
		cmocka_unit_test(refuses_what_is_too_long),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
