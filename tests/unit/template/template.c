/* Go's text/template: what it prints, what it refuses, and where its limits are. */
#include "render.h"

#include <math.h>

static int fn_upper(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	char *copy;

	if (args[0].type != TVALUE_STRING)
		return template_call_fail(call, "upper wants a string");
	copy = arena_strdup(call->arena, args[0].str.s);
	if (!copy)
		return -ENOMEM;
	for (char *p = copy; *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	*ret = tvalue_string(copy, strlen(copy));
	return 0;
}

static const struct template_function functions[] = {
	{ "upper", 1, 1, fn_upper },
	{ NULL, 0, 0, NULL },
};

static int greet(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	if (streq(name, "Hello")) {
		char *text = arena_printf(call->arena, "hello %s", n ? args[0].str.s : "you");

		*ret = tvalue_string(text, strlen(text));
		return 0;
	}
	if (streq(name, "Broken"))
		return template_call_fail(call, "it is broken");
	return -ENOENT;
}

static const struct tvalue_class greeter = { .name = "greeter", .get = greet };

/* {A: "x", F: 1.5, G: greeter, L: [1 2 3], M: {a: 1st, b: 2nd}, N: 7, S: ["p" "q"],
 * T: struct pair {First: 1, Second: "x"}, Z: NaN} */
static struct tvalue ints[3], texts[2], members[9], inner[2];
static struct tvalue_pair inner_pairs[2], fields[2], pairs[9];
static struct tvalue root;

static void make_root(void)
{
	static const char *const names[] = { "A", "F", "G", "L", "M", "N", "S", "T", "Z" };

	for (int i = 0; i < 3; i++)
		ints[i] = tvalue_int(i + 1);
	texts[0] = tvalue_string("p", 1);
	texts[1] = tvalue_string("q", 1);
	inner[0] = tvalue_string("1st", 3);
	inner[1] = tvalue_string("2nd", 3);
	inner_pairs[0] = (struct tvalue_pair){ "a", &inner[0] };
	inner_pairs[1] = (struct tvalue_pair){ "b", &inner[1] };
	members[0] = tvalue_string("x", 1);
	members[1] = tvalue_float(1.5);
	members[2] = (struct tvalue){ .type = TVALUE_OBJECT, .object = { &greeter, NULL } };
	members[3] = (struct tvalue){ .type = TVALUE_LIST, .list = { ints, 3 } };
	members[4] = (struct tvalue){ .type = TVALUE_MAP, .map = { inner_pairs, 2, true } };
	members[5] = tvalue_int(7);
	members[6] = (struct tvalue){ .type = TVALUE_LIST, .list = { texts, 2 } };
	fields[0] = (struct tvalue_pair){ "First", &ints[0] };
	fields[1] = (struct tvalue_pair){ "Second", &members[0] };
	members[7] = (struct tvalue){ .type = TVALUE_MAP,
		.map = { .pairs = fields, .n = 2, .struct_type = "pair" } };
	members[8] = tvalue_float(NAN);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		pairs[i] = (struct tvalue_pair){ names[i], &members[i] };
	root = (struct tvalue){ .type = TVALUE_MAP, .map = { pairs, ARRAY_SIZE(pairs) } };
}

static int render(const char *text, struct strbuf *out, struct template_error *err)
{
	return render_as(TEMPLATE_TEXT, functions, &root, text, out, err);
}

static const struct {
	const char *in, *out;
} good[] = {
	{ "", "" },
	{ "plain } text", "plain } text" },
	{ "{{.A}} {{.N}} {{.F}}", "x 7 1.5" },
	{ "a {{- .A -}} \n b", "axb" },
	{ "a{{/* c */}}b {{- /* d */ -}} c", "abc" },
	{ "{{.missing}}|{{.M.missing}}|{{.M.a}}", "<no value>||1st" },
	{ "{{.L}} {{.M}} {{.S}}", "[1 2 3] map[a:1st b:2nd] [p q]" },
	{ "{{if .A}}yes{{else}}no{{end}}", "yes" },
	{ "{{if .missing}}1{{else if eq .N 7}}2{{else}}3{{end}}", "2" },
	{ "{{if and .A (gt .N 5) (not .missing)}}t{{end}}", "t" },
	{ "{{or .missing .A}} {{and .missing .G.Broken}}", "x <no value>" },
	{ "{{range .L}}{{.}},{{end}}", "1,2,3," },
	{ "{{range $i, $e := .L}}{{$i}}={{$e}} {{end}}", "0=1 1=2 2=3 " },
	{ "{{range $k, $v := .M}}{{$k}}:{{$v}};{{end}}", "a:1st;b:2nd;" },
	{ "{{range .missing}}x{{else}}none{{end}}", "none" },
	{ "{{range .L}}{{if eq . 2}}{{continue}}{{end}}{{.}}{{end}}", "13" },
	{ "{{range .L}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}", "1" },
	{ "{{range 3}}{{.}}{{end}}", "012" },
	{ "{{with .M}}{{.b}}{{end}}{{with .missing}}x{{else}}y{{end}}", "2ndy" },
	{ "{{$x := 1}}{{range .L}}{{$x = .}}{{end}}{{$x}}", "3" },
	{ "{{$x := .A}}{{if true}}{{$x := \"in\"}}{{$x}}{{end}}{{$x}}", "inx" },
	{ "{{define \"d\"}}<{{.}}{{$}}>{{end}}{{template \"d\" .A}}{{template \"d\"}}",
		"<xx><<no value><no value>>" },
	{ "{{block \"b\" .N}}[{{.}}]{{end}}", "[7]" },
	{ "{{.G.Hello}} {{.G.Hello \"me\"}} {{\"it\" | .G.Hello}}", "hello you hello me hello it" },
	{ "{{.A | upper | printf \"%s-%s\" \"y\"}}", "y-X" },
	{ "{{(index .S 1) | printf \"%q\"}} {{index .M \"b\"}} {{len .L}}{{len .A}}",
		"\"q\" 2nd 31" },
	{ "{{slice .A 0 1}} {{slice .L 1}}", "x [2 3]" },
	{ "{{printf \"%d %5d|%-5d|%05d %x %.2f %6.1f %s %v %t %%\" 1 2 3 4 255 1.5 2.25 \"s\" .F true}}",
		"1     2|3    |00004 ff 1.50    2.2 s 1.5 true %" },
	{ "{{printf \"%d\" \"s\"}} {{printf \"%s\"}} {{printf \"x\" 1}}",
		"%!d(string=s) %!s(MISSING) x%!(EXTRA int=1)" },
	{ "{{printf \"%.3s|%8s|%-4s|%+d|%e|%g\" \"abcdef\" \"r\" \"l\" 5 1500.0 1e21}}",
		"abc|       r|l   |+5|1.500000e+03|1e+21" },
	/* What does not fit a verb stands there by %v with the same flags. */
	{ "{{printf \"%8d|%-6s|%+d|%.3e|%5t\" 1.5 2 2.5 7 \"s\"}}",
		"%!d(float64=     1.5)|%!s(int=2     )|%!d(float64=+2.5)|%!e(int=007)|%!t(string=    s)" },
	{ "{{printf \"%#08x|%#x|%08.3d|%.0d|%5.0d|%+05d|%#o|%#O|%#b\" 255 255 5 0 0 7 8 8 5}}",
		"0x000000ff|0xff|     005||     |+0007|010|0o010|0b101" },
	{ "{{printf \"%+v|%+v|% f|%05s|%-05s|%06c|%05v\" 1.5 2 .Z \"abc\" \"abc\" 'x' .Z}}",
		"1.5|2| NaN|00abc|abc  |00000x|  NaN" },
	{ "{{printf \"%#g|%#.3g|%#.0f|%#e|%#v|%#q|%+q|%#U|%.3T\" 1.5 2.0 3.0 1e21 \"a\" \"b`\" \"\u00e9\" 'x' 1}}",
		"1.50000|2.00|3.|1.000000e+21|\"a\"|\"b`\"|\"\\u00e9\"|U+0078 'x'|int" },
	{ "{{print 1 2 \"a\" 3 4}} {{println 1 \"b\"}}", "1 2a3 4 1 b\n" },
	{ "{{eq 1 1}} {{eq \"a\" \"b\" \"a\"}} {{ne 1 2}} {{lt 1.5 2.5}} {{ge \"b\" \"a\"}}",
		"true true true true true" },
	{ "{{html \"<a>\"}} {{urlquery \"a b&\"}} {{js \"it's\"}}", "&lt;a&gt; a+b%26 it\\'s" },
	{ "{{`raw \\n`}} {{\"q\\\"\\t\\u00e4\"}} {{'a'}} {{0x10}} {{1_000}} {{1e3}} {{-3}}",
		"raw \\n q\"\t\xc3\xa4 97 16 1000 1000 -3" },
	{ "{{1e6}} {{1000000.5}} {{.F | printf \"%v\"}}", "1e+06 1.0000005e+06 1.5" },
	{ "{{printf \"%T %T %T %T\" 1e3 1 'a' 0x1e}}", "float64 int int int" },
	{ "{{$x := .missing}}{{$x}} {{$x.foo}} {{printf \"%v %s %d\" .missing nil $x}}",
		"<no value> <no value> <nil> %!s(<nil>) %!d(<nil>)" },
	{ "{{eq .missing \"x\"}} {{eq .missing nil}} {{ne .A nil}}", "false true true" },
	{ "{{gt .Z 1.0}} {{ge .Z 1.0}} {{lt .Z 1.0}} {{le .Z 1.0}} {{eq .Z .Z}}",
		"true true false false false" },
	{ "{{range .L}}{{range $.missing}}{{else}}{{continue}}{{end}}x{{end}}.", "." },
	{ "{{range .L}}{{range $.missing}}{{else}}{{break}}{{end}}x{{end}}.", "xxx." },
	{ "{{printf \"%[2]s %[1]d %[9]d\" 7 \"s\"}}", "s 7 %!d(BADINDEX)" },
	{ "{{printf \"%.3d %+.2d %q %02d %v\" 5 -7 .S .L .T}}",
		"005 -07 [\"p\" \"q\"] [01 02 03] {1 x}" },
	{ "{{.T}} {{.T.Second}} {{if .T}}t{{end}} {{printf \"%06.1f\" .Z}}", "{1 x} x t    NaN" },
	{ "{{- 3 -}}", "3" },
	{ "{{0b11}} {{0o17}} {{0X_1f}} {{-0x10}} {{017}} {{1_000.5}}", "3 15 31 -16 15 1000.5" },
	{ "{{-9223372036854775808}} {{9223372036854775807}}",
		"-9223372036854775808 9223372036854775807" },
	{ "{{html}}{{js}}{{urlquery}}|{{html nil 1}} {{urlquery .missing}}",
		"|&lt;no value&gt;1 %3Cno+value%3E" },
	{ "{{js \"<b>&=\\n\\u00e9\\u2028\"}}",
		"\\u003Cb\\u003E\\u0026\\u003D\\u000A\u00e9\\u2028" },
	{ "{{printf \"%q %q %q\" 1 39 34}}", "'\\x01' '\\'' '\"'" },
	{ "{{printf \"%*d|%.*f|%*d\" 4 7 1 2.25}}", "   7|2.2|%!(BADWIDTH)%!d(MISSING)" },
	{ "{{printf \"%*d\" \"x\" 7}}", "%!(BADWIDTH)7" },
	{ "{{printf \"%x % x %#x % #X %.1x\" \"ab\" \"ab\" \"ab\" \"ab\" \"ab\"}}",
		"6162 61 62 0x6162 0X61 0X62 61" },
	{ "{{printf \"%x %X %x %x\" 8.0 0.12254160363086232 -16.9921875 0.0}}",
		"0x1p+03 0X1.F5EE2F3FE7369P-04 -0x1.0fep+04 0x0p+00" },
	{ "{{printf \"%.1x %8.0X|%.20x %.2x %.0x %.0x %.0x\" 0.12254160363086232 0.12254160363086232 "
	  "0.12254160363086232 0.0 1.5 2.5 1.75}}",
		"0x1.fp-04  0X1P-03|0x1.f5ee2f3fe73690000000p-04 0x0.00p+00 0x1p+01 0x1p+01 "
		"0x1p+01" },
	{ "{{printf \"%b %b %b %x %b %x\" 1.0 0.0 0.12254160363086232 5e-324 5e-324 1.7976931348623157e308}}",
		"4503599627370496p-52 0p-1074 8830053127189353p-56 0x1p-1074 1p-1074 "
		"0x1.fffffffffffffp+1023" },
	{ "{{printf \"%E %G %X %+E\" .Z .Z .Z .Z}}", "NaN NaN NaN +NaN" },
	{ "{{eq nil nil}}", "true" },
};

static void it_prints_what_go_prints(void **state)
{
	struct template_error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct strbuf out = STRBUF_INIT;

		if (render(good[i].in, &out, &err))
			fail_msg("%s: %s", good[i].in, err.text);
		if (!streq(out.s, good[i].out))
			fail_msg("%s\n gives %s\n not   %s", good[i].in, out.s, good[i].out);
		strbuf_release(&out);
	}
}

static const struct {
	const char *in, *error;
} bad[] = {
	{ "{{", "unclosed action" },
	{ "{{ .A", "unclosed action" },
	{ "{{}}", "missing value" },
	{ "{{nosuch .A}}", "function \"nosuch\" not defined" },
	{ "{{$x}}", "undefined variable \"$x\"" },
	{ "{{if true}}{{$y := 1}}{{end}}{{$y}}", "undefined variable \"$y\"" },
	{ "{{if .A}}", "unexpected EOF" },
	{ "{{end}}", "unexpected {{end}}" },
	{ "{{else}}", "unexpected {{else}}" },
	{ "{{break}}", "outside {{range}}" },
	{ "{{/* never", "unclosed comment" },
	{ "{{\"open}}", "unterminated" },
	{ "{{template \"none\"}}", "not defined" },
	{ "{{define}}{{end}}", "missing name" },
	{ "{{if .A}}{{define \"d\"}}{{end}}{{end}}", "unexpected {{define}}" },
	{ "{{define \"d\"}}{{define \"e\"}}{{end}}{{end}}", "unexpected {{define}}" },
	{ "{{1__0}}", "bad number syntax" },
	{ "{{1_}}", "bad number syntax" },
	{ "{{0b12}}", "bad number syntax" },
	{ "{{9223372036854775808}}", "integer overflow" },
	{ "{{-9223372036854775809}}", "integer overflow" },
	{ "{{1 | 2}}", "non executable command" },
	{ "{{.A.B}}", "can't evaluate field B in type string" },
	{ "{{.G.Nothing}}", "can't evaluate field Nothing in type greeter" },
	{ "{{.G.Broken}}", "it is broken" },
	{ "{{upper 1}}", "upper wants a string" },
	{ "{{upper}}", "wrong number of args for upper: want 1 got 0" },
	{ "{{index .L 9}}", "out of range" },
	{ "{{eq 1 \"a\"}}", "incompatible types" },
	{ "{{eq 1.5 1}}", "incompatible types" },
	{ "{{lt .L 1}}", "invalid type" },
	{ "{{len 3}}", "len of type int" },
	{ "{{range .A}}{{end}}", "range can't iterate" },
	{ "{{.A \"arg\"}}", "not a method" },
	{ "{{define \"r\"}}{{template \"r\"}}{{end}}{{template \"r\"}}", "maximum" },
	{ "{{nil}}", "nil is not a command" },
	{ "{{nil | eq nil}}", "nil is not a command" },
	{ "{{.missing.foo}}", "nil pointer evaluating interface {}.foo" },
	{ "{{..A}}", "unexpected . after" },
	{ "{{nil.A}}", "unexpected . after" },
	{ "{{\"a\".A}}", "unexpected . after" },
	{ "{{99999999999999999999}}", "integer overflow" },
	{ "{{08}}", "bad number syntax" },
	{ "{{1e}}", "bad number syntax" },
	{ "{{.T.Third}}", "can't evaluate field Third in type pair" },
	{ "{{range .T}}{{end}}", "range can't iterate over a value of type pair" },
	{ "{{index .T \"First\"}}", "can't index item of type pair" },
	{ "{{len .T}}", "len of type pair" },
	{ "line one\n  {{.A.B}}", "template: t:2:" },
};

static void it_refuses_what_go_refuses(void **state)
{
	struct template_error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct strbuf out = STRBUF_INIT;

		if (render(bad[i].in, &out, &err) != -EINVAL)
			fail_msg("%s was taken and gives %s", bad[i].in, out.s);
		if (!strstr(err.text, bad[i].error))
			fail_msg("%s: %s", bad[i].in, err.text);
		assert_int_equal(out.len, 0);
		strbuf_release(&out);
	}
}

static void depth_steps_and_output_have_limits(void **state)
{
	struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	struct template_error err = { 0 };

	for (int i = 0; i < 100000; i++)
		strbuf_addch(&text, '(');
	assert_int_equal(render(text.s, &out, &err), 0); /* no action: plain text */
	strbuf_reset(&out);
	strbuf_reset(&text);
	strbuf_adds(&text, "{{");
	for (int i = 0; i < 100000; i++)
		strbuf_addch(&text, '(');
	assert_int_equal(render(text.s, &out, &err), -EINVAL);
	assert_int_equal(
		render("{{range 100000}}{{range 100000}}{{end}}{{end}}", &out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "steps"));
	assert_int_equal(render("{{range 100000}}0123456789abcdef{{end}}", &out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "output is larger"));
	assert_int_equal(out.len, 0);
	strbuf_reset(&text);
	strbuf_adds(&text, "{{if .missing}}");
	for (int i = 0; i < 100000; i++)
		strbuf_adds(&text, "{{else if .missing}}");
	strbuf_adds(&text, "{{end}}");
	assert_int_equal(render(text.s, &out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "deep"));
	/* Each call nests as deep as a text may. */
	strbuf_reset(&text);
	strbuf_adds(&text, "{{define \"r\"}}");
	for (int i = 0; i < 90; i++)
		strbuf_adds(&text, "{{range 1}}");
	strbuf_adds(&text, "{{template \"r\"}}");
	for (int i = 0; i < 91; i++)
		strbuf_adds(&text, "{{end}}");
	strbuf_adds(&text, "{{template \"r\"}}");
	assert_int_equal(render(text.s, &out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "maximum nesting"));
	strbuf_release(&out);
	strbuf_release(&text);
}

static int render_under_failure(void *userdata)
{
	struct strbuf out = STRBUF_INIT;
	struct template_error err;
	int result;

	result = render("{{define \"d\"}}{{.}}{{end}}{{range $i, $e := .L}}{{$e | printf \"%d\"}}"
			"{{template \"d\" (.)}}{{end}}"
			/* More than one block of the parser's memory. */
			"{{`a text that is long` | printf \"%s\"}}{{\"another one\" | print}}"
			"{{.S}}{{.S}}{{.S}}{{.S}}{{.S}}{{.S}}{{.S}}{{.S}}{{.S}}{{.S}}{{.S}}"
			"{{if .A}}{{range $long_name := .L}}{{$long_name}}{{end}}{{end}}"
			"{{print `1` `2` `3` `4` `5` `6` `7` `8` `9` \"a\" \"b\" \"c\" \"d\"}}",
		&out, &err);
	strbuf_release(&out);
	return result;
}

static void it_survives_failing_allocations(void **state)
{
	with_failing_allocations(render_under_failure, NULL);
}

static int setup(void **state)
{
	make_root();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_prints_what_go_prints),
		cmocka_unit_test(it_refuses_what_go_refuses),
		cmocka_unit_test(depth_steps_and_output_have_limits),
		cmocka_unit_test(it_survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
