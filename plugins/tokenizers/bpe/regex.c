// SPDX-License-Identifier: Apache-2.0
/*
 * regex.c - rewrite a regular expression from Oniguruma's Ruby syntax, which
 * tokenizer.json is written in, to one by which PCRE2 finds the same.
 *
 * What differs, and is rewritten:
 *	\s \S		PCRE2 adds U+180E
 *	\w \b \h \v	other sets (\h is a hexadecimal digit, \v a vertical tab)
 *	\p{Han}		Script_Extensions in PCRE2; long category names, POSIX names
 *	[a[bc]] [a&&b]	nested classes and intersections: PCRE2 reads other classes
 *	a{1,3}+		a repeated repeat, not possessive; a{2}? and a{,3} likewise
 *	(?i) (?m)	an option in the middle reaches over the following branches;
 *			m is PCRE2's s
 *	\uHHHH		\x{HHHH}
 * What PCRE2 cannot say the same way is refused by name.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pattern.h"

/* Longer ones are no tokenizer's, and rewriting stacked repeats is quadratic. */
#define REGEX_MAX 65536
#define NESTING_MAX 100

#define ANY_CHAR "(?s:.)"
#define SPACE_ITEMS                                                                                \
	"\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"         \
	"\\x{202f}\\x{205f}\\x{3000}"
#define NOT_SPACE_ITEMS                                                                            \
	"\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}"               \
	"\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}"             \
	"\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}"
#define WORD_ITEMS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
/* Outside classes \w and \b also take in Latin-1's superscripts and fractions. */
#define WORD_ESCAPE_ITEMS WORD_ITEMS "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define AFTER_WORD "(?<=[" WORD_ESCAPE_ITEMS "])"
#define NOT_AFTER_WORD "(?<![" WORD_ESCAPE_ITEMS "])"
#define BEFORE_WORD "(?=[" WORD_ESCAPE_ITEMS "])"
#define NOT_BEFORE_WORD "(?![" WORD_ESCAPE_ITEMS "])"

struct rewriter {
	const char *src; /* the rest of the expression */
	const char *end;
	const char *begin;
	const char *path;
	struct aios_status *st;
	int depth;
	struct text out;
};

/* The contents of a class: what PCRE2 takes as items, and what needs alternatives. */
struct charset {
	struct text items;  /* "a-z\p{L}" */
	struct text others; /* "(?!..).|[..]" */
};

/* A named set of characters as class items; `negated` for its complement, or NULL. */
struct named_set {
	const char *name;
	const char *items;
	const char *negated;
};

static const struct named_set posix_sets[] = {
	{ "alnum", "\\p{Alphabetic}\\p{Nd}", NULL },
	{ "alpha", "\\p{Alphabetic}", "\\P{Alphabetic}" },
	{ "any", "\\x{0}-\\x{10ffff}", NULL },
	{ "ascii", "\\x{0}-\\x{7f}", "\\x{80}-\\x{10ffff}" },
	{ "assigned", "\\P{Cn}", "\\p{Cn}" },
	{ "blank", "\\p{Zs}\\x{9}", NULL },
	{ "cntrl", "\\p{Cc}", "\\P{Cc}" },
	{ "digit", "\\p{Nd}", "\\P{Nd}" },
	{ "lower", "\\p{Lowercase}", "\\P{Lowercase}" },
	{ "punct", "\\p{P}\\p{S}", NULL },
	{ "space", SPACE_ITEMS, NOT_SPACE_ITEMS },
	{ "upper", "\\p{Uppercase}", "\\P{Uppercase}" },
	{ "word", WORD_ITEMS, NULL },
	{ "xdigit", "0-9A-Fa-f", NULL },
};

/* Long names of general categories: PCRE2 knows only the short ones. */
static const char *const categories[][2] = {
	{ "other", "C" },
	{ "control", "Cc" },
	{ "format", "Cf" },
	{ "unassigned", "Cn" },
	{ "privateuse", "Co" },
	{ "surrogate", "Cs" },
	{ "letter", "L" },
	{ "casedletter", "L&" },
	{ "lc", "L&" },
	{ "lowercaseletter", "Ll" },
	{ "modifierletter", "Lm" },
	{ "otherletter", "Lo" },
	{ "titlecaseletter", "Lt" },
	{ "uppercaseletter", "Lu" },
	{ "mark", "M" },
	{ "combiningmark", "M" },
	{ "spacingmark", "Mc" },
	{ "enclosingmark", "Me" },
	{ "nonspacingmark", "Mn" },
	{ "number", "N" },
	{ "decimalnumber", "Nd" },
	{ "letternumber", "Nl" },
	{ "othernumber", "No" },
	{ "punctuation", "P" },
	{ "punct", "P" }, /* unlike [:punct:] */
	{ "connectorpunctuation", "Pc" },
	{ "dashpunctuation", "Pd" },
	{ "closepunctuation", "Pe" },
	{ "finalpunctuation", "Pf" },
	{ "initialpunctuation", "Pi" },
	{ "otherpunctuation", "Po" },
	{ "openpunctuation", "Ps" },
	{ "symbol", "S" },
	{ "currencysymbol", "Sc" },
	{ "modifiersymbol", "Sk" },
	{ "mathsymbol", "Sm" },
	{ "othersymbol", "So" },
	{ "separator", "Z" },
	{ "lineseparator", "Zl" },
	{ "paragraphseparator", "Zp" },
	{ "spaceseparator", "Zs" },
};

static int branches(struct rewriter *r);
static int class_expression(struct rewriter *r, struct charset *simple, struct text *out);

static int refuse(const struct rewriter *r, const char *what)
{
	char near[48];

	json_quote(near, sizeof(near), r->src, (size_t)(r->end - r->src));
	return aios_fail(r->st, -EINVAL,
			 "%s: %s in the regular expression at offset %zu, before \"%s\"", r->path,
			 what, (size_t)(r->src - r->begin), near);
}

static void charset_finish(struct charset *set)
{
	text_finish(&set->items);
	text_finish(&set->others);
}

static int add_other(struct charset *set, const char *expr, size_t len)
{
	if (set->others.len > 0 && text_append(&set->others, "|", 1))
		return -ENOMEM;
	return text_append(&set->others, expr, len);
}

/* An expression for one character that is not in `items`. */
static int add_complement(struct charset *set, const char *items)
{
	if ((set->others.len > 0 && text_append(&set->others, "|", 1)) ||
	    text_append_string(&set->others, "[^") || text_append_string(&set->others, items) ||
	    text_append(&set->others, "]", 1))
		return -ENOMEM;
	return 0;
}

static int add_named(struct charset *set, const struct named_set *named, bool negated)
{
	if (!negated)
		return text_append_string(&set->items, named->items);
	if (named->negated)
		return text_append_string(&set->items, named->negated);
	return add_complement(set, named->items);
}

static int add_code(struct text *out, uint32_t code)
{
	char escape[16];

	if (code < 0x80 && isalnum((int)code))
		return text_append_char(out, code);
	snprintf(escape, sizeof(escape), "\\x{%x}", (unsigned int)code);
	return text_append_string(out, escape);
}

/* Names are compared without case, space, '_' and '-'. */
static bool plain_name(const char *name, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (name[i] == ' ' || name[i] == '_' || name[i] == '-')
			continue;
		if (!isalnum((unsigned char)name[i]) || n + 1 >= size)
			return false;
		out[n++] = (char)tolower((unsigned char)name[i]);
	}
	out[n] = '\0';
	return n > 0;
}

static const struct named_set *find_posix(const char *name)
{
	for (size_t i = 0; i < sizeof(posix_sets) / sizeof(posix_sets[0]); i++)
		if (strcmp(posix_sets[i].name, name) == 0)
			return &posix_sets[i];
	return NULL;
}

static bool pcre2_knows(const char *property)
{
	char probe[80];
	pcre2_code *code;
	PCRE2_SIZE offset;
	int error;

	snprintf(probe, sizeof(probe), "\\p{%s}", property);
	code = pcre2_compile((PCRE2_SPTR)probe, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
			     &error, &offset, NULL);
	pcre2_code_free(code);
	return code != NULL;
}

static const char *short_category(const char *name)
{
	for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++)
		if (strcmp(categories[i][0], name) == 0)
			return categories[i][1];
	return NULL;
}

/* What PCRE2 calls the property: a script as Script, not extended. */
static bool pcre2_property(const char *name, char *out, size_t size)
{
	snprintf(out, size, "sc:%s", name);
	if (strlen(name) > 2 && pcre2_knows(out))
		return true;
	snprintf(out, size, "%s", name);
	return pcre2_knows(out);
}

/* \p{Name}, \p{^Name}, \P{Name} with r->src at the '{'. */
static int property(struct rewriter *r, bool negated, struct charset *set)
{
	const struct named_set *named;
	const char *category;
	const char *close;
	char name[48];
	char known[56];
	char item[72];

	if (r->src == r->end || *r->src != '{')
		return refuse(r, "\\p without {name}");
	r->src++;
	if (r->src < r->end && *r->src == '^') {
		negated = !negated;
		r->src++;
	}
	close = memchr(r->src, '}', (size_t)(r->end - r->src));
	if (!close || !plain_name(r->src, (size_t)(close - r->src), name, sizeof(name)))
		return refuse(r, "\\p without a {name}");
	category = short_category(name);
	named = category ? NULL : find_posix(name);
	if (category)
		snprintf(known, sizeof(known), "%s", category);
	else if (!named && !pcre2_property(name, known, sizeof(known)))
		return refuse(r, "an unknown \\p{name}");
	r->src = close + 1;
	if (named)
		return add_named(set, named, negated);
	snprintf(item, sizeof(item), "\\%c{%s}", negated ? 'P' : 'p', known);
	return text_append_string(&set->items, item);
}

/* Up to `max` digits of a base; false when there is none or the value is no character. */
static bool number(struct rewriter *r, int base, int max, uint32_t *value)
{
	int n = 0;

	*value = 0;
	for (; n < max && r->src < r->end; n++, r->src++) {
		char c = *r->src;
		int digit = c >= '0' && c <= '9' ? c - '0' :
			    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			    c >= 'A' && c <= 'F' ? c - 'A' + 10 :
						   99;

		if (digit >= base)
			break;
		*value = *value * (uint32_t)base + (uint32_t)digit;
	}
	return n > 0 && *value <= 0x10ffff && (*value < 0xd800 || *value > 0xdfff);
}

/*
 * An escape that stands for one character, in and out of classes, with r->src
 * behind the backslash: 1 with *code, 0 when it is something else.
 */
static int escaped_char(struct rewriter *r, uint32_t *code)
{
	static const char letters[] = "tnrfvae";
	static const char values[] = "\t\n\r\f\v\a\x1b";
	const char *at = r->src;
	const char *letter;
	size_t pos = 0;

	if (r->src == r->end)
		return refuse(r, "a backslash at the end");
	letter = strchr(letters, *at);
	if (*at && letter) {
		*code = (uint32_t)values[letter - letters];
		r->src++;
		return 1;
	}
	if (*at == 'x' && r->end - at > 1 && at[1] == '{') {
		r->src += 2;
		if (!number(r, 16, 8, code) || r->src == r->end || *r->src != '}')
			return refuse(r, "\\x{...} that is not one character");
		r->src++;
		return 1;
	}
	if (*at == 'x' || *at == 'u') {
		r->src++;
		if (!number(r, 16, *at == 'x' ? 2 : 4, code) || (*at == 'u' && r->src - at != 5))
			return refuse(r, "an escape that is not a character");
		if (*at == 'x' && *code > 0x7f)
			return refuse(r, "\\x80 to \\xff, bytes and not characters");
		return 1;
	}
	if (*at == '0') {
		if (!number(r, 8, 3, code) || *code > 0x7f)
			return refuse(r, "an octal escape past \\0177");
		return 1;
	}
	if (isalnum((unsigned char)*at))
		return 0;
	*code = utf8_next(at, &pos);
	r->src += pos;
	return 1;
}

/* An escape that stands for a set (\s, \p{L} ...), r->src behind the backslash: 1, or 0. */
static int escaped_set(struct rewriter *r, bool in_class, struct charset *set)
{
	static const struct named_set word = { "w", WORD_ESCAPE_ITEMS, NULL };
	char c = *r->src;
	bool negated = isupper((unsigned char)c) != 0;
	const struct named_set *named;
	int rc;

	switch (tolower((unsigned char)c)) {
	case 's':
		named = find_posix("space");
		break;
	case 'w':
		named = in_class ? find_posix("word") : &word;
		break;
	case 'd':
		named = find_posix("digit");
		break;
	case 'h':
		named = find_posix("xdigit");
		break;
	case 'p':
		r->src++;
		rc = property(r, negated, set);
		return rc ? rc : 1;
	default:
		return 0;
	}
	r->src++;
	rc = add_named(set, named, negated);
	return rc ? rc : 1;
}

/* [:name:] or [:^name:] with r->src at the '[': 1, or 0 when it is not one. */
static int posix_bracket(struct rewriter *r, struct charset *set)
{
	const struct named_set *named;
	const char *name = r->src + 2;
	const char *close;
	bool negated = false;
	char plain[16];
	int rc;

	if (r->end - r->src < 4 || r->src[1] != ':')
		return 0;
	if (*name == '^') {
		negated = true;
		name++;
	}
	close = memchr(name, ':', (size_t)(r->end - name));
	if (!close || close + 1 == r->end || close[1] != ']' ||
	    !plain_name(name, (size_t)(close - name), plain, sizeof(plain)))
		return 0;
	named = find_posix(plain);
	if (!named)
		return refuse(r, "an unknown [:class:]");
	r->src = close + 2;
	rc = add_named(set, named, negated);
	return rc ? rc : 1;
}

/* The set as an expression that matches one character. */
static int charset_expression(const struct charset *set, struct text *out)
{
	bool both = set->items.len > 0 && set->others.len > 0;

	if (set->others.len > 0 && text_append_string(out, "(?:"))
		return -ENOMEM;
	if (set->items.len > 0 &&
	    (text_append(out, "[", 1) || text_append(out, set->items.data, set->items.len) ||
	     text_append(out, "]", 1)))
		return -ENOMEM;
	if ((both && text_append(out, "|", 1)) ||
	    text_append(out, set->others.data, set->others.len) ||
	    (set->others.len > 0 && text_append(out, ")", 1)))
		return -ENOMEM;
	return 0;
}

/* A class inside a class. */
static int nested_class(struct rewriter *r, struct charset *set)
{
	struct charset simple = { 0 };
	struct text expr = { 0 };
	int rc = class_expression(r, &simple, &expr);

	if (rc == 0 && simple.items.len > 0)
		rc = text_append(&set->items, simple.items.data, simple.items.len);
	else if (rc == 0)
		rc = add_other(set, expr.data, expr.len);
	charset_finish(&simple);
	text_finish(&expr);
	return rc;
}

/* The last character of a range, r->src behind the '-': 1, or 0 when it is no range. */
static int range_end(struct rewriter *r, uint32_t *last)
{
	const char *start = r->src;
	size_t pos = 0;
	int rc;

	if (r->src == r->end || *r->src == ']' || *r->src == '[')
		return 0;
	if (*r->src != '\\') {
		*last = utf8_next(r->src, &pos);
		r->src += pos;
		return 1;
	}
	r->src++;
	rc = escaped_char(r, last);
	if (rc == 0)
		r->src = start;
	return rc;
}

static int add_range(struct rewriter *r, struct charset *set, uint32_t first)
{
	uint32_t last = first;
	int rc = 0;

	if (r->src < r->end && *r->src == '-') {
		r->src++;
		rc = range_end(r, &last);
		if (rc < 0)
			return rc;
		if (rc == 0)
			r->src--; /* a '-' for itself */
		else if (last < first)
			return refuse(r, "a range that goes backwards");
	}
	if (add_code(&set->items, first))
		return -ENOMEM;
	if (rc == 0)
		return 0;
	if (text_append(&set->items, "-", 1))
		return -ENOMEM;
	return add_code(&set->items, last);
}

/* One item of a class. */
static int class_item(struct rewriter *r, struct charset *set)
{
	uint32_t code;
	size_t pos = 0;
	int rc;

	if (*r->src == '[') {
		rc = posix_bracket(r, set);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		return nested_class(r, set);
	}
	if (*r->src == '\\') {
		r->src++;
		rc = escaped_char(r, &code);
		if (rc == 0) {
			rc = escaped_set(r, true, set);
			if (rc != 0)
				return rc < 0 ? rc : 0;
			if (isdigit((unsigned char)*r->src) || strchr("cCMRXbB", *r->src))
				return refuse(r, "an unsupported escape in a class");
			code = (unsigned char)*r->src++;
			rc = 1;
		}
		if (rc < 0)
			return rc;
	} else {
		code = utf8_next(r->src, &pos);
		r->src += pos;
	}
	return add_range(r, set, code);
}

/* Items up to ']' or '&&'. */
static int class_union(struct rewriter *r, bool first, struct charset *set)
{
	int rc = 0;

	/* ']' at the very beginning is a character, if another one closes the class. */
	if (first && r->src < r->end && *r->src == ']') {
		if (!memchr(r->src + 1, ']', (size_t)(r->end - r->src - 1)))
			return refuse(r, "an empty class");
		r->src++;
		rc = add_range(r, set, ']');
	}
	while (rc == 0 && r->src < r->end && *r->src != ']') {
		if (r->src[0] == '&' && r->end - r->src > 1 && r->src[1] == '&')
			break;
		rc = class_item(r, set);
	}
	if (rc == 0 && r->src == r->end)
		return refuse(r, "a class without its ']'");
	return rc;
}

/* A&&B...: all but the last look ahead. */
static int intersect(struct rewriter *r, struct charset *left, struct text *out)
{
	struct charset right = { 0 };
	int rc = 0;

	if (text_append_string(out, "(?:"))
		return -ENOMEM;
	while (rc == 0 && *r->src == '&') {
		if (left->items.len + left->others.len == 0)
			return refuse(r, "an empty side of &&");
		if (text_append_string(out, "(?=") || charset_expression(left, out) ||
		    text_append(out, ")", 1))
			return -ENOMEM;
		r->src += 2;
		rc = class_union(r, false, &right);
		charset_finish(left);
		*left = right;
		right = (struct charset){ 0 };
	}
	if (rc)
		return rc;
	if (left->items.len + left->others.len == 0)
		return refuse(r, "an empty side of &&");
	if (charset_expression(left, out) || text_append(out, ")", 1))
		return -ENOMEM;
	return 0;
}

static int negate(const struct charset *set, const struct text *expr, struct text *out)
{
	if (set->items.len > 0 && set->others.len == 0 && expr->len == 0) {
		if (text_append_string(out, "[^") ||
		    text_append(out, set->items.data, set->items.len) || text_append(out, "]", 1))
			return -ENOMEM;
		return 0;
	}
	if (text_append_string(out, "(?:(?!"))
		return -ENOMEM;
	if (expr->len > 0 ? text_append(out, expr->data, expr->len) : charset_expression(set, out))
		return -ENOMEM;
	return text_append_string(out, ")" ANY_CHAR ")");
}

/*
 * A whole class, r->src at its '['. A plain positive one comes back as items in
 * *simple when that is not NULL; every other as an expression appended to *out.
 */
static int class_expression(struct rewriter *r, struct charset *simple, struct text *out)
{
	struct charset set = { 0 };
	struct text expr = { 0 };
	bool negated = false;
	int rc;

	if (++r->depth > NESTING_MAX)
		return refuse(r, "classes nested too deep");
	r->src++;
	if (r->src < r->end && *r->src == '^') {
		negated = true;
		r->src++;
	}
	rc = class_union(r, true, &set);
	if (rc == 0 && *r->src == '&')
		rc = intersect(r, &set, &expr);
	else if (rc == 0 && set.items.len + set.others.len == 0)
		rc = refuse(r, "an empty class");
	if (rc)
		goto out;
	r->src++;

	if (negated)
		rc = negate(&set, &expr, out);
	else if (expr.len > 0)
		rc = text_append(out, expr.data, expr.len);
	else if (simple && set.others.len == 0)
		text_swap(&simple->items, &set.items);
	else
		rc = charset_expression(&set, out);
out:
	charset_finish(&set);
	text_finish(&expr);
	r->depth--;
	return rc;
}

/* \k<name>, what the group matched, with r->src at the 'k'. */
static int named_reference(struct rewriter *r)
{
	const char *at = r->src + 1;

	if (at < r->end && *at == '<')
		for (at++; at < r->end && (isalnum((unsigned char)*at) || *at == '_'); at++)
			;
	if (at == r->end || *at != '>' || at - r->src < 3)
		return refuse(r, "\\k without <name>");
	if (text_append(&r->out, "\\", 1) ||
	    text_append(&r->out, r->src, (size_t)(at + 1 - r->src)))
		return -ENOMEM;
	r->src = at; /* the caller passes the last one */
	return 0;
}

/* An escape outside classes, r->src at the backslash. */
static int escape(struct rewriter *r)
{
	struct charset set = { 0 };
	uint32_t code;
	int rc;

	r->src++;
	rc = escaped_char(r, &code);
	if (rc != 0)
		return rc < 0 ? rc : add_code(&r->out, code);
	rc = escaped_set(r, false, &set);
	if (rc > 0)
		rc = charset_expression(&set, &r->out);
	else if (rc == 0 && *r->src == 'b')
		rc = text_append_string(&r->out, "(?:" AFTER_WORD NOT_BEFORE_WORD
						 "|" NOT_AFTER_WORD BEFORE_WORD ")");
	else if (rc == 0 && *r->src == 'B')
		rc = text_append_string(&r->out, "(?:" AFTER_WORD BEFORE_WORD
						 "|" NOT_AFTER_WORD NOT_BEFORE_WORD ")");
	else if (rc == 0 && *r->src == 'k')
		rc = named_reference(r);
	else if (rc == 0 && (strchr("AzZGRXN", *r->src) || isdigit((unsigned char)*r->src)))
		rc = text_append(&r->out, "\\", 1) ? -ENOMEM : text_append(&r->out, r->src, 1);
	else if (rc == 0)
		return refuse(r, "an unsupported escape");
	else
		goto out;
	/* escaped_set() has moved on; the others are one letter. */
	if (set.items.len + set.others.len == 0)
		r->src++;
out:
	charset_finish(&set);
	return rc;
}

/* The options of (?imx-imx with r->src behind "(?", as PCRE2 has them. */
static int options(struct rewriter *r)
{
	for (; r->src < r->end && *r->src != ':' && *r->src != ')'; r->src++) {
		char c = *r->src == 'm' ? 's' : *r->src;

		if (c != 'i' && *r->src != 'm' && c != '-')
			return refuse(r, "an unsupported group or option");
		if (text_append(&r->out, &c, 1))
			return -ENOMEM;
	}
	return r->src == r->end ? refuse(r, "a group without its ')'") : 0;
}

static int close_group(struct rewriter *r)
{
	if (r->src == r->end)
		return refuse(r, "a group without its ')'");
	r->src++;
	return text_append(&r->out, ")", 1);
}

/* How long "(", "(?:", "(?<name>" and the like are; 0 for options and what is not supported. */
static size_t group_opening(const struct rewriter *r)
{
	static const char *const openings[] = { "(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!" };
	size_t left = (size_t)(r->end - r->src);
	size_t n;

	if (left > 1 && r->src[1] == '*')
		return 0;
	if (left < 2 || r->src[1] != '?')
		return 1;
	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		n = strlen(openings[i]);
		if (left >= n && memcmp(r->src, openings[i], n) == 0)
			return n;
	}
	if (left < 4 || r->src[2] != '<')
		return 0;
	for (n = 3; n < left && (isalnum((unsigned char)r->src[n]) || r->src[n] == '_'); n++)
		;
	return n < left && r->src[n] == '>' && n > 3 ? n + 1 : 0;
}

static int comment(struct rewriter *r)
{
	const char *close = memchr(r->src, ')', (size_t)(r->end - r->src));

	if (!close)
		return refuse(r, "a comment without its ')'");
	r->src = close + 1;
	return 0;
}

static int group(struct rewriter *r)
{
	size_t opening = group_opening(r);
	int rc;

	if (++r->depth > NESTING_MAX)
		return refuse(r, "groups nested too deep");
	if (opening > 0) {
		rc = text_append(&r->out, r->src, opening);
		r->src += opening;
		if (rc == 0)
			rc = branches(r);
		if (rc == 0)
			rc = close_group(r);
	} else if (r->end - r->src > 2 && r->src[1] == '?' && r->src[2] == '#') {
		rc = comment(r);
	} else if (r->src[1] == '?') {
		rc = text_append_string(&r->out, "(?");
		r->src += 2;
		if (rc == 0)
			rc = options(r);
		if (rc == 0 && *r->src == ':') {
			r->src++;
			rc = text_append(&r->out, ":", 1);
			if (rc == 0)
				rc = branches(r);
			if (rc == 0)
				rc = close_group(r);
		} else if (rc == 0) {
			/* (?i) takes in the rest of the group, its branches too. */
			r->src++;
			rc = text_append(&r->out, ":", 1);
			if (rc == 0)
				rc = branches(r);
			if (rc == 0)
				rc = text_append(&r->out, ")", 1);
		}
	} else {
		rc = refuse(r, "(*...), which Oniguruma does not have,");
	}
	r->depth--;
	return rc;
}

/* {n}, {n,}, {n,m}, {,m} at r->src: its length, or 0. Sets *fixed for {n}. */
static size_t interval(const struct rewriter *r, bool *fixed)
{
	const char *at = r->src + 1;
	bool digits = false;
	bool comma = false;

	for (; at < r->end && isdigit((unsigned char)*at); at++)
		digits = true;
	if (at < r->end && *at == ',') {
		comma = true;
		for (at++; at < r->end && isdigit((unsigned char)*at); at++)
			digits = true;
	}
	*fixed = !comma;
	return at < r->end && *at == '}' && digits ? (size_t)(at + 1 - r->src) : 0;
}

/* One repeat at r->src: 1 when there was one. */
static int repeat(struct rewriter *r)
{
	bool fixed = false;
	size_t n = 1;
	bool braces;

	if (r->src == r->end || !strchr("?*+{", *r->src) || !*r->src)
		return 0;
	braces = *r->src == '{';
	if (braces) {
		n = interval(r, &fixed);
		if (n == 0)
			return 0;
	}
	if (braces && r->src[1] == ',') {
		if (text_append_string(&r->out, "{0") || text_append(&r->out, r->src + 1, n - 1))
			return -ENOMEM;
	} else if (text_append(&r->out, r->src, n)) {
		return -ENOMEM;
	}
	r->src += n;
	/* Lazy and possessive; {n}? and {n,m}+ are repeats of a repeat. */
	if (r->src < r->end &&
	    ((*r->src == '?' && !(braces && fixed)) || (*r->src == '+' && !braces))) {
		if (text_append(&r->out, r->src, 1))
			return -ENOMEM;
		r->src++;
	}
	return 1;
}

/* The repeats behind what was written from `start` on; each but the first repeats a group. */
static int repeats(struct rewriter *r, size_t start)
{
	int count = 0;
	int rc;

	for (;;) {
		size_t before = r->out.len;

		rc = repeat(r);
		if (rc <= 0)
			return rc;
		if (count++ > 0 &&
		    (text_insert(&r->out, before, ")", 1) || text_insert(&r->out, start, "(?:", 3)))
			return -ENOMEM;
	}
}

/* One thing that a repeat may follow. */
static int atom(struct rewriter *r)
{
	size_t n;
	int rc;

	switch (*r->src) {
	case '\\':
		return escape(r);
	case '[':
		return class_expression(r, NULL, &r->out);
	case '(':
		return group(r);
	case '.':
	case '^':
	case '$':
		rc = text_append(&r->out, r->src, 1);
		r->src++;
		return rc;
	case '?':
	case '*':
	case '+':
		return refuse(r, "a repeat of nothing");
	default:
		if (strchr("{}]#", *r->src) && *r->src) {
			rc = add_code(&r->out, (unsigned char)*r->src);
			r->src++;
			return rc;
		}
		n = utf8_length(r->src);
		rc = text_append(&r->out, r->src, n);
		r->src += n;
		return rc;
	}
}

/* Everything up to the end or an unopened ')'. */
static int branches(struct rewriter *r)
{
	size_t start;
	int rc;

	while (r->src < r->end && *r->src != ')') {
		if (*r->src == '|') {
			r->src++;
			if (text_append(&r->out, "|", 1))
				return -ENOMEM;
			continue;
		}
		start = r->out.len;
		rc = atom(r);
		if (rc == 0)
			rc = repeats(r, start);
		if (rc)
			return rc;
	}
	return 0;
}

int regex_rewrite(const char *regex, const char *path, struct text *out, struct aios_status *st)
{
	size_t len = strlen(regex);
	struct rewriter r = {
		.src = regex,
		.begin = regex,
		.end = regex + len,
		.path = path,
		.st = st,
	};
	int rc;

	if (len > REGEX_MAX)
		return aios_fail(st, -EINVAL,
				 "%s: a regular expression of %zu bytes; the limit is "
				 "%d",
				 path, len, REGEX_MAX);
	/* PCRE2 wants a pointer even for an empty expression. */
	rc = text_reserve(&r.out, 1);
	if (rc == 0)
		rc = branches(&r);
	if (rc == 0 && r.src < r.end)
		rc = refuse(&r, "a ')' without its '('");
	if (rc) {
		text_finish(&r.out);
		return rc;
	}
	text_swap(out, &r.out);
	text_finish(&r.out);
	return 0;
}
