/* Secrets in what strangers say: found however they are written, and nothing else is. */
#include "harness.h"

#include "base/censor.h"

static const struct {
	const char *said, *shown;
} rows[] = {
	{ "", "" },
	{ "nothing of it", "nothing of it" },
	{ "p&ss w/rd", "<secret>" },
	{ "it is p&ss w/rd, is it?", "it is <secret>, is it?" },
	{ "p&ss w/rdp&ss w/rd", "<secret>" },
	{ "p&ss w/r", "p&ss w/r" },
	/* As URLs, JSON and HTML write it. */
	{ "a=p%26ss+w%2Frd&b", "a=<secret>&b" },
	{ "a=p%26ss%20w%2frd", "a=<secret>" },
	{ "\"p\\u0026ss w\\/rd\"", "\"<secret>\"" },
	{ "p&amp;ss w/rd p&#38;ss w&#x2f;rd", "<secret> <secret>" },
	{ "\\x70&ss w/rd", "<secret>" },
	/* In base64, with padding and without, and for URLs. */
	{ "Basic dXNlcjpwJnNzIHcvcmQ=", "Basic <secret>" },
	{ "Basic dXNlcjpwJnNzIHcvcmQ", "Basic <secret>" },
	{ "Basic dXNlcjpwJnNzIHcvcmQ%3D", "Basic <secret>" },
	{ "cCZzcyB3L3Jk===", "<secret>=" },
	{ "Pz8/Pj4+ Pz8_Pj4- Pz8%2FPj4%2B", "<secret> <secret> <secret>" },
	/* Short ones stand alone. */
	{ "ab: no", "<secret>: no" },
	{ "about a lab", "about a lab" },
	{ "1ab ab1 ab", "1ab ab1 <secret>" },
	/* What stands for itself and for another byte. */
	{ "50%25 off", "<secret> off" },
	{ "50%2525 off", "<secret> off" },
	{ "%", "%" },
	{ "&#;&#x;&;\\u12\\", "&#;&#x;&;\\u12\\" },
	{ "gr\\u00fcn gr&#252;n gr%C3%BCn", "<secret> <secret> <secret>" },
	/* Beyond 16 bits JSON has a pair of surrogates, of which one alone is nothing. */
	{ "x\\ud83d\\ude00y x\\uD83D\\uDE00y", "<secret> <secret>" },
	{ "x&#128512;y x&#x1f600;y x%F0%9F%98%80y", "<secret> <secret> <secret>" },
	{ "x\\ud83dy x\\ud83d\\u0041y x\\ude00y", "x\\ud83dy x\\ud83d\\u0041y x\\ude00y" },
	{ "x\\ud83d\\ude0", "x\\ud83d\\ude0" },
};

static void fill(struct censor *censor)
{
	censor_add_login(censor, "user", "p&ss w/rd");
	censor_add(censor, "ab");
	censor_add(censor, "\?\?\?>>>");
	censor_add(censor, "50%25");
	censor_add(censor, "grün");
	censor_add(censor, "x\xf0\x9f\x98\x80y");
	censor_add(censor, "");
	censor_add(censor, NULL);
}

static void a_secret_is_found_however_it_is_written(void **state)
{
	struct censor censor = CENSOR_INIT;

	fill(&censor);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;

		censor_text(&censor, rows[i].said, strlen(rows[i].said), &out);
		assert_string_equal(out.s, rows[i].shown);
		strbuf_release(&out);
	}
	censor_release(&censor);
}

static void parts_of_a_secret_address_are_found_by_themselves(void **state)
{
	static const char url[] =
		"https://me:hush@h.example/services/T0123456789abcdef/x?key=0815&v=2";
	static const struct {
		const char *said, *shown;
	} urls[] = {
		{ url, "<secret>" },
		{ "Cannot POST /services/T0123456789abcdef/x", "Cannot POST <secret>" },
		{ "no T0123456789abcdef here", "no <secret> here" },
		{ "services v=2 on h.example", "services v=2 on h.example" },
		{ "key 0815, hush", "key <secret>, <secret>" },
		{ "bWU6aHVzaA==", "<secret>" },
	};
	struct censor censor = CENSOR_INIT;

	censor_add_url(&censor, url);
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct strbuf out = STRBUF_INIT;

		censor_text(&censor, urls[i].said, strlen(urls[i].said), &out);
		assert_string_equal(out.s, urls[i].shown);
		strbuf_release(&out);
	}
	censor_release(&censor);
}

static void a_line_stays_within_its_buffer(void **state)
{
	struct censor censor = CENSOR_INIT, all = CENSOR_INIT;
	char line[12] = "12345 1234";

	censor_add(&censor, "12345");
	censor_add_all(&all, &censor);
	censor_add_all(&all, NULL);
	censor_line(NULL, line, sizeof(line));
	assert_string_equal(line, "12345 1234");
	censor_line(&all, line, sizeof(line));
	assert_string_equal(line, "<secret> 12");
	censor_release(&censor);
	censor_release(&all);
}

static int hide_once(void *userdata)
{
	static const char said[] = "it is gr\\u00fcn, p&ss w/rd";
	struct censor censor = CENSOR_INIT, all = CENSOR_INIT;
	struct strbuf out = STRBUF_INIT;
	int err;

	fill(&censor);
	censor_add_url(&censor, "http://a:bbbb@c/dddd?eeee=ffff");
	censor_add_all(&all, &censor);
	censor_text(&all, said, strlen(said), &out);
	assert_null(strstr(out.s, "rd"));
	assert_null(strstr(out.s, "gr"));
	err = all.err ? all.err : out.err ? out.err : streq(out.s, CENSORED) ? -ENOMEM : 0;
	strbuf_release(&out);
	censor_release(&censor);
	censor_release(&all);
	return err;
}

static void without_memory_nothing_is_shown(void **state)
{
	with_failing_allocations(hide_once, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_found_however_it_is_written),
		cmocka_unit_test(parts_of_a_secret_address_are_found_by_themselves),
		cmocka_unit_test(a_line_stays_within_its_buffer),
		cmocka_unit_test(without_memory_nothing_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
