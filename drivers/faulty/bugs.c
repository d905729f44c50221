// SPDX-License-Identifier: Apache-2.0
/* bugs.c - the table of bugs. */
#include <string.h>

#include <aios/op.h>

#include "faulty.h"

#define ROW(id, bug_name, plain_op, cases, text)                                                   \
	[BUG_##id] = { .name = (bug_name), .what = (text), .op = AIOS_OP_##plain_op },

static const struct {
	const char *name, *what;
	unsigned int op;
} bugs[BUG_COUNT] = { [BUG_OFF] = { .name = "off", .what = "no bug was chosen" },
		      [BUG_NONE] = { .name = "none", .what = "nothing is wrong" },
		      [BUG_PLAIN] = { .name = "plain",
				      .what = "ops written anew, nothing is wrong" },
		      FAULTY_BUGS(ROW) };

int faulty_now = BUG_OFF;

enum faulty_bug faulty_find(const char *name)
{
	int i;

	for (i = 0; i < BUG_COUNT; i++)
		if (strcmp(bugs[i].name, name) == 0)
			return (enum faulty_bug)i;
	return BUG_OFF;
}

const char *faulty_name(enum faulty_bug bug)
{
	return bugs[bug].name;
}

const char *faulty_what(enum faulty_bug bug)
{
	return bugs[bug].what;
}

bool faulty_plain(unsigned int op_type)
{
	int now = __atomic_load_n(&faulty_now, __ATOMIC_RELAXED);

	return now == BUG_PLAIN || (bugs[now].op && bugs[now].op == op_type);
}
