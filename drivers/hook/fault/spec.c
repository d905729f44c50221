// SPDX-License-Identifier: Apache-2.0
/* spec.c - see spec.h. */
#include "spec.h"

#include <string.h>

#include "lib/words.h"

static const char *const slot_names[FAULT_SLOT_COUNT] = {
	[FAULT_ALLOC] = "alloc",
	[FAULT_QUERY] = "query",
	[FAULT_LAUNCH] = "launch",
	[FAULT_COPY] = "copy",
	[FAULT_FILL] = "fill",
	[FAULT_SIGNAL] = "signal",
	[FAULT_WAIT] = "wait",
	[FAULT_QUEUE_CREATE] = "queue_create",
	[FAULT_QUEUE_WAIT] = "queue_wait",
	[FAULT_IMPORT] = "import",
	[FAULT_LAYOUT] = "layout",
	[FAULT_GRAPH_BEGIN] = "graph_begin",
	[FAULT_GRAPH_END] = "graph_end",
	[FAULT_GRAPH_LAUNCH] = "graph_launch",
	[FAULT_INFO] = "info",
	[FAULT_HEAP_INFO] = "heap_info",
	[FAULT_QUIESCE] = "quiesce",
	[FAULT_RESET] = "reset",
};

struct errno_name {
	const char *name;
	int value;
};

static const struct errno_name errno_names[] = {
	{ "EIO", EIO },
	{ "ENOMEM", ENOMEM },
	{ "EXHAUSTED", AIOS_EXHAUSTED },
	{ "EAGAIN", EAGAIN },
	{ "NOT_NOW", AIOS_NOT_NOW },
	{ "EDQUOT", EDQUOT },
	{ "OVER_BUDGET", AIOS_OVER_BUDGET },
	{ "EINVAL", EINVAL },
	{ "ENOSYS", ENOSYS },
	{ "ENOTSUP", ENOTSUP },
	{ "ETIMEDOUT", ETIMEDOUT },
	{ "EBUSY", EBUSY },
	{ "ENODEV", ENODEV },
	{ "EFAULT", EFAULT },
	{ "EPERM", EPERM },
	{ "ECANCELED", ECANCELED },
};

const char *fault_slot_name(enum fault_slot slot)
{
	return slot_names[slot];
}

static int refuse(const char *item, const char *expected, struct aios_status *st)
{
	return aios_fail(st, -EINVAL, "fault: '%.120s': expected %s", item, expected);
}

/* ---- SLOT@N=WHAT ------------------------------------------------------------------ */

static bool parse_slot(const char *name, size_t len, enum fault_slot *slot)
{
	for (int i = 0; i < FAULT_SLOT_COUNT; i++) {
		if (strlen(slot_names[i]) == len && memcmp(slot_names[i], name, len) == 0) {
			*slot = (enum fault_slot)i;
			return true;
		}
	}
	return false;
}

static bool parse_what(const char *text, struct fault_rule *rule)
{
	if (strcmp(text, "lost") == 0) {
		rule->what = FAULT_LOST;
		return true;
	}
	if (strncmp(text, "delay:", 6) == 0) {
		rule->what = FAULT_DELAY;
		return hook_parse_time(text + 6, &rule->ns);
	}
	rule->what = FAULT_ERROR;
	for (size_t i = 0; i < sizeof(errno_names) / sizeof(errno_names[0]); i++) {
		if (strcmp(text, errno_names[i].name) == 0) {
			rule->code = -errno_names[i].value;
			return true;
		}
	}
	return false;
}

static int parse_rule(const char *item, struct fault_spec *spec, struct aios_status *st)
{
	size_t len = strcspn(item, "@%");
	struct fault_rule *rule = &spec->rules[spec->n_rules];
	const char *equals = strchr(item, '=');
	char number[24];

	if (!item[len] || !equals || equals < item + len)
		return refuse(item,
			      "SLOT@N=WHAT, SLOT%N=WHAT, flip:KEY=VALUE,... or "
			      "exhaust:heap=N,bytes=SIZE",
			      st);
	if (spec->n_rules == FAULT_MAX_RULES)
		return aios_fail(st, -E2BIG, "fault: more than %d items", FAULT_MAX_RULES);
	if (!parse_slot(item, len, &rule->slot))
		return refuse(item,
			      "a slot: alloc query launch copy fill signal wait queue_create "
			      "queue_wait import layout graph_begin graph_end graph_launch info "
			      "heap_info quiesce reset",
			      st);
	snprintf(number, sizeof(number), "%.*s", (int)(equals - item - (ptrdiff_t)len - 1),
		 item + len + 1);
	if (!hook_parse_number(number, &rule->n) || rule->n == 0)
		return refuse(item, "a number of a call, from 1, behind '@' or '%'", st);
	rule->every = item[len] == '%';
	if (!parse_what(equals + 1, rule))
		return refuse(item, "EIO or another errno, 'lost', or 'delay:100ms'", st);
	spec->n_rules++;
	return 0;
}

/* ---- flip and exhaust ---------------------------------------------------------------- */

static bool parse_u32(const char *text, uint32_t *out)
{
	uint64_t n;

	if (!hook_parse_number(text, &n) || n >= UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool parse_op(const char *name, uint32_t *type)
{
	for (*type = 1; *type < AIOS_OP_COUNT; ++*type)
		if (strcmp(aios_op_name(*type), name) == 0)
			return true;
	return false;
}

static int parse_flip(const char *word, struct fault_flip *f, struct aios_status *st)
{
	const char *v;
	bool ok;

	if (hook_word_value(word, "op", &v))
		ok = parse_op(v, &f->op);
	else if (hook_word_value(word, "layer", &v))
		ok = parse_u32(v, &f->layer);
	else if (hook_word_value(word, "nth", &v))
		ok = hook_parse_number(v, &f->nth) && f->nth > 0;
	else if (hook_word_value(word, "out", &v))
		ok = *v &&
		     (size_t)snprintf(f->operand, sizeof(f->operand), "%s", v) < sizeof(f->operand);
	else if (hook_word_value(word, "row", &v))
		ok = parse_u32(v, &f->row);
	else if (hook_word_value(word, "col", &v))
		ok = parse_u32(v, &f->col);
	else if (hook_word_value(word, "bit", &v))
		ok = parse_u32(v, &f->bit) && f->bit < 64;
	else
		ok = false;
	return ok ? 0 :
		    refuse(word, "op=NAME, layer=N, nth=N, out=NAME, row=N, col=N or bit=N", st);
}

static int parse_limit(const char *word, uint32_t *heap, uint64_t *bytes, struct aios_status *st)
{
	const char *v;

	if (hook_word_value(word, "heap", &v) && parse_u32(v, heap) && *heap < AIOS_HEAP_COUNT)
		return 0;
	if (hook_word_value(word, "bytes", &v) && hook_parse_size(v, bytes))
		return 0;
	return refuse(word, "heap=0, 1 or 2 (device, pinned, mapped) or bytes=SIZE such as 1M", st);
}

/* Where the words of an item that has several go. */
struct open_item {
	struct fault_flip *flip;
	bool exhaust;
	uint32_t heap;
	uint64_t bytes;
};

static int end_item(struct fault_spec *spec, struct open_item *open, struct aios_status *st)
{
	int rc = 0;

	if (open->flip && open->flip->op == AIOS_OP_NONE)
		rc = aios_fail(st, -EINVAL, "fault: flip needs op=NAME");
	if (open->exhaust)
		spec->limits[open->heap] = (struct fault_limit){ true, open->bytes };
	memset(open, 0, sizeof(*open));
	return rc;
}

static int begin_flip(struct fault_spec *spec, struct open_item *open, struct aios_status *st)
{
	if (spec->n_flips == FAULT_MAX_RULES)
		return aios_fail(st, -E2BIG, "fault: more than %d flips", FAULT_MAX_RULES);
	open->flip = &spec->flips[spec->n_flips++];
	open->flip->layer = FAULT_ANY;
	open->flip->nth = 1;
	return 0;
}

static int parse_item(const char *word, struct fault_spec *spec, struct open_item *open,
		      struct aios_status *st)
{
	int rc;

	/* A word without '@' and '%' belongs to the item before it. */
	if (open->flip && !strpbrk(word, "@%:"))
		return parse_flip(word, open->flip, st);
	if (open->exhaust && !strpbrk(word, "@%:"))
		return parse_limit(word, &open->heap, &open->bytes, st);
	rc = end_item(spec, open, st);
	if (rc < 0)
		return rc;
	if (strncmp(word, "flip:", 5) == 0) {
		rc = begin_flip(spec, open, st);
		return rc < 0 ? rc : parse_flip(word + 5, open->flip, st);
	}
	if (strncmp(word, "exhaust:", 8) == 0) {
		open->exhaust = true;
		return parse_limit(word + 8, &open->heap, &open->bytes, st);
	}
	return parse_rule(word, spec, st);
}

int fault_parse(const char *args, struct fault_spec *spec, struct aios_status *st)
{
	struct open_item open = { 0 };
	char word[160];
	int rc;

	memset(spec, 0, sizeof(*spec));
	if (!*args)
		return aios_fail(st, -EINVAL,
				 "fault needs a fault: fault:launch@17=EIO, "
				 "fault:flip:op=matmul,layer=3,row=0,col=5,bit=12, ...");
	while ((rc = hook_next_word(&args, word, sizeof(word))) != 0) {
		if (rc < 0)
			return refuse(word, "a shorter word", st);
		rc = parse_item(word, spec, &open, st);
		if (rc < 0)
			return rc;
	}
	return end_item(spec, &open, st);
}
