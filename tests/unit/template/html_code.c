/* html/template's escaping in scripts and style sheets: elements, and attributes that hold them. */
#include "html_world.h"

#include <math.h>

#define A_STRING "O\\u0027Reilly \\u0026 \\u0022\\u003cb\\u003e\\u0022 a\\u002bb"
#define A_VALUE	 "\"O'Reilly \\u0026 \\\"\\u003cb\\u003e\\\" a+b\""
#define A_QUOTED "&#34;O&#39;Reilly \\u0026 \\&#34;\\u003cb\\u003e\\&#34; a&#43;b&#34;"
#define A_CSS	 "O\\27Reilly \\26  \\22\\3c b\\3e\\22  a\\2b b"

struct rendered {
	const char *in, *out;
};

static const struct rendered styles[] = {
	/* Values: a word, a number, a colour; nothing that ends one. */
	{ "<i style=\"color: {{.T}}; width: {{1.5}}em\">", "<i style=\"color: x; width: 1.5em\">" },
	{ "<i style=\"color: {{\"#12aBc3\"}} {{\"1px solid\"}} {{\"50%, -1 !important\"}}\">",
		"<i style=\"color: #12aBc3 1px solid 50%, -1 !important\">" },
	{ "<style>p { color: {{.T}} }</style>{{.T}}", "<style>p { color: x }</style>x" },
	{ "<i style=\"{{.A}}\">", "<i style=\"ZgotmplZ\">" },
	{ "<i style={{.T}}:{{.E}}>", "<i style=x:ZgotmplZ>" },
	{ "<i style='a: {{\"a;b\"}} {{\"a{\"}} {{\"f()\"}} {{\"@x\"}} {{\"//\"}} {{\"[\"}} {{\"`\"}}'>",
		"<i style='a: ZgotmplZ ZgotmplZ ZgotmplZ ZgotmplZ ZgotmplZ ZgotmplZ ZgotmplZ'>" },
	{ "<i style='a: {{\"<\"}} {{\">\"}} {{\"--x\"}} {{\"a\\x00\"}} {{\"*\"}} {{\"a*b\"}}'>",
		"<i style='a: ZgotmplZ ZgotmplZ ZgotmplZ ZgotmplZ ZgotmplZ a*b'>" },
	{ "<i style='a: {{\"Expression\"}} {{\"-moz-binding\"}} {{\"e\\\\78 pression\"}}'>",
		"<i style='a: ZgotmplZ ZgotmplZ ZgotmplZ'>" },
	{ "<i style='a: {{\"\\\\72 ed\"}} {{\"\\\\28x\"}} {{\"\\\\g\\\\\"}} {{\"\\\\41\\r\\nb\"}}'>",
		"<i style='a: red ZgotmplZ g Ab'>" },
	{ "<i style='font: 1/{{2}} {{\"\\\\\"}}{{.E}}'>", "<i style='font: 1/2 ZgotmplZ'>" },
	{ "<style>a { b: {{.H | safeHtml}}; c: {{.U | safeUrl}} }</style>",
		"<style>a { b: ZgotmplZ; c: ZgotmplZ }</style>" },
	/* Strings: any of them may be a URL. */
	{ "<i style=\"content: '{{.A}}'\">", "<i style=\"content: '" A_CSS "'\">" },
	{ "<i style='content: &quot;{{.A}}&#34;; b: {{.T}}'>",
		"<i style='content: &quot;" A_CSS "&#34;; b: x'>" },
	{ "<style>a { content: \"{{.J}}\" '\\\"{{.J}}' }</style>",
		"<style>a { content: \"#ZgotmplZ\" '\\\"javascript\\3a alert\\28 1\\29 ' }</style>" },
	{ "<style>a { b: \"{{\"a\\nb\\\\c\\td{e;\\x00f\\xff\"}}\" }</style>",
		"<style>a { b: \"a\\a b\\\\c\\9 d\\7b e\\3b\\0 f\xef\xbf\xbd\" }</style>" },
	{ "<style>a { b: \"?{{.Q}}\" \"{{.Q}}\" }</style>",
		"<style>a { b: \"?a%20b%26c%3dd%3fe%2ff%2541\" \"a b\\26 c=d?e\\2f f%41\" }</style>" },
	/* url(), with quotes and without them. */
	{ "<i style=\"background: url('{{.U}}')\">",
		"<i style=\"background: url('http://h:1/p?q=a%20b&amp;r=%22%3c')\">" },
	{ "<i style=\"background: url({{.J}}) {{.T}}\">",
		"<i style=\"background: url(#ZgotmplZ) x\">" },
	{ "<i style=\"background: url({{.J | safeUrl}})\">",
		"<i style=\"background: url(javascript:alert%281%29)\">" },
	{ "<style>a { b: URL( \"/i/{{.Q}}.png?{{.Q}}\" ); c: {{.T}} }</style>",
		"<style>a { b: URL( \"/i/a%20b&c=d?e/f%41.png?a%20b%26c%3dd%3fe%2ff%2541\" ); c: x }"
		"</style>" },
	{ "<style>a { b: curl({{.T}}) -url({{.T}}) url ({{.J}}) }</style>",
		"<style>a { b: curl(x) -url(x) url (#ZgotmplZ) }</style>" },
	/* Comments: gone from elements; data in them is gone everywhere. */
	{ "<style>a /* ' {{.A}} */b{ // \" {{.A}}\n{{.T}}: c }</style>",
		"<style>a   b{ \nx: c }</style>" },
	{ "<i style=\"/* ' {{.A}} */ a: {{.T}}\">", "<i style=\"/* '  */ a: x\">" },
	{ "<style></style ><style>'</style>", "<style></style ><style>'</style>" },
	/* Branches that end alike. */
	{ "<style>{{if .T}}a { b: {{.T}} }{{else}}c{{end}} {{range .L}}d{{end}}</style>",
		"<style>a { b: x } dd</style>" },
	{ "<i style=\"a: '{{range .L}}{{.}}{{end}}' url({{range .L}}{{.}}/{{end}})\">",
		"<i style=\"a: '\\3c 1\\3e 2' url(%3c1%3e/2/)\">" },
	{ "<i style=\"a: {{1}}/{{2}} {{if .T}}url(/{{.T}}){{end}} {{.T}}{{if .T}} {{end}}/3\">",
		"<i style=\"a: 1/2 url(/x) x /3\">" },
	{ "<i {{if .T}}style=\"a: {{.T}}\"{{end}} title=\"{{.T}}\">",
		"<i style=\"a: x\" title=\"x\">" },
};

static void values_in_styles_stay_values(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(styles); i++)
		assert_rendered(styles[i].in, styles[i].out);
}

static const struct rendered scripts[] = {
	/* Literals, by the type of the value. */
	{ "<script>var x = {{.A}};</script>{{.T}}", "<script>var x = " A_VALUE ";</script>x" },
	{ "<script>f({{1}}, {{-1.5}}, {{true}}, {{.missing}}, {{.E}}, {{1e30}})</script>",
		"<script>f( 1 ,  -1.5 ,  true ,  null , \"\",  1e+30 )</script>" },
	{ "<script>f({{.L}}, {{slice .L 1}}, {{.L | len}})</script>",
		"<script>f([\"\\u003c1\\u003e\",\"2\"], [\"2\"],  2 )</script>" },
	{ "<script>x={{.H | safeHtml}}+'{{.H | safeHtml}}'</script>",
		"<script>x=\"\\u003cb title=\\\"x\\\"\\u003eTom \\u0026amp; 'J'\\u003c/b\\u003e\"+'"
		"\\u003cb title=\\u0022x\\u0022\\u003eTom \\u0026amp; \\u0027J\\u0027\\u003c\\/b\\u003e'"
		"</script>" },
	{ "<script>typeof{{1}}in{{.U | safeUrl}}</script>",
		"<script>typeof 1 in\"http://h:1/p?q=a b\\u0026r=\\\"\\u003c\"</script>" },
	{ "<script>x={{\"\\u2028</script>\\xff\"}}</script>",
		"<script>x=\"\\u2028\\u003c/script\\u003e\xef\xbf\xbd\"</script>" },
	/* Strings. */
	{ "<script>f('{{.A}}', \"{{.A}}\")</script>",
		"<script>f('" A_STRING "', \"" A_STRING "\")</script>" },
	{ "<script>'\\'{{.T}}' + \"'\\\\\" + {{.T}}</script>",
		"<script>'\\'x' + \"'\\\\\" + \"x\"</script>" },
	{ "<script>'{{\"`\\t\\n\\v\\f\\r\\b\\x00\\u2029/\\\\\"}}'</script>",
		"<script>'\\u0060\\t\\n\\u000b\\f\\r\\u0008\\u0000\\u2029\\/\\\\'</script>" },
	/* Regular expressions, and what is none. */
	{ "<script>x = /{{.Q}}/g / {{.T}}</script>",
		"<script>x = /a b\\u0026c=d\\?e\\/f%41/g / \"x\"</script>" },
	{ "<script>/[/'\\]]\\/{{.E}}/.test({{.T}})</script>",
		"<script>/[/'\\]]\\/(?:)/.test(\"x\")</script>" },
	{ "<script>/{{\"$()*+-.<>?[]^`{|}\"}}/</script>",
		"<script>/\\$\\(\\)\\*\\u002b\\-\\.\\u003c\\u003e\\?\\[\\]\\^`\\{\\|\\}/</script>" },
	{ "<script>a / {{1}} / b; c++ /{{1}}/ d; e = +/{{1}}/; 4. /{{1}}; return /{{1}}/</script>",
		"<script>a /  1  / b; c++ / 1 / d; e = +/1/; 4. / 1 ; return /1/</script>" },
	{ "<script>(a) /{{1}}; [] /{{1}}; {} /{{1}}/; xreturn /{{1}}; a.in\t/{{1}}/</script>",
		"<script>(a) / 1 ; [] / 1 ; {} /1/; xreturn / 1 ; a.in\t/1/</script>" },
	{ "<script>{{1}} /{{1}}; 'a' /{{1}}; `a` /{{1}}; /a/ /{{1}}</script>",
		"<script> 1  / 1 ; 'a' / 1 ; `a` / 1 ; /a/ / 1 </script>" },
	/* Template literals, and code in them. */
	{ "<script>x = `'{{.A}}{{\"`${}\"}}` + {{.T}}</script>",
		"<script>x = `'" A_STRING "\\u0060\\u0024\\u007b\\u007d` + \"x\"</script>" },
	{ "<script>x = `a ${ f({ b: {{.T}} }) / `c ${ {{1}} } {{1}}` } \\${ {{.T}} $a` / {{1}}</script>",
		"<script>x = `a ${ f({ b: \"x\" }) / `c ${  1  } 1` } \\${ x $a` /  1 </script>" },
	/* Comments: gone from elements, and data in them everywhere. */
	{ "<script>a/* '{{.A}} */b//{{.A}} \"\n/*\n*/{{.T}} // </script>{{.T}}",
		"<script>a  b\n\n\"x\" </script>x" },
	{ "<script><!-- {{.A}} '\nf({{.T}})\n--> {{.A}} '\nwhile (i --> {{0}}) {{.T}}//-->\n</script>",
		"<script>\nf(\"x\")\n\nwhile (i -->  0 ) \"x\"\n</script>" },
	{ "<script>#!/bin/{{.A}}\r\n{{.T}}//\xe2\x80\xa8{{.T}}</script>",
		"<script>\r\n\"x\"\xe2\x80\xa8\"x\"</script>" },
	{ "<i onclick=\"/* '{{.A}} */ f({{.T}}) // {{.A}}&#10; {{.T}}\">",
		"<i onclick=\"/* ' */ f(&#34;x&#34;) // &#10; &#34;x&#34;\">" },
	/* What a browser would take for a tag, within a string. */
	{ "<script>x = '</script><!-- <Script {{.T}}</scr{{.T}}<!-{{.T}}<' + `<script>`</script>",
		"<script>x = '\\x3C/script>\\x3C!-- \\x3CScript x\\x3C/scrx\\x3C!-x<' + `\\x3Cscript>`"
		"</script>" },
	{ "<script>if (a <{{1}}) {}</script>", "<script>if (a < 1 ) {}</script>" },
	{ "<script>/<script{{.T}}/</script>", "<script>/\\x3Cscriptx/</script>" },
	{ "<script>// </script>{{.T}}", "<script></script>x" },
	/* Attributes: as a browser reads them, then escaped as attributes. */
	{ "<i onclick=\"f({{.A}}, '{{.A}}')\">",
		"<i onclick=\"f(" A_QUOTED ", '" A_STRING "')\">" },
	{ "<i ONCLICK='f(&quot;{{.A}}&quot;, &#x27;{{.A}}&#39, {{.T}})'>",
		"<i ONCLICK='f(&quot;" A_STRING "&quot;, &#x27;" A_STRING "&#39, &#34;x&#34;)'>" },
	{ "<i data-onclick=f({{.T}},{{1}})>", "<i data-onclick=f(&#34;x&#34;,&#32;1&#32;)>" },
	{ "<i onclick=\"a &lt; {{1}} &amp;&amp; /{{1}}&sol; &amp;&AMP {{.T}} &bogus;\">",
		"<i onclick=\"a &lt;  1  &amp;&amp; /1&sol; &amp;&AMP &#34;x&#34; &bogus;\">" },
	{ "<i onclick=\"g(`${ {{.T}} } {{.T}}`)\">", "<i onclick=\"g(`${ &#34;x&#34; } x`)\">" },
	/* Types of <script>: what is no script is HTML. */
	{ "<script type=\"text/template\"><b title=\"{{.A}}\">'{{.A}}</b></script>{{.T}}",
		"<script type=\"text/template\"><b title=\"O&#39;Reilly &amp; &#34;&lt;b&gt;&#34; a&#43;b\">'"
		"O&#39;Reilly &amp; &#34;&lt;b&gt;&#34; a&#43;b</b></script>x" },
	{ "<script type=\" Application/LD+json; x=y\" async>{{.T}}</script>",
		"<script type=\" Application/LD+json; x=y\" async>\"x\"</script>" },
	{ "<script type=module src=\"{{.J}}\">{{.T}}</script><script type='text/x'>{{.T}}</script>",
		"<script type=module src=\"#ZgotmplZ\">\"x\"</script><script type='text/x'>x</script>" },
	{ "<script type=\"\">{{.T}}</script><script type>{{.T}}</script><style type=\"x\">a{{.T}}</style>",
		"<script type=\"\">\"x\"</script><script type>\"x\"</script><style type=\"x\">ax</style>" },
	/* Branches, loops and templates in several contexts. */
	{ "<script>[{{range $i, $e := .L}}{{if $i}}, {{end}}{{$e}}{{end}}]</script>",
		"<script>[\"\\u003c1\\u003e\", \"2\"]</script>" },
	{ "<script>{{range .L}}a = {{.}};{{if eq . \"2\"}}{{break}}{{end}}{{end}} /{{1}}/</script>",
		"<script>a = \"\\u003c1\\u003e\";a = \"2\"; /1/</script>" },
	{ "<script>x = {{if .E}}{{1}}{{else}}{{2}}{{end}} / {{3}}{{with .T}}; y = {{.}}{{end}}</script>",
		"<script>x =  2  /  3 ; y = \"x\"</script>" },
	{ "{{define \"d\"}}{{.}}{{end}}{{template \"d\" .T}}<i style=\"a: {{template \"d\" .A}} '{{template "
	  "\"d\" .A}}'\"><script>{{template \"d\" .A}} /'{{template \"d\" .A}}'/</script>",
		"x<i style=\"a: ZgotmplZ '" A_CSS "'\"><script>" A_VALUE " /'" A_STRING
		"'/</script>" },
	{ "{{define \"q\"}}'{{end}}<script>f({{template \"q\"}}{{.A}}{{template \"q\"}})</script>",
		"<script>f('" A_STRING "')</script>" },
	/* The template's own escapers. */
	{ "<script>f({{.A | html}})</script><i onclick=\"f({{.A | html}}, '{{html .A}}')\">",
		"<script>f(\"O\\u0026#39;Reilly \\u0026amp; \\u0026#34;\\u0026lt;b\\u0026gt;\\u0026#34; a+b\")"
		"</script><i onclick=\"f(&#34;O&#39;Reilly \\u0026 \\&#34;\\u003cb\\u003e\\&#34; a+b&#34;, '"
		"O\\u0027Reilly \\u0026 \\u0022\\u003cb\\u003e\\u0022 a\\u002bb')\">" },
	{ "<a href=\"{{.J | urlquery}}\"><i style=\"a: '?{{urlquery .Q}}'\"><a href=\"{{.J | html}}\">",
		"<a href=\"%23ZgotmplZ\"><i style=\"a: '?a&#43;b%26c%3Dd%3Fe%2Ff%2541'\">"
		"<a href=\"#ZgotmplZ\">" },
};

static void values_in_scripts_stay_literals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		assert_rendered(scripts[i].in, scripts[i].out);
}

static const struct rendered images[] = {
	{ "<img srcset=\"{{.U}}\">", "<img srcset=\"#ZgotmplZ\">" },
	{ "<img srcset=\"{{.T}} 1x, {{\"a b,javascript:x 2x, /%41'b 3x ,d 1.5x\"}}\">",
		"<img srcset=\"x 1x, a b,#ZgotmplZ, /%41%27b 3x ,#ZgotmplZ\">" },
	{ "<img srcset=\"{{\"j:a b,c\" | safeUrl}}\" imagesrcset={{\"a 1x\"}}>",
		"<img srcset=\"j:a%20b%2cc\" imagesrcset=a&#32;1x>" },
};

static void lists_of_images_are_urls_and_sizes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(images); i++)
		assert_rendered(images[i].in, images[i].out);
}

static const struct {
	const char *in, *error;
} refused[] = {
	{ "<script>x = {{if .T}}a{{else}}={{end}} / {{1}}",
		"'/' could start a division or regexp" },
	{ "<i onclick=\"a &eacute; / {{1}}\">", "'/' could start a division or regexp" },
	{ "<script>/[{{.T}}]/</script>", "a class [] of a regular expression is not complete" },
	{ "<script>'\\{{.T}}'</script>", "an escape sequence of a string is not complete" },
	{ "<script>/\\{{.T}}/</script>", "an escape sequence of a regular expression" },
	{ "<script>`\\{{.T}}`</script>", "must not be the last before an action" },
	{ "<script>`${{.E}}{x}`</script>", "must not be the last before an action" },
	{ "<style>'\\{{.T}}'</style>", "an escape sequence of a string is not complete" },
	{ "<style>a { b: url(\\{{.T}}) }</style>",
		"an escape sequence of a string is not complete" },
	{ "<script>'{{.T}}</script>", "ends in a non-text context: a string of a script" },
	{ "<script>`${ {{.T}}`</script>", "non-text context: a template literal of a script" },
	{ "<script>/*", "non-text context: a comment of a script" },
	{ "<script>/{{.T}}", "non-text context: a regular expression of a script" },
	{ "<style>a { b: '{{.T}}", "non-text context: a string of a style sheet" },
	{ "<i style=\"b: url({{.T}}", "non-text context: a URL of a style sheet" },
	{ "<i onclick=\"{{.T}}", "ends in a non-text context: a script" },
	{ "<script>a</scr{{.T}}ipt>", "an end tag is not complete" },
	{ "<script>a</script{{.T}}>", "an end tag is not complete" },
	{ "<style>a<{{.T}}</style>", "an end tag is not complete" },
	{ "<i onclick=\"f('&{{.T}}')\">", "write &amp;" },
	{ "<i onclick=\"f('&#3{{.T}}')\">", "write &amp;" },
	{ "<i style=\"a: 'b &quo{{.T}}'\">", "write &amp;" },
	{ "<script type=\"{{.T}}\">", "the action is in the type of a script, where nothing" },
	{ "<script type=\"text/{{if .T}}x{{end}}\">", "must stand in one piece" },
	{ "<script {{if .T}}type=\"text/x\"{{end}}>{{.T}}</script>", "end in different contexts" },
	{ "<i style=\"a: '/{{if .T}}?{{end}}{{.T}}'\">", "ambiguous context within a URL" },
	{ "<style>{{if .T}}'{{end}}</style>",
		"{{if}} branches end in different contexts: a string of a style sheet, a style sheet" },
	{ "<script>{{range .L}}'{{end}}</script>", "{{range}} ends in another context" },
	{ "<script>`${ {{if .T}}{ {{end}} }`</script>", "end in different contexts" },
	{ "<style>a { b: 1/{{.E}}*c }</style>", "in the middle of what could begin a comment or" },
	{ "<i style=\"a: {{.T}}url({{.U}})\">", "could begin a comment or url()" },
	{ "<style>a{{if .T}}Url ('{{.U}}'){{end}}</style>", "could begin a comment or url()" },
	{ "<i style=\"a: {{if .T}}1/{{end}}{{.E}}*{{.T}}\">", "could begin a comment or" },
	{ "<i style=\"a: 1/{{.E}}/c {{.T}}\">", "in the middle of what could begin a comment or" },
	{ "<script>{{range .L}}f('{{break}}'){{end}}</script>", "{{range}} ends in another" },
	{ "{{define \"r\"}}{{if .T}}{{template \"r\" .}}'{{end}}{{end}}<script>{{template \"r\" .}}",
		"in different contexts" },
	{ "<script>`${`${`${`${`${`${`${`${`${ {{.T}}", "within each other are too deep" },
	{ "<i style=a:'{{.T}}'>", "must not stand in a value without quotes" },
	{ "<script>{{.A | html | print}}</script>", "predefined escaper \"html\" disallowed" },
};

static void what_may_mean_two_things_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_refused(refused[i].in, refused[i].error);
}

/* -- values with methods -- */

static void print_point(const void *self, struct strbuf *out)
{
	strbuf_adds(out, "p'<1>");
}

static int json_point(const void *self, struct strbuf *out, unsigned depth)
{
	struct tvalue x = tvalue_string("<", 1);

	strbuf_adds(out, "{\"x\":");
	return tvalue_json_at(&x, out, depth) || (strbuf_addch(out, '}'), 0);
}

static const struct tvalue_class plain = { .name = "plain", .print = print_point },
				 marshaler = { .name = "marshaler",
					 .print = print_point,
					 .json = json_point },
				 stringer = { .name = "stringer",
					 .print = print_point,
					 .json = json_point,
					 .stringer = true };

static void assert_literal(const struct tvalue *value, const char *want)
{
	static const char text[] = "<script>{{.}}</script>";
	struct template_error err = { 0 };
	struct template_set *set = NULL;
	struct strbuf out = STRBUF_INIT;

	assert_int_equal(template_set_new(TEMPLATE_HTML, functions, &set), 0);
	assert_int_equal(template_parse(set, "t", text, strlen(text), &err), 0);
	assert_int_equal(template_execute(set, "t", value, NULL, NULL, &out, &err), 0);
	strbuf_truncate(&out, out.len - strlen("</script>"));
	assert_string_equal(out.s + strlen("<script>"), want);
	strbuf_release(&out);
	template_set_free(set);
}

static void objects_are_literals_by_what_they_can_do(void **state)
{
	const struct tvalue list = { .type = TVALUE_LIST, .list = { items, 2 } },
			    named = { .type = TVALUE_LIST, .list = { items, 2, &stringer } },
			    point = { .type = TVALUE_OBJECT, .object = { &stringer, "" } };
	const struct tvalue_pair fields[] = { { "a", &point }, { "b<", &list } };
	const struct {
		struct tvalue value;
		const char *want;
	} rows[] = {
		{ { .type = TVALUE_OBJECT, .object = { &plain, "" } }, " null " },
		{ { .type = TVALUE_OBJECT, .object = { &marshaler, "" } }, "{\"x\":\"\\u003c\"}" },
		{ point, "\"p'\\u003c1\\u003e\"" },
		{ named, "\"p'\\u003c1\\u003e\"" },
		/* Within others a Stringer is what its JSON is. */
		{ { .type = TVALUE_MAP, .map = { fields, 2 } },
			"{\"a\":{\"x\":\"\\u003c\"},\"b\\u003c\":[\"\\u003c1\\u003e\",\"2\"]}" },
		{ { .type = TVALUE_MAP, .map = { fields, 2, .class = &stringer } },
			"\"p'\\u003c1\\u003e\"" },
		{ tvalue_float(NAN), " /* json: unsupported value: NaN */null " },
		{ tvalue_float(-INFINITY), " /* json: unsupported value: -Inf */null " },
		{ { .type = TVALUE_NIL }, " null " },
	};
	struct tvalue nested[70];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_literal(&rows[i].value, rows[i].want);
	nested[0] = tvalue_int(1);
	for (size_t i = 1; i < ARRAY_SIZE(nested); i++)
		nested[i] = (struct tvalue){ .type = TVALUE_LIST, .list = { &nested[i - 1], 1 } };
	assert_literal(&nested[69], " null ");
}

static int render_under_failure(void *userdata)
{
	struct strbuf out = STRBUF_INIT;
	struct template_error err;
	int result;

	result = render(
		"<style>a { b: {{.T}} '{{.A}}' url({{.U}}) } /* c */</style><script>f({{.L}}, '{{.A}}',"
		" /{{.A}}/, `{{.A}}${ {{.T}} }`) // c</script><i onclick=\"f('&lt;{{html .A}}')\""
		" style=\"a: url('&lt;{{.U | urlquery}}')\"><img srcset=\"{{.U}},{{.U | safeUrl}}\">",
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
		cmocka_unit_test(values_in_styles_stay_values),
		cmocka_unit_test(values_in_scripts_stay_literals),
		cmocka_unit_test(lists_of_images_are_urls_and_sizes),
		cmocka_unit_test(what_may_mean_two_things_is_refused),
		cmocka_unit_test(objects_are_literals_by_what_they_can_do),
		cmocka_unit_test(it_survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, make_root, NULL);
}
