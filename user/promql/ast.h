/*
 * ast.h - PromQL's syntax tree, as Prometheus builds it.
 *
 * All nodes live in the arena of their expression. Label names are interned, so that evaluation
 * compares pointers.
 */
#ifndef TOLLD_PROMQL_AST_H
#define TOLLD_PROMQL_AST_H

#include "promql/promql.h"

/* Bytes of the expression's text. */
struct span {
	size_t from, to;
};

enum node_kind {
	NODE_NUMBER,
	NODE_STRING,
	NODE_PAREN,
	NODE_UNARY,
	NODE_BINARY,
	NODE_AGGREGATE,
	NODE_CALL,
	NODE_VECTOR,
	NODE_MATRIX,
	NODE_SUBQUERY,
};

/* In the order of the lexer's tokens. */
enum binary_op {
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_POW,
	OP_ATAN2,
	OP_EQL,
	OP_NEQ,
	OP_LTE,
	OP_LSS,
	OP_GTE,
	OP_GTR,
	OP_TRIM_UPPER,
	OP_TRIM_LOWER,
	OP_AND,
	OP_OR,
	OP_UNLESS,
};

#define BINARY_OPS (OP_UNLESS + 1)

const char *binary_op_text(enum binary_op op);

static inline bool binary_op_is_comparison(enum binary_op op)
{
	return op >= OP_EQL && op <= OP_GTR;
}

static inline bool binary_op_is_set(enum binary_op op)
{
	return op >= OP_AND;
}

/* Interned names of labels. */
struct names {
	const char **v;
	size_t n;
};

enum duration_kind {
	DURATION_NUMBER,
	DURATION_UNARY,
	DURATION_BINARY,
	DURATION_STEP,
	DURATION_RANGE,
	DURATION_MIN_OF,
	DURATION_MAX_OF,
};

/* Arithmetic inside brackets and behind `offset`: experimental in Prometheus. */
struct duration_expr {
	enum duration_kind kind;
	enum binary_op op;
	bool wrapped;	  /* in parentheses */
	bool is_duration; /* a number that was written as 5m */
	double seconds;
	struct duration_expr *left, *right;
	struct span span;
	unsigned depth;
};

enum at_kind { AT_NONE, AT_TIME, AT_START, AT_END };

/* The modifiers `offset` and `@`. */
struct shift {
	int64_t offset_ms;
	const struct duration_expr *offset_expr; /* instead of offset_ms */
	enum at_kind at;
	int64_t at_wall_ms;
};

enum matching_card { CARD_ONE_TO_ONE, CARD_MANY_TO_ONE, CARD_ONE_TO_MANY };

/* How the two sides of a binary operation find each other. */
struct matching {
	bool on; /* by these labels; otherwise by all but these */
	struct names labels;
	enum matching_card card;
	struct names include;
	bool fill_left, fill_right, fill_both; /* both: by one word */
	double fill_left_value, fill_right_value;
};

enum extension { EXTENSION_NONE, EXTENSION_ANCHORED, EXTENSION_SMOOTHED };

struct function;
struct aggregation;

struct node {
	enum node_kind kind;
	struct span span;
	unsigned depth; /* of the tree below, itself included */
	union {
		struct {
			double value;
			bool is_duration;
		} number;
		struct {
			const char *s;
			size_t len;
		} string;
		struct node *paren;
		struct {
			bool minus;
			struct node *operand;
		} unary;
		struct {
			enum binary_op op;
			bool returns_bool;
			struct matching matching;
			struct node *left, *right;
			struct span op_span;
		} binary;
		struct {
			const struct aggregation *aggregation;
			bool without;
			struct names grouping;
			struct node *param; /* NULL where it takes none */
			struct node *operand;
		} aggregate;
		struct {
			const struct function *function;
			struct node **args;
			size_t n_args;
		} call;
		struct {
			const char *name;		 /* before the braces; NULL */
			const struct matcher **matchers; /* the name's is the last */
			size_t n_matchers;
			struct shift shift;
			enum extension extension;
			bool labels_only; /* of info(): may be without a matcher that excludes "" */
		} vector;
		struct {
			struct node *vector; /* its shift is the matrix's */
			int64_t range_ms;
			const struct duration_expr *range_expr;
		} matrix;
		struct {
			struct node *operand;
			int64_t range_ms, step_ms; /* step 0: the default */
			const struct duration_expr *range_expr, *step_expr;
			struct shift shift;
		} subquery;
	};
};

struct promql_expr {
	struct arena arena;
	const char *text;
	size_t len;
	struct node *root;
	/* What the tree points to and the arena does not free. */
	struct matcher **matchers;
	size_t n_matchers, matchers_cap;
	const char **interned;
	size_t n_interned, interned_cap;
};

enum promql_type node_type(const struct node *node);
/* The node without the parentheses around it. */
const struct node *node_unwrap(const struct node *node);

/* The nodes below a node, in the order of the text. */
size_t node_children(const struct node *node, size_t i, const struct node **ret);
#define node_foreach_child(node, child)                                                            \
	for (const struct node *child, *child##_first = (node); child##_first;                     \
		child##_first = NULL)                                                              \
		for (size_t child##_i = 0; node_children((node), child##_i, &child); child##_i++)

/* Fills *err; returns -EINVAL. */
int promql_fault(struct promql_error *err, struct span span, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
int promql_vfault(struct promql_error *err, struct span span, const char *fmt, va_list args)
	PRINTF_LIKE(3, 0);

/* parser.c: builds expr->root. */
int promql_parse_tree(struct promql_expr *expr, struct promql_error *err);
/* check.c: types, arguments, matching. Fills in what depends on types. 0 or -EINVAL. */
int promql_check_tree(struct node *root, struct promql_error *err);

#endif
