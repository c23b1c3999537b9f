/*
 * tree.h - a YAML document as a tree of nodes that know their place.
 *
 * The parser is libyaml's, read event by event, so that a hostile file costs what it holds and no
 * more: depth, size and what aliases expand to are limited before anybody walks the tree. An alias is
 * a second pointer to the anchor's node, not a copy. Merge keys (<<) are already resolved.
 * It does not know what the keys mean.
 */
#ifndef TOLLD_CONFIG_TREE_H
#define TOLLD_CONFIG_TREE_H

#include "base/arena.h"
#include "base/diag.h"

/* Larger files are refused before they are read to their end. */
#define TREE_MAX_BYTES ((size_t)8 << 20)
/* Lists and mappings within each other. */
#define TREE_MAX_DEPTH 100u
/* Values of a document, counted as often as aliases repeat them. */
#define TREE_MAX_NODES ((size_t)300000)

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_pair {
	struct tree_node *key; /* a scalar */
	struct tree_node *value;
};

struct tree_node {
	enum tree_kind kind;
	bool null;	 /* a scalar that says nothing: empty, ~ or null, without quotes */
	bool plain;	 /* a scalar without quotes: it may be meant as a number or a truth value */
	bool open;	 /* its end was not reached yet; never set in a finished tree */
	struct pos pos;	 /* of the value itself, after its anchor and tag */
	size_t from, to; /* the same as bytes of the source; `to` only for scalars */
	size_t weight;	 /* nodes below and this one, aliases counted in full */
	size_t n, cap;	 /* items or pairs */
	union {
		struct {
			char *s; /* NUL-terminated; may hold NUL bytes in addition */
			size_t len;
		} text;
		struct tree_node **items;
		struct tree_pair *pairs;
	};
};

/*
 * Reads the first document of a source. *ret is the arena's, and NULL where there is no document.
 * Returns 0; -EINVAL with the faults in diag; -ENOMEM. Duplicate keys and the like are told and
 * the rest is read all the same, so *ret may be set although diag has errors.
 */
int tree_parse(
	struct source *source, struct arena *arena, struct diag *diag, struct tree_node **ret);

/* The pair of a key, or NULL; NULL too where node is no mapping. */
const struct tree_pair *tree_get(const struct tree_node *node, const char *key);
/* Whether two nodes say the same, whatever their places and quotes. */
bool tree_equal(const struct tree_node *a, const struct tree_node *b);
/* "a list", "a mapping", "a text", "nothing": for sentences about what stands there instead. */
const char *tree_describe(const struct tree_node *node);

#endif
