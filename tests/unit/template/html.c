/* html/template's contextual escaping: what becomes of data in each place of an HTML document. */
#include "html_world.h"

#define A_TEXT	 "O&#39;Reilly &amp; &#34;&lt;b&gt;&#34; a&#43;b"
#define Q_NORMAL "a%20b&amp;c=d?e/f%41"
#define Q_QUERY	 "a%20b%26c%3dd%3fe%2ff%2541"

static const struct {
	const char *in, *out;
} good[] = {
	/* Text. */
	{ "<p>{{.A}}</p>", "<p>" A_TEXT "</p>" },
	{ "{{.H}}", "&lt;b title=&#34;x&#34;&gt;Tom &amp;amp; &#39;J&#39;&lt;/b&gt;" },
	{ "{{.H | safeHtml}}", "<b title=\"x\">Tom &amp; 'J'</b>" },
	{ "{{.E}}{{.missing}}{{printf \"%v\" nil}}", "&lt;nil&gt;" },
	{ "{{len .L}} {{.L}}", "2 [&lt;1&gt; 2]" },
	{ "{{range .L}}<li>{{.}}{{end}}", "<li>&lt;1&gt;<li>2" },
	{ "{{.A | html}}|{{html .T}}", "O&#39;Reilly &amp; &#34;&lt;b&gt;&#34; a+b|x" },
	{ "{{.Q | urlquery}}", "a&#43;b%26c%3Dd%3Fe%2Ff%2541" },
	{ "{{$x := .A}}{{with $x}}{{.}}{{end}}", A_TEXT },
	/* A < that begins no tag. */
	{ "a < b <{{.T}}> <<i>", "a &lt; b &lt;x> &lt;<i>" },
	{ "<!DOCTYPE html><br/><hr />{{.T}}", "<!DOCTYPE html><br/><hr />x" },
	/* Values between quotes and without them. */
	{ "<i title=\"{{.A}}\">", "<i title=\"" A_TEXT "\">" },
	{ "<i title='{{.A}}' id=\"b>\">{{.T}}", "<i title='" A_TEXT "' id=\"b>\">x" },
	{ "<i title={{.A}}>",
		"<i title=O&#39;Reilly&#32;&amp;&#32;&#34;&lt;b&gt;&#34;&#32;a&#43;b>" },
	{ "<i title={{.E}} id={{.T}}>", "<i title=ZgotmplZ id=x>" },
	{ "<i title=\"{{.H | safeHtml}}\">", "<i title=\"Tom &amp; &#39;J&#39;\">" },
	{ "<i title=\"{{.A | html}}\">",
		"<i title=\"O&#39;Reilly &amp; &#34;&lt;b&gt;&#34; a+b\">" },
	{ "<i class=\"x-{{.T}} {{if .T}}y{{else}}n{{end}}\">", "<i class=\"x-x y\">" },
	{ "<i title={{if .T}}{{.T}}{{end}}>", "<i title=x>" },
	{ "<i title={{range .L}}{{.}}{{end}}>", "<i title=&lt;1&gt;2>" },
	{ "<i data-x=\"{{.A}}\" value = \"{{.T}}\">", "<i data-x=\"" A_TEXT "\" value = \"x\">" },
	/* Names of attributes. */
	{ "<i {{.N}}=\"{{.T}}\" {{.O}}=\"{{.T}}\">", "<i title=\"x\" ZgotmplZ=\"x\">" },
	{ "<i {{.A}} {{.T}}>", "<i ZgotmplZ x>" },
	{ "<i {{if .T}}checked{{end}} a=1>", "<i checked a=1>" },
	{ "<i{{if .T}} checked{{end}}>", "<i checked>" },
	/* URLs. */
	{ "<a href=\"{{.U}}\">", "<a href=\"http://h:1/p?q=a%20b&amp;r=%22%3c\">" },
	{ "<a href=\"{{.J}}\">", "<a href=\"#ZgotmplZ\">" },
	{ "<a href=\"{{.J | safeUrl}}\">", "<a href=\"javascript:alert%281%29\">" },
	{ "<a href=\" {{.J}}\">", "<a href=\" #ZgotmplZ\">" },
	{ "<a href={{.J}}>", "<a href=#ZgotmplZ>" },
	{ "<a href=\"java{{.E}}script{{.E}}:{{.T}}\">", "<a href=\"javascript:x\">" },
	{ "<a href=\"{{.T}}{{.J}}\">", "<a href=\"x#ZgotmplZ\">" },
	{ "<a href=\"/p/{{.Q}}\">", "<a href=\"/p/" Q_NORMAL "\">" },
	{ "<a href=\"/p?q={{.Q}}&amp;r={{.Q}}\">",
		"<a href=\"/p?q=" Q_QUERY "&amp;r=" Q_QUERY "\">" },
	{ "<a href='/p#{{.Q}}'>", "<a href='/p#" Q_QUERY "'>" },
	{ "<a href=\"/p&#47;{{.Q}}\">", "<a href=\"/p&#47;" Q_NORMAL "\">" },
	{ "<a href=\"/p?{{\"q=test%20foo\" | safeUrl}}\">", "<a href=\"/p?q=test%20foo\">" },
	{ "<a href=\"/p?q={{.Q | urlquery}}\">", "<a href=\"/p?q=a&#43;b%26c%3Dd%3Fe%2Ff%2541\">" },
	{ "<a href=\"{{range .L}}/{{.}}{{end}}\">", "<a href=\"/%3c1%3e/2\">" },
	{ "<img src=\"{{.J}}\"><form action='{{.J}}'>",
		"<img src=\"#ZgotmplZ\"><form action='#ZgotmplZ'>" },
	{ "<i data-url=\"{{.J}}\" xlink:href=\"{{.J}}\" xmlns:x=\"{{.J}}\">",
		"<i data-url=\"#ZgotmplZ\" xlink:href=\"#ZgotmplZ\" xmlns:x=\"#ZgotmplZ\">" },
	{ "<a/href=\"{{.J}}\">", "<a/href=\"#ZgotmplZ\">" },
	{ "<A HREF=\"{{.J}}\">", "<A HREF=\"#ZgotmplZ\">" },
	/* Titles and text areas. */
	{ "<title>{{.A}} <i></title>{{.T}}", "<title>" A_TEXT " &lt;i></title>x" },
	{ "<title>{{if .T}}<b>&amp;<!DOCTYPE x>{{end}}</title>",
		"<title>&lt;b>&amp;<!DOCTYPE x></title>" },
	{ "{{html .A \"<\"}}|{{html 1 2}}|<a href=\"/?{{urlquery .Q 7}}\">",
		"O&#39;Reilly &amp; &#34;&lt;b&gt;&#34; a+b&lt;|1 2|"
		"<a href=\"/?a&#43;b%26c%3Dd%3Fe%2Ff%25417\">" },
	{ "<title>{{.H | safeHtml}}</TITLE >",
		"<title>&lt;b title=&#34;x&#34;&gt;Tom &amp; &#39;J&#39;&lt;/b&gt;</TITLE >" },
	{ "<textarea></title>{{.A}}</textarea>", "<textarea>&lt;/title>" A_TEXT "</textarea>" },
	/* Comments. */
	{ "a<!-- {{.A}} <b> -->b", "ab" },
	{ "a<!--[if mso]><i><![endif]-->{{.T}}", "ax" },
	{ "<i a=\"<!-- x -->\">", "<i a=\"<!-- x -->\">" },
	/* Scripts and styles without data. */
	{ "<style>p>a { color: #fff }</style>{{.A}}", "<style>p>a { color: #fff }</style>" A_TEXT },
	{ "<script>if (a < b) { '</i>' }</script>{{.T}}",
		"<script>if (a < b) { '</i>' }</script>x" },
	{ "<i style=\"color:{{if .T}}red{{else}}green{{end}}\" onclick=\"f()\">",
		"<i style=\"color:red\" onclick=\"f()\">" },
	/* Templates in several contexts. */
	{ "{{define \"d\"}}{{.}}{{end}}{{template \"d\" .A}}<a href=\"{{template \"d\" .J}}\">"
	  "<a href=\"/?q={{template \"d\" .Q}}\"><i title={{template \"d\" .A}}>",
		A_TEXT "<a href=\"#ZgotmplZ\"><a href=\"/?q=" Q_QUERY
		       "\"><i title=O&#39;Reilly&#32;&amp;&#32;&#34;&lt;b&gt;&#34;&#32;a&#43;b>" },
	{ "{{define \"open\"}}<i title=\"{{end}}{{template \"open\"}}{{.A}}\">",
		"<i title=\"" A_TEXT "\">" },
	{ "{{define \"r\"}}{{if .}}<{{.}}{{template \"r\" (slice . 1)}}{{end}}{{end}}"
	  "{{template \"r\" \"ab\"}}",
		"&lt;ab&lt;b" },
	{ "{{block \"b\" .A}}<b>{{.}}</b>{{end}}", "<b>" A_TEXT "</b>" },
	/* Broken characters. */
	{ "{{\"a\\xffb\\x00c\"}}", "a\xef\xbf\xbd"
				   "b\xef\xbf\xbd"
				   "c" },
	{ "<i title={{\"\\xff\\uffff\\ufdd0\\u00e9\"}}>",
		"<i title=&#xfffd;&#xffff;&#xfdd0;\xc3\xa9>" },
	/* Loops that are left early. */
	{ "{{range .L}}<i>{{if eq . \"2\"}}{{break}}{{end}}{{.}}</i>{{end}}",
		"<i>&lt;1&gt;</i><i>" },
};

static void each_place_has_its_own_escaping(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_rendered(good[i].in, good[i].out);
}

static const struct {
	const char *in, *error;
} bad[] = {
	{ "<iframe srcdoc=\"{{.T}}\">",
		"html/template:t:1: the action is in a document in an attribute, where nothing" },
	{ "<b{{.T}}>", "in the middle of the name of a tag" },
	{ "<b{{if .T}}ig{{end}}>", "put together of parts" },
	{ "<i on{{.T}}=\"x\">", "in the middle of the name of an attribute" },
	{ "<i {{.T}}ref=\"x\">", "put together of parts" },
	{ "<i hr{{if .T}}ef{{end}}=\"x\">", "put together of parts" },
	{ "<i a\"b>", "cannot be the name of an attribute: a\"b>" },
	{ "<i =x>", "expected an attribute" },
	{ "<a href=/?q={{.T}}>", "must not stand in a value without quotes: =" },
	{ "<i a=b'c>", "must not stand in a value without quotes" },
	{ "{{if .T}}<i>{{else}}<i {{end}}",
		"{{if}} branches end in different contexts: text, a tag" },
	{ "{{with .T}}<i title=\"{{end}}", "{{with}} branches end in different contexts" },
	{ "<i {{range .L}}title=\"{{end}}", "t:1: {{range}} ends in another context" },
	{ "{{range .L}}<i title=\"{{if .}}{{continue}}{{end}}\">{{end}}",
		"{{range}} and its {{break}} or {{continue}} end in different contexts" },
	{ "{{range .L}}{{range .E}}{{else}}<i title=\"{{break}}\">{{end}}{{.}}{{end}}",
		"{{range}} branches end in different contexts" },
	{ "<a href=\"{{range .L}}{{.}}?{{end}}\">", "{{range}} ends in another context" },
	{ "<a href=\"/{{if .T}}?{{end}}{{.T}}\">", "ambiguous context within a URL" },
	{ "<i title=\"x", "ends in a non-text context: an attribute's value" },
	{ "\n\n<!-- {{.T}}", "ends in a non-text context: a comment" },
	{ "<title>{{.T}}</title", "an end tag is not complete" },
	{ "<title></ti{{.T}}</title>{{template \"none\"}}", "t:1: no such template \"none\"" },
	{ "a\n{{if .E}}{{template \"none\"}}{{end}}", "t:2: no such template \"none\"" },
	{ "{{.A | html | print}}", "predefined escaper \"html\" disallowed in template" },
	{ "{{.A | urlquery | html}}", "predefined escaper \"urlquery\" disallowed" },
	{ "<i title={{.A | html}}>", "predefined escaper \"html\" disallowed" },
	{ "{{define \"r\"}}{{template \"r\"}}<i {{end}}{{template \"r\"}}>",
		"cannot compute the output context" },
};

static void what_cannot_be_escaped_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(bad[i].in, bad[i].error);
}

static void a_check_finds_what_needs_no_data_and_later_texts_count(void **state)
{
	static const char first[] = "{{define \"d\"}}<b>{{end}}{{template \"d\"}}{{.T}}",
			  second[] = "{{define \"d\"}}<b title=\"{{end}}";
	struct template_error err = { 0 };
	struct template_set *set;
	struct strbuf out = STRBUF_INIT;

	assert_int_equal(template_set_new(TEMPLATE_HTML, functions, &set), 0);
	assert_int_equal(template_check(set, "t", &err), -EINVAL);
	assert_string_equal(err.text, "template \"t\" not defined");
	assert_int_equal(template_parse(set, "t", first, strlen(first), &err), 0);
	assert_int_equal(template_check(set, "t", &err), 0);
	assert_int_equal(template_execute(set, "t", &root, NULL, NULL, &out, &err), 0);
	assert_string_equal(out.s, "<b>x");
	assert_int_equal(template_parse(set, "more", second, strlen(second), &err), 0);
	assert_int_equal(template_check(set, "t", &err), -EINVAL);
	assert_non_null(strstr(err.text, "non-text context"));
	/* A fault leaves nothing behind that a second look would take for sound. */
	assert_int_equal(template_check(set, "t", &err), -EINVAL);
	strbuf_release(&out);
	template_set_free(set);
}

static void what_takes_too_long_to_look_through_is_refused(void **state)
{
	struct template_error err = { 0 };
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;

	for (int i = 0; i < 200001; i++)
		strbuf_adds(&text, "{{1}}");
	assert_int_equal(render(text.s, &out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too large"));
	strbuf_release(&text);
	strbuf_release(&out);
}

static int render_under_failure(void *userdata)
{
	struct strbuf out = STRBUF_INIT;
	struct template_error err;
	int result;

	result = render("{{define \"d\"}}<b>{{.}}</b>{{end}}<!-- c -->{{range .L}}"
			"<a href=\"/{{.}}\" title={{.}}>{{template \"d\" .}}{{end}}",
		&out, &err);
	strbuf_release(&out);
	return result;
}

static void it_survives_failing_allocations(void **state)
{
	with_failing_allocations(render_under_failure, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_place_has_its_own_escaping),
		cmocka_unit_test(what_cannot_be_escaped_is_refused),
		cmocka_unit_test(a_check_finds_what_needs_no_data_and_later_texts_count),
		cmocka_unit_test(what_takes_too_long_to_look_through_is_refused),
		cmocka_unit_test(it_survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, make_root, NULL);
}
