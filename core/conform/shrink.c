// SPDX-License-Identifier: Apache-2.0
/* shrink.c - the smallest shape that still fails: halve each size, then take one off, while it does. */
#include <string.h>

#include "core/conform/conform.h"
#include "core/lib/clock.h"

#define MOST_TRIES 160
#define MOST_NS (10u * 1000000000ull)

struct shrinker {
	struct aios_conform *c;
	struct gen_case best;
	struct aios_conform_case last; /* how `best` failed */
	uint32_t tries;
	uint64_t until;
};

/* Does this variant fail too? Then it is the best one so far. 1, 0, or -ENOMEM. */
static int still_fails(struct shrinker *s, const struct gen_case *v)
{
	struct aios_conform_case r = { .status = AIOS_CONFORM_PASS };
	struct prog p;
	int rc;

	if (s->tries++ >= MOST_TRIES || clock_ns() > s->until)
		return 0;
	rc = gen_build(v, &p);
	if (!rc)
		rc = conform_run_prog(s->c, &p, &r);
	prog_finish(&p);
	if (rc)
		return rc == -EINVAL ? 0 : rc;
	if (r.status != AIOS_CONFORM_FAIL)
		return 0;
	s->best = *v;
	s->last = r;
	return 1;
}

/* Try parameter `i` at `value`. */
static int try_value(struct shrinker *s, uint32_t i, uint32_t value)
{
	struct gen_case v = s->best;

	v.v[i] = value;
	return still_fails(s, &v);
}

/* One round over all parameters; 1 when something became smaller. */
static int one_round(struct shrinker *s, bool halve)
{
	const struct gen *g = s->best.gen;
	int any = 0, rc;

	for (uint32_t i = 0; i < g->n_params; i++) {
		uint32_t least = g->params[i].least;

		if (g->params[i].kind != GEN_DIM && g->params[i].kind != GEN_FLAG)
			continue;
		while (s->best.v[i] > least) {
			uint32_t now = s->best.v[i];
			uint32_t next = g->params[i].kind == GEN_FLAG ? least :
					halve                         ? least + (now - least) / 2 :
									now - 1;

			rc = try_value(s, i, next);
			if (rc < 0)
				return rc;
			if (!rc)
				break;
			any = 1;
		}
	}
	return any;
}

int conform_shrink(struct aios_conform *c, const struct gen_case *from, struct aios_conform_case *r)
{
	struct shrinker s = { .c = c, .best = *from, .until = clock_ns() + MOST_NS };
	int rc = one_round(&s, true);

	while (rc == 1)
		rc = one_round(&s, true);
	while (rc >= 0) {
		rc = one_round(&s, false);
		if (rc != 1)
			break;
	}
	if (rc < 0)
		return rc;
	gen_describe(&s.best, r->smallest, sizeof(r->smallest));
	return 0;
}
